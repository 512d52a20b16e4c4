"""How `--help` shows a command: arguments in capitals, [optional] ones in brackets, options with the <kind> of their
value, and flags, which have none, alone."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command whose help is in this style."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters with what is shown of each."""
        return _shown(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the line that shows the usage."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """Commands of a kind, whose help is in this style; without a command it is shown, which is no error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments after the group's own options."""
        return super().parse_args(ctx, args or ["--help"])

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters with what is shown of each."""
        return _shown(super().get_params(ctx))


def _shown(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            parameter.metavar = parameter.name.upper()
        elif parameter.is_flag:
            parameter.metavar = ""
    return parameters
