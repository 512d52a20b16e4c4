"""The commands with their options; the work of each is in a file of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from hinterland.cli.usage import Group, Port, Rename, Workers

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

data_option = click.option(
    "--data", type=FOLDER, default=Path("data"), show_default=True, metavar="<dir>", help="The folder of the database."
)
app_option = click.option(
    "--app", type=FILE, metavar="<file>", help="The app file; by default what the data was last served with."
)
email_argument = click.argument("email", help="The administrator's e-mail address.")
password_option = click.option(
    "--password", default="", metavar="<text>", envvar="HINTERLAND_ADMIN_PASSWORD", show_envvar=True,
    help="Prompted for when omitted.",
)  # fmt: skip


user_argument = click.argument("user", help="The user's e-mail address or id.")


@click.group(cls=Group)
@click.version_option(package_name="hinterland", message="hinterland %(version)s", help="Print the version and exit.")
def cli() -> None:
    """A backend that one command starts. Begin with: hinterland serve app.py"""


@cli.command()
@click.argument("app", type=FILE, required=False, help="The app file: Python that declares `app = App(...)`.")
@data_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="<address>",
    help="The address to listen on; 0.0.0.0 for all interfaces.",
)  # fmt: skip
@click.option(
    "--port", type=Port(), default=8000, show_default=True, metavar="<number>",
    help="The port to listen on.",
)  # fmt: skip
@click.option(
    "--static", default=None, metavar="<dir>", help="Serve the built web page in this folder beside the API.",
)  # fmt: skip
@click.option("--log-requests", is_flag=True, help="Log a line for each request.")
@click.option(
    "--workers", type=Workers(), default=1, show_default=True, metavar="<number>",
    help="How many processes serve; more than one need PostgreSQL.",
)  # fmt: skip
def serve(
    app: Path | None, data: Path, host: str, port: int, static: str | None, log_requests: bool, workers: int
) -> None:
    """Serve an app's backend; without an app file, an empty one.

    Example: hinterland serve app.py --data data --port 8000
    """
    from hinterland.cli import serving

    wanted = serving.Serving(app, data, static, log_requests, workers)
    if workers == 1:
        serving.serve(wanted, host, port)
        return
    from hinterland.cli.workers import serve_workers  # which most servers don't need

    serve_workers(wanted, host, port)


@cli.command()
@click.argument("app", type=FILE, required=False, help="The changed app file.")
@data_option
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option(
    "--rename", type=Rename(), multiple=True, metavar="<collection.old=new>",
    help="Keep the values of a field under its new name: posts.title=headline. May be repeated.",
)  # fmt: skip
@click.option(
    "--from", "source", default="", metavar="<database>",
    help="Instead, copy this database, sqlite:<dir> or postgresql://…, with accounts, keys and history.",
)  # fmt: skip
@click.option("--to", "target", default="", metavar="<database>", help="The empty database to copy to.")
def migrate(
    app: Path | None, data: Path, yes: bool, rename: tuple[tuple[str, str, str], ...], source: str, target: str
) -> None:
    """Migrate stored records to a changed app file: prints the plan, asks, and applies all of it or nothing. Or, with
    --from and --to, copy a whole database to another one.

    Stop the server first.

    Example: hinterland migrate app.py --data data

    Example: hinterland migrate --from sqlite:data --to postgresql://user@host/name
    """
    if source or target:
        if app is not None or rename or not (source and target):
            raise click.UsageError("give an app file, or --from and --to")
        from hinterland.cli.moving import move

        asyncio.run(move(source, target))
        return
    if app is None:
        raise click.UsageError("give the changed app file, or --from and --to")
    from hinterland.cli.migrating import migrate as run

    renames: dict[str, dict[str, str]] = {}
    for collection, old, new in rename:
        if old in (fields := renames.setdefault(collection, {})):
            raise click.UsageError(f"--rename {collection}.{old} is given twice")
        fields[old] = new
    asyncio.run(run(app, data, renames=renames, is_agreed=yes))


@cli.command()
@data_option
def compact(data: Path) -> None:
    """Write SQLite's file anew without the space of deleted rows: checked, and all of it or nothing.

    Stop the server first.

    Example: hinterland compact --data data
    """
    from hinterland.cli.compacting import compact as run

    run(data)


@cli.command("import")
@click.argument("collection", help="The collection to import into.")
@click.argument("file", type=FILE, help="A .json (array), .jsonl/.ndjson, .csv or .tsv file.")
@data_option
@app_option
@click.option(
    "--map",
    multiple=True,
    metavar="<column=field>",
    help="Map a column to a field: 'Full name=name'; 'Notes=' omits it.",
)
@click.option(
    "--separator", default="", metavar="<text>", help="CSV separator: one character, or tab; detected by default."
)
@click.option("--encoding", default="", metavar="<name>", help="CSV encoding, such as windows-1252; UTF-8 by default.")
@click.option("--decimal-comma", is_flag=True, help="Read 1,5 in CSV as 1.5.")
@click.option(
    "--timezone", default="", metavar="<name>", help="Time zone of times without an offset: Europe/Rome, or +02:00."
)
@click.option("--dry-run", is_flag=True, help="Check every row and show the first records; import nothing.")
def import_file(
    collection: str,
    file: Path,
    data: Path,
    app: Path | None,
    map: tuple[str, ...],
    separator: str,
    encoding: str,
    decimal_comma: bool,
    timezone: str,
    dry_run: bool,
) -> None:
    """Create a record from each row of a file, through the running server or, without one, directly.

    Refused rows are listed with the reason; the others are created.

    Example: hinterland import cars cars.json
    """
    from hinterland.cli.importing import ImportOptions, layout_of
    from hinterland.cli.importing import import_file as run

    layout = layout_of(map, separator, encoding)
    options = ImportOptions(collection, file, layout, decimal_comma, timezone, dry_run)
    asyncio.run(run(options, data, app))


@cli.group()
def records() -> None:
    """Update or delete the records that a filter finds."""


filter_option = click.option(
    "--filter", required=True, metavar="<expression>", help="CEL over record; 'true' is all records."
)
parent_option = click.option(
    "--parent", default="", metavar="<path>", help="Of a nested collection: the record above, such as posts/42."
)
cursor_option = click.option(
    "--cursor", default="", metavar="<text>", help="Go on where an earlier run ended, which printed it."
)
yes_option = click.option("--yes", is_flag=True, help="Do it; without, it is a dry run.")


@records.command("update")
@click.argument("collection", help="The collection of the records.")
@filter_option
@click.option(
    "--set", "body", required=True, metavar="<json>",
    help="The fields to change and their values, as the body of a PATCH.",
)  # fmt: skip
@parent_option
@cursor_option
@yes_option
@data_option
@app_option
def records_update(
    collection: str, filter: str, body: str, parent: str, cursor: str, yes: bool, data: Path, app: Path | None
) -> None:
    """Change all records that a filter finds, through the running server or, without one, directly. Prints how many
    there are and the first three; changes them with --yes.

    Example: hinterland records update tasks --filter 'record.done' --set '{"hidden": true}'
    """
    from hinterland.cli.records import FilteredChange, body_of, change

    wanted = FilteredChange("update", collection, filter, parent, cursor, body_of(body))
    asyncio.run(change(wanted, data, app, is_agreed=yes))


@records.command("delete")
@click.argument("collection", help="The collection of the records.")
@filter_option
@parent_option
@cursor_option
@yes_option
@data_option
@app_option
def records_delete(
    collection: str, filter: str, parent: str, cursor: str, yes: bool, data: Path, app: Path | None
) -> None:
    """Delete all records that a filter finds, through the running server or, without one, directly. Prints how many
    there are and the first three; deletes them with --yes.

    Example: hinterland records delete tasks --filter 'record.done'
    """
    from hinterland.cli.records import FilteredChange, change

    asyncio.run(change(FilteredChange("delete", collection, filter, parent, cursor), data, app, is_agreed=yes))


@cli.group()
def admin() -> None:
    """Manage administrators, who bypass all access rules."""


@admin.command("create")
@email_argument
@data_option
@app_option
@password_option
def admin_create(email: str, data: Path, app: Path | None, password: str) -> None:
    """Create an administrator; works with and without a running server.

    Example: hinterland admin create me@example.org --data data
    """
    from hinterland.cli.admins import asked, create

    asyncio.run(create(email, password or asked(), data, app))


@admin.command("list")
@data_option
@app_option
def admin_list(data: Path, app: Path | None) -> None:
    """List the administrators; works with and without a running server.

    Example: hinterland admin list --data data
    """
    from hinterland.cli.admins import show

    asyncio.run(show(data, app))


@admin.command("remove")
@email_argument
@data_option
@app_option
@click.option("--force", is_flag=True, help="Remove the last administrator too.")
def admin_remove(email: str, data: Path, app: Path | None, force: bool) -> None:
    """Remove an administrator and end their sessions; works with and without a running server.

    Example: hinterland admin remove me@example.org --data data
    """
    from hinterland.cli.admins import remove

    asyncio.run(remove(email, data, app, is_forced=force))


@admin.command("password")
@click.argument("email", help="The e-mail address used to log in.")
@data_option
@app_option
@password_option
def admin_password(email: str, data: Path, app: Path | None, password: str) -> None:
    """Set the password of an administrator or user and end their sessions; works with and without a running server.

    Example: hinterland admin password me@example.org --data data
    """
    from hinterland.cli.admins import asked, reset

    asyncio.run(reset(email, password or asked(), data, app))


@cli.group()
def users() -> None:
    """Manage the roles of users, which rules read as auth.roles."""


@users.command("grant")
@user_argument
@click.argument("role", help="The role, such as editor.")
@data_option
@app_option
def users_grant(user: str, role: str, data: Path, app: Path | None) -> None:
    """Grant a role to a user; works with and without a running server.

    Example: hinterland users grant ada@example.org editor --data data
    """
    from hinterland.cli.roles import change

    asyncio.run(change(user, data, app, grant=[role]))


@users.command("revoke")
@user_argument
@click.argument("role", help="The role, such as editor.")
@data_option
@app_option
def users_revoke(user: str, role: str, data: Path, app: Path | None) -> None:
    """Revoke a role of a user; works with and without a running server.

    Example: hinterland users revoke ada@example.org editor --data data
    """
    from hinterland.cli.roles import change

    asyncio.run(change(user, data, app, revoke=[role]))


@users.command("roles")
@data_option
@app_option
def users_roles(data: Path, app: Path | None) -> None:
    """List the users that have roles; works with and without a running server.

    Example: hinterland users roles --data data
    """
    from hinterland.cli.roles import show

    asyncio.run(show(data, app))


@cli.group()
def graphql() -> None:
    """Show what an app is in GraphQL."""


@graphql.command("schema")
@click.argument("app", type=FILE, help="The app file.")
def graphql_schema(app: Path) -> None:
    """Print the schema in GraphQL's schema definition language, for code generators and editors.

    Example: hinterland graphql schema app.py > schema.graphql
    """
    from hinterland.cli.graphql_schema import show

    show(app)
