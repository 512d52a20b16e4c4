"""A group of commands, as it is shown and ended: arguments in capitals, [optional] ones in brackets, options with the
<kind> of their value, and flags, which have none, alone."""

from __future__ import annotations

import sys
from typing import Any

import click

INTERRUPTED = 128 + 2  # what a shell reports of a command that SIGINT ended


class Port(click.IntRange):
    """The number of a port."""

    name = "port"

    def __init__(self) -> None:
        super().__init__(1, 65535)


class Workers(click.IntRange):
    """The number of a server's processes."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(1, 256)


class Rename(click.ParamType[tuple[str, str, str]]):
    """A field that is renamed, as its collection, its old name and its new one."""

    name = "rename"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str, str]:
        """The three names."""
        if isinstance(value, tuple):
            return value
        place, is_given, new = value.partition("=")
        collection, dot, old = place.partition(".")
        if not (is_given and dot and collection and old and new):
            self.fail(f"{value!r} is not a rename; write collection.old=new, such as posts.title=headline", param, ctx)
        return collection, old, new


class Group(click.Group):
    """Commands in the order of their declaration. Without a command the help is shown, which is no error."""

    group_class = type  # a group in a group is of this class too

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments after the group's own options."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; for an unknown one, the error names the closest."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            closest = (error.possibilities or [])[:1]
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=closest, ctx=ctx) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        return [*self.commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the whole first paragraph of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(sys.maxsize)) for name, each in self.commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl+C ends it without a message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
