"""The types of expressions and of the variables they read.

A type says both what a value is in the language and how a document carries it (JSON):

=============  ==========  ===================================================================================
type           language    in a document
=============  ==========  ===================================================================================
``BOOL``       bool        true, false
``INT``        int         a JSON integer within ±(2^53-1)
``INT64``      int         a decimal string, "-9223372036854775808" to "9223372036854775807"
``DOUBLE``     double      a finite JSON number
``STRING``     string      a string without U+0000
``TIMESTAMP``  timestamp   ``2026-01-02T03:04:05.000006Z``: UTC, six digits, so that text order is time's order
``BYTES``      bytes       standard base64 with padding
``UINT``       uint        in none: unsigned integers are made by expressions only
``DURATION``   duration    in none: microseconds, made by expressions only
``DYN``        dyn         anything: read as what it is compared with, and an error where it is of another type
=============  ==========  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Container, Mapping


class Type:
    """A type, named as error messages name it."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    @property
    def phrase(self) -> str:
        """The type in a sentence: "an int"."""
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self.name}"


BOOL = Type("bool")
INT = Type("int")
INT64 = Type("int64")
DOUBLE = Type("double")
STRING = Type("string")
TIMESTAMP = Type("timestamp")
BYTES = Type("bytes")
UINT = Type("uint")
DURATION = Type("duration")
NULL = Type("null")
DYN = Type("dyn")


class ListType(Type):
    """A list of values of one type."""

    __slots__ = ("element",)

    def __init__(self, element: Type) -> None:
        super().__init__(f"list({element})")
        self.element = element

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListType) and other.element == self.element

    def __hash__(self) -> int:
        return hash((ListType, self.element))


class ObjectType(Type):
    """An object with named fields; any field may be without a value.

    ``nullable`` says that the object itself may be null, as ``auth`` of somebody signed out; ``is_open``, that it may
    have other fields, which may hold anything; ``is_json``, that a column of JSON holds it.
    """

    __slots__ = ("fields", "is_json", "is_open", "nullable")

    def __init__(
        self, fields: Mapping[str, Type], nullable: bool = False, is_open: bool = False, is_json: bool = False
    ) -> None:
        super().__init__("object")
        self.fields = dict(fields)
        self.nullable = nullable
        self.is_open = is_open
        self.is_json = is_json


class Environment:
    """The variables that an expression may read, by name, and the collections that it may ask, with the types of their
    records. `unlisted`: the variables that no error suggests."""

    __slots__ = ("collections", "unlisted", "variables")

    def __init__(
        self,
        variables: Mapping[str, Type],
        collections: Mapping[str, ObjectType] | None = None,
        unlisted: Container[str] = (),
    ) -> None:
        self.variables = dict(variables)
        self.collections = collections or {}
        self.unlisted = unlisted


def is_integer(kind: Type) -> bool:
    """Whether values are integers, of whichever range."""
    return kind is INT or kind is INT64
