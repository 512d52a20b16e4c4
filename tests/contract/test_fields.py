"""The kinds of fields and their checks."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Date,
    Field,
    Instant,
    Int64,
    Integer,
    Json,
    List,
    Number,
    Object,
    Reference,
    Text,
)
from hinterland.contract.kinds.field import field_of, register
from hinterland.contract.records import Collection

FIELDS: list[Field] = [
    Text(), Text(min_length=2, max_length=5), Text(format="email"), Text(format="url"), Text(choices=("a", "b")),
    Text(pattern="[a-c]+"), Integer(), Integer(minimum=-3, maximum=3), Number(), Number(minimum=-1.5),
    Number(maximum=2), Number(minimum=0, maximum=1), Boolean(), Instant(), Int64(), Bytes(), Bytes(max_length=3),
    Json(), List(), Reference(to="users"), Reference(to="posts", ids="integer"),
    Date(), List(of=Date()), List(of=Reference(to="users")),
    Object(fields={"a": Text(required=True), "b": Integer(default=1), "c": Object(fields={"d": Json()})}),
    List(of=Object(fields={"a": Number()})),
    List(of=Integer(), max_items=3), List(of=Instant()), List(of=Boolean()), List(of=Number()),
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["a", "ab", "ada@example.org", "https://example.org/x", "2026-01-02T03:04+01:00", "AP8=", "-7"])
    | st.sampled_from(["2024-02-29", "2026-02-30"]) | st.integers(-4, 4) | st.datetimes().map(str)
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner))


@given(st.sampled_from(FIELDS), VALUES)
def test_checked_again(field: Field, value: Any) -> None:
    """A checked value checked again is the same; what is refused is refused with a text for people, never a crash."""
    check = field.checker()
    try:
        stored = check(value)
    except ValueError as error:
        message = str(error)
        assert message.startswith(("must", "use ", "item "))
    else:
        assert repr(check(stored)) == repr(stored)


@given(st.sampled_from([field for field in FIELDS if not isinstance(field, Json)]), VALUES)
def test_stored_values_are_json(field: Field, value: Any) -> None:
    """What a check lets through is JSON that comes back as it was."""
    try:
        stored = field.checker()(value)
    except ValueError:
        return
    if not isinstance(stored, str) or stored.isprintable():
        assert repr(msgspec.json.decode(msgspec.json.encode(stored))) == repr(stored)


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        (Text(), "", ""),
        (Text(max_length=1), "😀", "😀"),
        (Text(format="email"), "", ""),
        (Text(format="email"), "ada@mail.example.org", "ada@mail.example.org"),
        (Text(format="url"), "HTTPS://x", "HTTPS://x"),
        (Integer(), 3.0, 3),
        (Integer(), 2**53 - 1, 2**53 - 1),
        (Integer(), -(2.0**53) + 1, -(2**53) + 1),
        (Number(), 3, 3.0),
        (Number(minimum=1), 1, 1.0),
        (Int64(), 2**63 - 1, "9223372036854775807"),
        (Int64(), "-0", "0"),
        (Instant(), "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000000Z"),
        (Bytes(max_length=3), "AAAA", "AAAA"),
        (Bytes(max_length=1), "AA==", "AA=="),
        (Text(choices=("red", "blue")), "red", "red"),
        (Json(), {"$any": [None]}, {"$any": [None]}),
        (List(of=Integer()), [1.0, 2], [1, 2]),
        (List(of=Instant()), ["2026-01-02T03:04:05Z"], ["2026-01-02T03:04:05.000000Z"]),
    ],
)
def test_accepted(field: Field, value: Any, stored: Any) -> None:
    """What is understood is kept in the store's form."""
    assert repr(field.checker()(value)) == repr(stored)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Text(), 1, "must be text"),
        (Text(min_length=2), "a", "must have at least 2 characters"),
        (Text(max_length=2), "abc", "must have at most 2 characters, has 3"),
        (Text(format="email"), "ada@localhost", "must be an e-mail address such as"),
        (Text(format="email"), "a b@example.org", "must be an e-mail address such as"),
        (Text(format="email"), "ada\u200b@example.org", "must be an e-mail address such as"),
        (Text(format="email"), "ada@example.org\x01", "must be an e-mail address such as"),
        (Text(format="url"), "ftp://example.org", "must be a web address such as"),
        (Text(choices=("red", "blue")), "green", "must be one of red, blue"),
        (Text(choices=("red", "blue")), "", "must be one of red, blue"),
        (Text(pattern="[a-c]+"), "abcd", r"must match \[a-c\]\+"),
        (Integer(), True, "must be a whole number"),
        (Integer(), 1.5, "must be a whole number"),
        (Integer(), "1", "must be a whole number"),
        (Integer(), 2**53, "must be between -9007199254740991 and 9007199254740991"),
        (Integer(), 1e300, "must be between"),
        (Integer(minimum=1, maximum=3), 4, "must be between 1 and 3"),
        (Number(), True, "must be a number"),
        (Number(), math.inf, "must be a finite number"),
        (Number(), math.nan, "must be a finite number"),
        (Number(), 10**400, "must be a finite number"),
        (Number(minimum=1), 0, "must be at least 1"),
        (Number(maximum=1.5), 2, r"must be at most 1\.5"),
        (Number(minimum=1, maximum=2), 3, "must be between 1 and 2"),
        (Boolean(), 1, "must be true or false"),
        (Boolean(), "true", "must be true or false"),
        (Instant(), 0, "must be an instant such as"),
        (Instant(), "yesterday", "use an instant such as"),
        (Int64(), 1.0, "must be a 64-bit integer"),
        (Int64(), 2**63, "use a 64-bit integer"),
        (Bytes(), b"abc", "must be base64 text"),
        (Bytes(), "abc", "use base64 text"),
        (Bytes(max_length=3), "AAAAAA==", "must have at most 3 bytes"),
        (List(), "a", "must be a list"),
        (List(max_items=1), ["a", "b"], "must have at most 1 items, has 2"),
        (List(of=Integer()), [1, "2"], "item 1: must be a whole number"),
        (List(), [None], "item 0: must be text"),
    ],
)
def test_refused(field: Field, value: Any, message: str) -> None:
    """What is refused is refused with what is asked for."""
    with pytest.raises(ValueError, match=message):
        field.checker()(value)


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_fields_travel(field: Field) -> None:
    """A declaration comes back from JSON as it was, with its kind as the tag."""
    data = msgspec.json.encode(field)
    assert field_of(msgspec.json.decode(data)) == field
    assert msgspec.json.decode(data)["kind"] == type(field).__name__.lower()


def test_every_kind_is_tested() -> None:
    """No kind of field is left out above."""
    assert {type(field) for field in FIELDS} == {
        kind for kind in Field.__subclasses__() if kind.__module__.startswith("hinterland.")
    }


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Boolean(), "True", True), (Boolean(), "false", False), (Boolean(), "yes", "yes"), (Integer(), "-3", -3),
        (Number(), "1e2", 100.0), (Text(), "3", "3"), (Instant(), "x", "x"), (Int64(), "7", "7"), (Json(), "[1]", [1]),
        (List(), '["a"]', ["a"]),
    ],
)  # fmt: skip
def test_from_text(field: Field, text: str, value: Any) -> None:
    """Where only texts can be said, a text stands for the field's kind of value."""
    assert field.from_text(text) == value


@pytest.mark.parametrize("text", ["x", "", "1e", "1_000", "٣", "0x10", "nan", "inf", "9" * 5_000, "1.5.2"])
@pytest.mark.parametrize("field", [Integer(), Number()])
def test_from_a_text_that_is_no_number(field: Field, text: str) -> None:
    """A text that is no number is refused in the field's own words, however Python would read it."""
    with pytest.raises(ValueError, match=r"^must be "):
        field.checker()(field.from_text(text))


def test_from_a_text_that_is_no_json() -> None:
    """A text that is not JSON is a ValueError of a field that takes any text, and refused by the check of a list."""
    with pytest.raises(ValueError, match="invalid JSON: "):
        Json().from_text("{")
    with pytest.raises(ValueError, match="must be a list"):
        List().checker()(List().from_text("a,b"))


def test_kinds_are_registered() -> None:
    """A field's kind has a tag of its own, and a stored field of a kind that nobody registered is refused by name."""

    class Shade(Text, frozen=True, kw_only=True, tag="shade"):
        """A kind that is not registered."""

    with pytest.raises(TypeError, match="the kind Shade is not registered; decorate its class with @register"):
        Collection(name="a", fields={"x": Shade()})
    with pytest.raises(ValueError, match="unknown field kind 'shade'; import the module that registers it"):
        field_of({"kind": "shade"})

    class Note(Text, frozen=True, kw_only=True, tag="text"):
        """A kind with the tag of another."""

    with pytest.raises(ValueError, match=r"the tag 'text' is already used by hinterland\.contract\.kinds\.text\.Text"):
        register(Note)
