"""The fields, variables and values that the tests of expressions share.

Some fields have the names of json_each's columns, so that a subquery that confuses them is found out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    INT64,
    STRING,
    TIMESTAMP,
    Environment,
    ListType,
    ObjectType,
    Type,
)

FIELDS: dict[str, Type] = {
    "id": STRING,
    "value": STRING,
    "key": STRING,
    "count": INT,
    "parent": INT,
    "big": INT64,
    "price": DOUBLE,
    "path": DOUBLE,
    "open": BOOL,
    "atom": BOOL,
    "at": TIMESTAMP,
    "type": TIMESTAMP,
    "blob": BYTES,
    "json": DYN,
    "tags": ListType(STRING),
    "counts": ListType(INT),
    "bigs": ListType(INT64),
    "prices": ListType(DOUBLE),
    "flags": ListType(BOOL),
    "times": ListType(TIMESTAMP),
}
LISTS = [name for name, kind in FIELDS.items() if isinstance(kind, ListType)]
AUTH_FIELDS: dict[str, Type] = {
    "id": STRING,
    "roles": ListType(STRING),
    "level": INT,
    "quota": INT64,
    "score": DOUBLE,
    "trusted": BOOL,
    "since": TIMESTAMP,
    "limits": ListType(INT64),
    "marks": ListType(DOUBLE),
}
ENVIRONMENT = Environment(
    {
        "record": ObjectType(FIELDS),
        "old": ObjectType(FIELDS, nullable=True),
        "auth": ObjectType(AUTH_FIELDS, nullable=True),
    }
)

SAFE = 2**53 - 1
STRINGS = (
    "",
    "a",
    "b",
    "ab",
    "abc",
    "B",
    "é",
    "😀",
    "a😀b",
    "\uffff",
    "\ue000",
    "%",
    "_",
    "a'\"\\b",
    "İ",
    "ß",
    "\n",
    "0",
)
INTEGERS = (0, 1, -1, 2, -2, 7, SAFE, -SAFE)
BIG_INTEGERS = (*INTEGERS, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))
DOUBLES: tuple[float, ...] = (
    0.0,
    -0.0,
    0.5,
    1.0,
    1.5,
    -1.5,
    2.0,
    7.0,
    0.1,
    1e150,
    1e151,
    -1e-150,
    1e-151,
    1.7976931348623157e308,
    5e-324,
)
DOUBLES += (2.0**53, 2.0**53 + 2, 2.0**62, 9.3e18, 1e22, 7.60132448245814e16)
TIMES = (
    "0001-01-01T00:00:00.000000Z",
    "2026-01-02T03:04:05.000000Z",
    "2026-01-02T03:04:05.000006Z",
    "9999-12-31T23:59:59.999999Z",
)
BLOBS = ("", "YQ==", "/+8=", "AAAA")

TEXTS = st.one_of(st.sampled_from(STRINGS), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
_VALUES: dict[Type, st.SearchStrategy[Any]] = {
    STRING: TEXTS,
    INT: st.one_of(st.sampled_from(INTEGERS), st.integers(-SAFE, SAFE)),
    INT64: st.one_of(st.sampled_from(BIG_INTEGERS), st.integers(-(2**63), 2**63 - 1)).map(str),
    DOUBLE: st.one_of(st.sampled_from(DOUBLES), st.floats(allow_nan=False, allow_infinity=False)),
    BOOL: st.booleans(),
    TIMESTAMP: st.sampled_from(TIMES),
    BYTES: st.sampled_from(BLOBS),
    DYN: st.sampled_from([0, False, "", [], {"a": None}]),
}


def values(kind: Type) -> st.SearchStrategy[Any]:
    """Values of a type as documents hold them."""
    if isinstance(kind, ListType):
        return st.lists(_VALUES[kind.element], max_size=4)
    return _VALUES[kind]


@st.composite
def objects(draw: st.DrawFn, fields: Mapping[str, Type]) -> dict[str, Any]:
    """Objects in which a few fields have no value, whether null or absent."""
    found = draw(st.fixed_dictionaries({name: values(kind) for name, kind in fields.items()}))
    for name in draw(st.lists(st.sampled_from(list(fields)), max_size=5)):
        if name in found and draw(st.booleans()):
            found[name] = None
        else:
            found.pop(name, None)
    return found


RECORDS = objects(FIELDS)
OLD = st.one_of(*[RECORDS] * 7, st.none())
AUTH = st.one_of(*[objects(AUTH_FIELDS)] * 7, st.none())
