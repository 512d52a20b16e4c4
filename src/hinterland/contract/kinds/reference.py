"""Ids of records of another collection."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, ClassVar, Self

import msgspec

from hinterland.contract.identity import ID_PATTERN, MAX_ID_BYTES, RecordId, is_record_id, is_temporary
from hinterland.contract.kinds.field import Check, Field, Ids, Link, OnDelete, register
from hinterland.contract.values import MAX_SAFE_INTEGER, whole_number
from hinterland.kit.cel.types import INT, STRING, Type

_PROBLEM = "must be the id of a record"


@register
class Reference(Field, frozen=True, kw_only=True, omit_defaults=True, tag="reference"):
    """The id of a record of the collection `to`, one without a parent.

    When that record is deleted, `on_delete` decides: "restrict" refuses the deletion, "cascade" deletes this record
    too, "set_null" leaves it without a value. It has an index unless `index=False`. `ids` is what the ids of `to` are;
    the app's declaration fills it in.
    """

    to: str = ""
    on_delete: OnDelete = "restrict"
    ids: Ids = "string"
    index: bool = True

    max_length: ClassVar[int] = MAX_ID_BYTES

    @property
    def type(self) -> Type:
        """What ids of the target are."""
        return INT if self.ids == "integer" else STRING

    @property
    def name(self) -> str:
        """The kind with its target."""
        return f"{type(self).__name__}(to={self.to!r})"

    @property
    def link(self) -> Link:
        """Its target."""
        return Link(self.to, self.on_delete, self.ids)

    def linked(self, ids: Ids) -> Self:
        """The field where the ids of the target are `ids`."""
        return self if self.ids == ids else msgspec.structs.replace(self, ids=ids)

    def referring_within(self, known: Container[str]) -> Self:
        """The field without the name of its target, where that is not known."""
        return self if self.to in known else msgspec.structs.replace(self, to="")

    def ids_in(self, value: Any) -> Sequence[RecordId]:
        """The id."""
        return () if value is None else (value,)

    def without(self, value: Any, id: RecordId) -> Any:
        """Nothing, where it is the id."""
        return None if value == id else value

    def checker(self) -> Check:
        """An id; whether there is such a record, the server finds out when it writes."""
        return _integer if self.ids == "integer" else _string

    def json_schema(self) -> dict[str, Any]:
        """An id."""
        if self.ids == "integer":
            return {"type": "integer", "minimum": 1, "maximum": MAX_SAFE_INTEGER}
        return {"type": "string", "format": "record-id", "pattern": ID_PATTERN, "maxLength": MAX_ID_BYTES}

    def from_text(self, text: str) -> Any:
        """A whole number where ids are."""
        return whole_number(text) if self.ids == "integer" else text

    def from_other(self, value: Any) -> Any:
        """A number's text, or the number of a text."""
        if self.ids == "integer":
            return whole_number(value) if isinstance(value, str) else value
        return str(value) if type(value) is int else None

    def contradiction(self) -> str:
        """A value that must be there and is taken away."""
        if self.required and self.on_delete == "set_null":
            return "it is required, so on_delete='set_null' can't take its value; use 'restrict' or 'cascade'"
        return ""


def _string(value: Any) -> str:
    if type(value) is not str or not is_record_id(value):
        raise ValueError(_PROBLEM)
    return value


def _integer(value: Any) -> Any:
    if is_temporary(value):  # a device's, until the server has given the id
        return value
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 < value <= MAX_SAFE_INTEGER:
        raise ValueError(_PROBLEM)
    return value
