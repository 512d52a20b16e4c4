"""`hinterland migrate`: prints what a changed app file means for stored records, then applies it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.cli.reaching import app_of, demand_database, running
from hinterland.kit.clock import SystemClock
from hinterland.server.app import storage_for
from hinterland.server.data import schema
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.migration import NO_RENAMES, Migration, Renames
from hinterland.server.data.migration import migrate as apply_migration
from hinterland.server.data.search_change import too_many
from hinterland.server.declaration import App
from hinterland.server.storage.protocol import Storage


async def migrate(path: Path, data: Path, *, renames: Renames = NO_RENAMES, is_agreed: bool) -> None:
    """Rehearse, print the plan, ask unless `is_agreed`, and apply it."""
    with error_boundary(path, data):
        app = app_of(path)
        demand_database(app.settings, data)
        storage = storage_for(app.settings, data)
        Catalogue(
            app.collections, storage.dialect, app.auth_fields
        )  # an invalid rule is reported before anything is changed
        if (server := running(data, path)) is not None:
            fail(f"the server at {server[0]} has {data} open; stop it before you migrate")
        await storage.open()
        try:
            await _migrate(app, storage, renames, is_agreed=is_agreed)
        finally:
            await storage.close()


async def _migrate(app: App, storage: Storage, renames: Renames, *, is_agreed: bool) -> None:
    stored = await schema.stored(storage)
    new = app.collections
    if not schema.breaking(stored, new) and not await too_many(storage, storage.dialect, stored, new):
        if reasons := await schema.too_long(storage, storage.dialect, stored, new):
            fail(schema.index_problem(reasons))
        print_result("Nothing to migrate; `hinterland serve` applies additions at its start.")
        return
    rehearsed = await apply_migration(storage, new, SystemClock().now(), renames=renames, is_rehearsal=True)
    _print_plan(rehearsed)
    if not is_agreed:
        _ask()
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("migrate", total=None)
        show = partial(_show, progress, task)
        done = await apply_migration(storage, new, SystemClock().now(), renames=renames, report=show)
    if done.problems:  # another server wrote in between
        _print_plan(done)
    print_result("Migrated: the records match the app file.")


def _show(progress: Progress, task: TaskID, description: str, done: int, total: int) -> None:
    progress.update(task, description=description, completed=done, total=total)


def _print_plan(migration: Migration) -> None:
    for step in migration.steps:
        print_result(f"  - {step}")
    if migration.problems:
        listed = "".join(f"\n  - {problem}" for problem in migration.problems)
        fail(f"cannot migrate; nothing was changed:{listed}\nfix the records or the app file, then retry")


def _ask() -> None:
    if not sys.stdin.isatty():
        fail("nothing was changed: no terminal to ask on; add --yes to apply the plan")
    if not click.confirm("Apply? Back up the data first."):
        fail("nothing was changed")
