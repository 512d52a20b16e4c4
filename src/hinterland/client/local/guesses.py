"""What is known of the fields of an undeclared collection by its written columns, without reading the records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hinterland.client.local.columns import EMPTY, WrittenColumn
from hinterland.client.local.fields import UndeclaredFields
from hinterland.client.local.filters import annotated, fitting_filter, names_in
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import META_TYPES, Types
from hinterland.contract.records import META
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import BOOL, DOUBLE, INT, STRING, ListType, Type


class Unplanned(Exception):
    """The question can't be answered exactly by SQL; the records must be read."""


class ColumnSource(Protocol):
    """The written columns of a collection, and what can be asked of them cheaply."""

    def columns(self, names: Sequence[str]) -> list[WrittenColumn]:
        """The plain columns of these fields. Raises IndexWanted where they are not there."""
        ...

    def exists(self, condition: str) -> bool:
        """Whether a record below the parent meets the condition."""
        ...


class GuessedByColumns(UndeclaredFields):
    """The fields of an undeclared collection. Agrees with `Guessed` over all records, or raises Unplanned."""

    def __init__(self, kind: type[Any], source: ColumnSource) -> None:
        self._types = annotated(kind)
        self._source = source

    def filter(self, text: str) -> Typed:
        """The filter as a checked tree."""
        names = sorted(names_in(text) if self._types is None else names_in(text) & self._types.keys())
        columns = dict(zip(names, self._source.columns(names), strict=True))
        known = self._types or self._guessed(columns)
        texts = [column for name, column in columns.items() if known.get(name) is STRING]
        try:
            return fitting_filter(text, known, lambda: self._moments(texts), self._types)
        except Refusal:
            raise Unplanned from None  # all records tell what is wrong with it

    def _guessed(self, columns: dict[str, WrittenColumn]) -> Types:
        found = {name: kind for name, column in columns.items() if (kind := self._type_of(column)) is not None}
        return {"id": STRING, **found, **META_TYPES}

    def _type_of(self, column: WrittenColumn) -> Type | None:
        kinds = set(column.kinds) - set(EMPTY)
        if not kinds or not self._source.exists(f"{column.sql} IS NOT NULL"):
            return None
        if kinds <= {*"il"}:
            return INT
        if kinds <= {*"ild"}:
            return DOUBLE if self._source.exists(f"typeof({column.sql}) = 'real'") else INT
        for letters, kind in (("tm", STRING), ("b", BOOL), ("T", ListType(STRING))):
            if kinds <= {*letters}:
                return kind
        raise Unplanned

    def _moments(self, texts: Sequence[WrittenColumn]) -> list[str]:
        for column in texts:
            if not column.fits("m") and not self._source.exists(f"length({column.sql}) <> 27"):
                raise Unplanned
        return [column.name for column in texts if column.fits("m")]

    def check_names(self, names: Sequence[str]) -> None:
        """Accepts fields that the app's type or a record has; Unplanned where that is not certain."""
        known = {*META, *(self._types or ())}
        for column in self._source.columns([name for name in names if name not in known]):
            is_everywhere = column.kinds != "" and "-" not in column.kinds
            if not is_everywhere and not self._source.exists(f"{column.sql} IS NOT NULL"):
                raise Unplanned
