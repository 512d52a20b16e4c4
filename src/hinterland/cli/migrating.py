"""`hinterland migrate`: what a changed app file means for stored records, told first and then done."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.cli.reaching import app_of, demand_database, running
from hinterland.kit.clock import SystemClock
from hinterland.server.app import storage_for
from hinterland.server.data import schema
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.migration import Migration
from hinterland.server.data.migration import migrate as bring
from hinterland.server.declaration import App
from hinterland.server.storage.protocol import Storage


async def migrate(path: Path, data: Path, *, is_agreed: bool) -> None:
    """Rehearse, tell, ask unless `is_agreed`, and do it."""
    with error_boundary(path, data):
        app = app_of(path)
        demand_database(app.settings, data)
        storage = storage_for(app.settings, data)
        Catalogue(app.collections, storage.dialect)  # a broken rule is told before anything is touched
        if (server := running(data, path)) is not None and storage.dialect == "sqlite":
            fail(f"the server at {server[0]} uses {data}: stop it first, so that nobody writes meanwhile")
        await storage.open()
        try:
            await _migrate(app, storage, is_agreed=is_agreed)
        finally:
            await storage.close()


async def _migrate(app: App, storage: Storage, *, is_agreed: bool) -> None:
    stored = await schema.stored(storage)
    if not schema.breaking(stored, app.collections):
        if reasons := await schema.too_long(storage, storage.dialect, stored, app.collections):
            fail(schema.index_problem(reasons))
        print_result("There is nothing to migrate: `hinterland serve` makes what is new by itself.")
        return
    rehearsed = await bring(storage, app.collections, SystemClock().now(), is_rehearsal=True)
    _tell(rehearsed)
    if not is_agreed:
        _ask()
    done = await bring(storage, app.collections, SystemClock().now())
    if done.problems:  # another server wrote in between
        _tell(done)
    print_result("Done: the records are those of the app file now.")


def _tell(migration: Migration) -> None:
    for step in migration.steps:
        print_result(f"  - {step}")
    if migration.problems:
        listed = "".join(f"\n  - {problem}" for problem in migration.problems)
        fail(f"this can't be done, and nothing was changed:{listed}\nfix the records or the app file, and try again")


def _ask() -> None:
    if not sys.stdin.isatty():
        fail("nothing was changed, since there is no terminal to ask on; add --yes to do this")
    if not typer.confirm("Do this? Make a copy of the data first where it matters."):
        fail("nothing was changed")
