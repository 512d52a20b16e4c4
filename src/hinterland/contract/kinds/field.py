"""What every kind of field answers. To add a kind, write a subclass of `Field` in a file of its own and `register` it.

A kind is facts only. Code that stores, filters, sorts, imports or describes values asks the kind and never which one it
is, so that a new kind needs no change anywhere else. The column of a field follows from the type that its values have
in expressions, so that the two can't disagree.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, INT, INT64, STRING, TIMESTAMP, ListType, Type

Merge = Literal["newest", "server", "counter", "set"]
Check = Callable[[Any], Any]
Ids = Literal["string", "integer"]
"""What the ids of a collection are."""
OnDelete = Literal["restrict", "cascade", "set_null"]
"""What the deletion of a record does to those that refer to it."""
TRANSFORMS = ("$increment", "$add", "$remove", "$now")
Column = Literal["text", "integer", "real", "boolean", "json"]

_COLUMNS: dict[Type, Column] = {
    STRING: "text", TIMESTAMP: "text", BYTES: "text", INT: "integer", INT64: "integer", DOUBLE: "real", BOOL: "boolean",
}  # fmt: skip
_registered: dict[str, type[Field]] = {}


class Transform(NamedTuple):
    """A transform that a patch may use on a field: `apply(old, operand, now)` gives the new value or raises ValueError;
    `operand` is the JSON schema of what the patch says."""

    apply: Callable[[Any, Any, str], Any]
    operand: Mapping[str, Any]


class Link(NamedTuple):
    """What a field refers to: records of the collection `to`, whose ids are `ids`; and what their deletion does."""

    to: str
    on_delete: OnDelete
    ids: Ids


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What all kinds share.

    `required`: a value must be there, and for text not be empty. `unique`: no two records of the collection have the
    same value. `index`: filters and sorts by it are fast. `read`: a CEL rule that says who sees the field (default:
    everyone who sees the record). `write`: "admin" where only administrators set it. `fill`: taken at creation from
    `auth.id` where the body leaves it out. `default`: its value where the body leaves it out. `merge`: what happens
    when two devices changed it: the `newest` timestamp wins, the `server`'s value stays, a `counter` adds both, a `set`
    unites both. `description` says what it is, and `deprecated` why to use it no longer, for those who read the schema.
    """

    required: bool = False
    unique: bool = False
    index: bool = False
    read: str = ""
    write: Literal["", "admin"] = ""
    fill: Literal["", "auth.id"] = ""
    default: Any = None
    merge: Merge = "newest"
    description: str = ""
    deprecated: str = ""

    # ------------------------------------------------------------ facts of the kind

    merges: ClassVar[tuple[Merge, ...]] = ("newest", "server")
    """The policies that can merge two values."""
    is_sortable: ClassVar[bool] = True
    """Whether lists are sorted by it, indexes of several fields hold it, and `field=value` compares it."""
    is_indexable: ClassVar[bool] = True
    """Whether it can be unique or have an index of its own."""
    parts: ClassVar[tuple[str, ...]] = ()
    """The parts of a time by which records are grouped (`contract.result_columns`): its text begins with them."""
    merges_members: ClassVar[bool] = False
    """Whether a patch changes the members that it names (RFC 7396) instead of the whole value."""

    @property
    @abstractmethod
    def type(self) -> Type:
        """What a value is in expressions, and how a document keeps it (`kit.cel.types`)."""
        ...

    @abstractmethod
    def checker(self) -> Check:
        """The check of the field's values: it returns the store's form, or raises ValueError with a message for the
        person who filled in the form. Null never reaches it."""
        ...

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of a value that is not null; {} where it may be anything."""
        ...

    def patch_schema(self) -> dict[str, Any]:
        """The same of what a patch says of the field, transforms apart."""
        return self.json_schema()

    def merged(self, old: Any, patch: Any) -> Any:
        """The value after what a patch says of it."""
        return patch

    def transforms(self) -> dict[str, Transform]:
        """The transforms that a patch may use, by their words: some of `TRANSFORMS`."""
        return {}

    def from_text(self, text: str) -> Any:
        """The JSON value that a text of a query string is. A text that is not a value of the kind stays a text, for the
        check to refuse, or raises ValueError."""
        return text

    def from_cell(self, text: str) -> Any:
        """The same for a cell of a table, as databases and spreadsheets write values; numbers have a decimal point."""
        return self.from_text(text)

    def from_other(self, value: Any) -> Any:
        """What a stored value of another kind is in this one, for the check to decide; None where it is nothing. A text
        is read as JSON."""
        try:
            return msgspec.json.decode(value) if isinstance(value, str) else None
        except (msgspec.MsgspecError, RecursionError):
            return None

    def contradiction(self) -> str:
        """Why no value can be within the declared limits; "" where one can."""
        return ""

    def takes_all_of(self, old: Self) -> bool:
        """Whether every value that `old`, of the same kind, took is surely taken."""
        return True

    @property
    def name(self) -> str:
        """The kind as an app file writes it."""
        return type(self).__name__

    # ------------------------------------------------------------ references

    @property
    def link(self) -> Link | None:
        """What the values refer to; None: they are no ids."""
        return None

    def linked(self, ids: Ids) -> Self:
        """The field where the ids of what it refers to are `ids`."""
        return self

    def referring_within(self, known: Container[str]) -> Self:
        """The field for those who know these collections only: without the name of another that it refers to."""
        return self

    def ids_in(self, value: Any) -> Sequence[RecordId]:
        """The ids that a value, or null, refers to."""
        return ()

    def without(self, value: Any, id: RecordId) -> Any:
        """The value without the reference to `id`."""
        return value

    # ------------------------------------------------------------ its words

    @property
    def searched(self) -> Sequence[str]:
        """The paths of the texts that a search reads; "" is the value itself, and none is not searched."""
        return ()

    def texts(self, value: Any) -> Sequence[str]:
        """The texts of a value that a search reads."""
        return ()

    # ------------------------------------------------------------ its column

    @property
    def column(self) -> Column:
        """What the column of the field holds."""
        return _COLUMNS.get(self.type, "json")

    @property
    def is_kept_alike(self) -> bool:
        """Whether the column holds a document's value as it is."""
        return type(self).to_column is Field.to_column

    def to_column(self, value: Any) -> Any:
        """What the column holds for a document's value."""
        return value

    def from_column(self, value: Any) -> Any:
        """What a cursor says for the column's value."""
        return value


class NestedErrors(ValueError):
    """What is wrong with the insides of a value: `errors` are the messages by their paths, such as `lines.2.price`."""

    MOST = 100

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        shown = [f"{path} {message}" for path, message in [*errors.items()][:3]]
        super().__init__(f"must be valid inside: {'; '.join(shown)}{' …' if len(errors) > len(shown) else ''}")

    @classmethod
    def add(cls, errors: dict[str, str], name: str, error: ValueError) -> None:
        """Add what is wrong with the value under a name, up to `MOST` messages."""
        if isinstance(error, NestedErrors):
            found = {f"{name}.{path}": message for path, message in error.errors.items()}
        else:
            found = {name: str(error)}
        errors.update([*found.items()][: max(0, cls.MOST - len(errors))])


Kind = TypeVar("Kind", bound=Field)


def register(kind: type[Kind]) -> type[Kind]:
    """Make a kind known by its tag, so that stored declarations with it can be read; a decorator of its class."""
    tag = str(kind.__struct_config__.tag)
    other = _registered.setdefault(tag, kind)
    if other is not kind:
        raise ValueError(f"the tag {tag!r} is already used by {other.__module__}.{other.__name__}; choose another tag")
    return kind


def is_registered(field: Field) -> bool:
    """Whether the field's kind is registered."""
    return type(field) in _registered.values()


def field_of(declaration: Mapping[str, Any]) -> Field:
    """The field of a declaration that came from JSON. Raises ValueError for a kind that is not registered."""
    tag = declaration.get("kind")
    if tag not in _registered:
        raise ValueError(f"unknown field kind {tag!r}; import the module that registers it before the app starts")
    return msgspec.convert(declaration, _registered[tag])


def item_type(field: Field) -> Type:
    """The type of a field's value, or of the items where it is a list."""
    return field.type.element if isinstance(field.type, ListType) else field.type


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a value that may be null."""
    if not schema:
        return schema
    return {name: [*value, None] if name == "enum" else value for name, value in schema.items()} | {
        "type": [schema["type"], "null"]
    }


def range_problem(low: str, least: float | None, high: str, most: float | None) -> str:
    """What is wrong with two limits that are named `low` and `high`; "" where nothing is."""
    if least is None or most is None or least <= most:
        return ""
    return f"{low} is {least:g}, more than {high} {most:g}"


def length_problem(**limits: int) -> str:
    """What is wrong with limits of lengths; "" where nothing is."""
    return next((f"{name} is {limit}; use 0 or more" for name, limit in limits.items() if limit < 0), "")


def length_message(length: int, low: int, high: int, unit: str) -> str:
    """What is wrong with a length outside `low` to `high`."""
    if length < low:
        return f"must have at least {low} {unit}"
    return f"must have at most {high} {unit}, has {length}"
