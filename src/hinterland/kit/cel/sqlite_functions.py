"""The functions that a connection of SQLite is given, so that it has the operations that it has no words for."""

from __future__ import annotations

from collections.abc import Callable

from hinterland.kit.cel import functions as functions  # whose operations register themselves
from hinterland.kit.cel.operations import REGISTERED


def register(create: Callable[[str, Callable[..., object], int], object]) -> None:
    """Give a connection the functions: ``create`` takes a name, a deterministic function and its number of operands."""
    for name, (count, function) in REGISTERED.items():
        create(name, _strict(function), count)


def _strict(function: Callable[..., object]) -> Callable[..., object]:
    """NULL is the result where it is an operand."""

    def call(*operands: object) -> object:
        return None if None in operands else function(*operands)

    return call
