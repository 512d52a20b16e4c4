"""The commands with their options; the work of each is in a file of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hinterland.cli.usage import Command, Group

cli = typer.Typer(
    name="hinterland",
    cls=Group,
    help="A backend that one command starts. Begin with: hinterland serve app.py",
    add_completion=False,
    pretty_exceptions_enable=False,
)
admin = typer.Typer(cls=Group, help="Manage administrators, who bypass all access rules.")
cli.add_typer(admin, name="admin")

AppFile = Annotated[
    Path | None, typer.Argument(help="The app file: Python that declares `app = App(...)`.", dir_okay=False)
]
GivenAppFile = Annotated[Path, typer.Argument(help="The changed app file.", dir_okay=False)]
AppOption = Annotated[
    Path | None,
    typer.Option("--app", help="The app file; by default what the data was last served with.", dir_okay=False),
]
Data = Annotated[Path, typer.Option("--data", help="The folder of the database.", file_okay=False)]
Password = Annotated[
    str, typer.Option(envvar="HINTERLAND_ADMIN_PASSWORD", show_envvar=True, help="Prompted for when omitted.")
]
DATA = Path("data")


def _version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"hinterland {version('hinterland')}")
        raise typer.Exit


@cli.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A backend that one command starts. Begin with: hinterland serve app.py"""


@cli.command(cls=Command)
def serve(
    app: AppFile = None,
    data: Data = DATA,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all interfaces.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    log_requests: Annotated[bool, typer.Option("--log-requests", help="Log a line for each request.")] = False,
) -> None:
    """Serve an app's backend; without an app file, an empty one.

    Example: hinterland serve app.py --data data --port 8000
    """
    from hinterland.cli.serving import serve as run

    run(app, data, host, port, logs_requests=log_requests)


@cli.command(cls=Command)
def migrate(
    app: GivenAppFile,
    data: Data = DATA,
    yes: Annotated[bool, typer.Option("--yes", help="Apply without asking.")] = False,
) -> None:
    """Migrate stored records to a changed app file: prints the plan, asks, and applies all of it or nothing.

    Stop the server first. Example: hinterland migrate app.py --data data
    """
    from hinterland.cli.migrating import migrate as run

    asyncio.run(run(app, data, is_agreed=yes))


@cli.command(cls=Command)
def compact(data: Data = DATA) -> None:
    """Write SQLite's file anew without the space of deleted rows: checked, and all of it or nothing.

    Stop the server first. Example: hinterland compact --data data
    """
    from hinterland.cli.compacting import compact as run

    run(data)


@admin.command("create", cls=Command)
def admin_create(
    email: Annotated[str, typer.Argument(help="The administrator's e-mail address.")],
    data: Data = DATA,
    app: AppOption = None,
    password: Password = "",
) -> None:
    """Create an administrator; works with and without a running server.

    Example: hinterland admin create me@example.org --data data
    """
    from hinterland.cli.admins import asked, create

    asyncio.run(create(email, password or asked(), data, app))


@admin.command("list", cls=Command)
def admin_list(data: Data = DATA, app: AppOption = None) -> None:
    """List the administrators; works with and without a running server.

    Example: hinterland admin list --data data
    """
    from hinterland.cli.admins import show

    asyncio.run(show(data, app))


@admin.command("remove", cls=Command)
def admin_remove(
    email: Annotated[str, typer.Argument(help="The administrator's e-mail address.")],
    data: Data = DATA,
    app: AppOption = None,
    force: Annotated[bool, typer.Option("--force", help="Remove the last administrator too.")] = False,
) -> None:
    """Remove an administrator and end their sessions; works with and without a running server.

    Example: hinterland admin remove me@example.org --data data
    """
    from hinterland.cli.admins import remove

    asyncio.run(remove(email, data, app, is_forced=force))


@admin.command("password", cls=Command)
def admin_password(
    email: Annotated[str, typer.Argument(help="The e-mail address used to log in.")],
    data: Data = DATA,
    app: AppOption = None,
    password: Password = "",
) -> None:
    """Set the password of an administrator or user and end their sessions; works with and without a running server.

    Example: hinterland admin password me@example.org --data data
    """
    from hinterland.cli.admins import asked, reset

    asyncio.run(reset(email, password or asked(), data, app))


@cli.command("import", cls=Command)
def import_file(
    collection: Annotated[str, typer.Argument(help="The collection to import into.")],
    file: Annotated[Path, typer.Argument(help="A .json (array), .jsonl/.ndjson, .csv or .tsv file.", dir_okay=False)],
    data: Data = DATA,
    app: AppOption = None,
    map: Annotated[
        list[str] | None,
        typer.Option("--map", help="Map a column to a field: 'Full name=name'; 'Notes=' omits it."),
    ] = None,
    separator: Annotated[str, typer.Option(help="CSV separator: one character, or tab; detected by default.")] = "",
    encoding: Annotated[str, typer.Option(help="CSV encoding, such as windows-1252; UTF-8 by default.")] = "",
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="Read 1,5 in CSV as 1.5.")] = False,
    timezone: Annotated[str, typer.Option(help="Time zone of times without an offset: Europe/Rome, or +02:00.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and show the first records; import nothing.")
    ] = False,
) -> None:
    """Create a record from each row of a file, through the running server or, without one, directly.

    Refused rows are listed with the reason; the others are created. Example: hinterland import cars cars.json
    """
    from hinterland.cli.importing import ImportOptions, layout_of
    from hinterland.cli.importing import import_file as run

    layout = layout_of(map or [], separator, encoding)
    options = ImportOptions(collection, file, layout, decimal_comma, timezone, dry_run)
    asyncio.run(run(options, data, app))
