"""`hinterland compact`: give the disk back what deleted rows left in the database's file."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.cli.reaching import app_of, demand_database
from hinterland.server.storage.sqlite_compact import compact as rewrite

_OF_POSTGRES = (
    "compact is for SQLite, and database_url names PostgreSQL, which uses the space of deleted rows again by itself "
    "(autovacuum); to give it back to the disk, stop the servers and run VACUUM FULL in psql, or use pg_repack while "
    "they run"
)


def compact(data: Path) -> None:
    """Compact the database of a folder, and print its size before and after."""
    with error_boundary(None, data):
        settings = app_of(None).settings
        if settings.database_url:
            fail(_OF_POSTGRES)
        demand_database(settings, data)
        columns = (TextColumn("compacting"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=1.0)
            before, after = rewrite(data, lambda share: progress.update(task, completed=share))
        print_result(f"Compacted {data}: {_size(before)} before, {_size(after)} now.")


def _size(octets: int) -> str:
    return f"{octets / 2**20:,.1f} MiB"
