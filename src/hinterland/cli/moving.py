"""`hinterland migrate --from … --to …`: copies a database to another one and compares both."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.server.data.copying import Comparison, copy
from hinterland.server.storage.database import Database
from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage

_LITE = "sqlite:"
_POSTGRES = ("postgresql://", "postgres://")
_NAMED = "hinterland-migrate"  # how the copy's own connections name themselves


async def move(source: str, target: str) -> None:
    """Copy the database at the address `source` to the empty one at `target`, and say how they compare."""
    with error_boundary(None, Path()):
        _demand_database(source)
        async with AsyncExitStack() as stack:
            databases = [_database(address, option) for address, option in ((source, "--from"), (target, "--to"))]
            databases[1].is_target = True
            for database in databases:
                await database.open()
                stack.push_async_callback(database.close)
            await _demand_stillness(databases[0])
            compared = await _copied(databases[0], databases[1])
            await _demand_stillness(databases[0])
        _print_comparison(compared, target)


def _database(address: str, option: str) -> Any:
    if address.startswith(_LITE) and len(address) > len(_LITE):
        return SqliteStorage(_folder(address))
    if not address.startswith(_POSTGRES):
        fail(f"{option} {address!r} is not the address of a database; give sqlite:<dir> or postgresql://user@host/name")
    try:
        from hinterland.server.storage.postgres import PostgresStorage
    except ModuleNotFoundError as error:
        fail(f"{option} is PostgreSQL, and {error.name} is not installed; install hinterland with the extra 'postgres'")
    sign = "&" if "?" in address else "?"
    return PostgresStorage(f"{address}{sign}application_name={_NAMED}")


def _folder(address: str) -> Path:
    path = Path(address.removeprefix(_LITE))
    return path.parent if path.name == FILE_NAME else path


def _demand_database(source: str) -> None:
    """A mistyped folder must not become a new database that is then copied."""
    if source.startswith(_LITE) and not (_folder(source) / FILE_NAME).exists():
        fail(f"no database in {_folder(source)}; give the folder of the database with --from sqlite:<dir>")


async def _demand_stillness(source: Any) -> None:
    """A SQLite file is locked by who has it open; servers on PostgreSQL are seen by their connections."""
    others = getattr(source, "others", None)
    if others is not None and await others():
        fail("a server uses the source; stop all servers of it, then retry: what they write now would be missing")


async def _copied(source: Database, target: Database) -> list[Comparison]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("copying", total=None)

        def report(name: str, done: int, total: int) -> None:
            progress.update(task, description=name, completed=done, total=total)

        return await copy(source, target, report)


def _print_comparison(compared: list[Comparison], target: str) -> None:
    different = [part for part in compared if not part.is_equal]
    for part in compared:
        if part.is_equal and part.counts[0]:
            print_result(f"  {part.name:<24} {part.counts[0]:>12,}  {part.checksums[0][:16]}")
    if different:
        lines = "".join(
            f"\n  - {part.name}: {part.counts[0]:,} and {part.counts[1]:,} rows; the first difference is at "
            f"{'/'.join(map(str, part.differs_at or ()))}"
            for part in different
        )
        fail(f"the copy differs from the source and can't be served:{lines}\nempty the target, then begin again")
    where = f"--data {_folder(target)}" if target.startswith(_LITE) else "HINTERLAND_DATABASE_URL"
    print_result(f"Copied and compared: both are equal. Serve it with {click.style(where, bold=True)}.")
