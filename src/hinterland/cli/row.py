"""A row of a file that is imported, and how the file is laid out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class RowFileError(Exception):
    """The file can't be read as rows; the message says where and why."""


class FileRow(NamedTuple):
    """A row: its position, its values, their approximate size in bytes, and what is wrong with it ("": nothing)."""

    place: str
    value: Any
    size: int
    problem: str = ""


class Layout(NamedTuple):
    """How a file is read. `renames`: name in the file → field, "" leaves it out. `separator`: one character, "" finds
    it in the heading. `encoding`: a codec's name; "" is UTF-8, or UTF-16 where a CSV file begins with its mark."""

    renames: Mapping[str, str] = MappingProxyType({})
    separator: str = ""
    encoding: str = ""
