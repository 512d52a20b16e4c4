"""JSON as a store must read it."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.strict_json import MAX_DEPTH, MAX_VALUES, StrictJsonError, checked, decode, encode

# Every text that may be in JSON: no lone surrogates, no NUL.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | TEXTS
    | st.floats(allow_nan=False).filter(math.isfinite)
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30)


def is_same(one: Any, other: Any) -> bool:
    """Whether two decoded documents are equal in value, type and the order of names; 0.0 isn't -0.0."""
    return repr(one) == repr(other)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_agrees_with_the_standard_reader(value: Any, ensure_ascii: bool, indent: int | str | None) -> None:
    """A document that is fine is read as Python's own reader does, however it is spaced and escaped."""
    data = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent).encode()
    assert is_same(decode(data), json.loads(data))


@given(DOCUMENTS)
def test_comes_back(value: Any) -> None:
    """What was encoded is decoded as it was; the text is compact."""
    data = encode(value)
    assert is_same(decode(data), value)
    assert len(data) <= len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + 400


def whole(digits: str) -> float:
    """What the digits of a JSON number mean: an integer of 64 bits, or a double."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(number)


@given(st.text(alphabet='{}[]",:\\u0022\\ud83 \t-+.0123456789eEtrufalsn\0é😀', max_size=40) | st.text(max_size=40))
def test_never_more_lenient(text: str) -> None:
    """Whatever Python's own reader refuses is refused here; nothing but `StrictJsonError` is ever raised."""
    data = text.encode("utf-8", "surrogatepass")
    with suppress(StrictJsonError):
        value = decode(data)
        expected = json.loads(data, parse_int=whole)
        assert is_same(value, expected) or b"-0" in data  # the minus of an integer zero is lost


@given(st.binary(max_size=30))
def test_any_bytes(data: bytes) -> None:
    """Whatever the bytes are, the answer is a value or `StrictJsonError`."""
    with suppress(StrictJsonError):
        decode(data)


@given(DOCUMENTS, DOCUMENTS, TEXTS, st.booleans())
def test_duplicate_names(one: Any, other: Any, name: str, is_nested: bool) -> None:
    """The same name twice in one object is refused, however it is escaped, and in two objects it is not."""
    plain, escaped = json.dumps(name, ensure_ascii=False), json.dumps(name)
    text = f"{{{plain}: {json.dumps(one)}, {escaped}: {json.dumps(other)}}}"
    with pytest.raises(StrictJsonError, match="appears twice"):
        decode((f'[{{"x": {text}}}]' if is_nested else text).encode())
    decode(f"[{{{plain}: 1}}, {{{escaped}: 1}}]".encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the name 'a' appears twice"),
        (b'{"\\u0022": 1, "\\"": 2}', "appears twice"),
        (b'{"a\\u0022b": "\\u0022", "c": 2, "c": "\\u0022"}', "'c' appears twice"),
        (b'"a\\u0000b"', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'[{"x": ["\\u0000"]}]', "NUL"),
        (b'"a\0b"', "invalid character"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\udc00"', "surrogate"),
        (b'"\\ud83d\\u0041"', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xff"', "not UTF-8"),
        (b'{"a": {"b": [' + b"9" * 309 + b"]}}", "a number is beyond a double; send it as text"),
        (b"[" + b"9" * 5_000 + b"]", "^a number is beyond a double; send it as text$"),
        (b"1e400", "^a number is beyond a double; send it as text$"),
        (b"[NaN]", "^invalid JSON at byte 1: invalid character$"),
        (b"[Infinity]", "^invalid JSON at byte 1: invalid character$"),
        (b"{}x", "^invalid JSON at byte 3: trailing characters$"),
        (b"", "cut off$"),
        (b'{"a": "b', "cut off$"),
        (b"[1,]", "trailing comma"),
        (b"{} {}", "trailing"),
        (b"\xef\xbb\xbf{}", "invalid character"),
        (b"[01]", "invalid number"),
        (b"'a'", "invalid character"),
    ],
)
def test_refused(data: bytes, message: str) -> None:
    """Duplicate keys, NUL, lone surrogates, numbers beyond a double and what isn't JSON are refused with the reason."""
    with pytest.raises(StrictJsonError, match=message):
        decode(data)


@pytest.mark.parametrize("data", [b"[" * 1_000 + b"]" * 1_000, b'{"a":' * 1_000 + b"1" + b"}" * 1_000, b"[" * 100_000])
def test_nested_brackets(data: bytes) -> None:
    """1,000 nested brackets in a body → refused, and so is a body of nothing else."""
    with pytest.raises(StrictJsonError, match="nested deeper than 64"):
        decode(data)


@given(st.integers(1, MAX_DEPTH + 20), st.integers(0, 100))
def test_depth(depth: int, width: int) -> None:
    """Depth is what counts, not the number of brackets, and none inside a text count."""
    inner = "[" * (depth - 1) + json.dumps('[{"\\') + "]" * (depth - 1)
    data = f"[{', '.join([*['[]'] * width, inner])}]".encode()
    if depth <= MAX_DEPTH:
        assert decode(data) == json.loads(data)
    else:
        with pytest.raises(StrictJsonError, match="nested deeper"):
            decode(data)


def test_depth_of_ones_own() -> None:
    """The depth is the caller's to say."""
    with pytest.raises(StrictJsonError, match="deeper than 2 levels"):
        decode(b"[[[]]]", max_depth=2)
    assert decode(b"[[]]", max_depth=2) == [[]]


def test_an_open_bracket_among_many() -> None:
    """What is never closed is malformed, not deep, however many brackets there are."""
    with pytest.raises(StrictJsonError, match="cut off"):
        decode(b"[" + b",".join([b"[]"] * 100) + b",[{")


LARGE = {
    "lists": b"[" + b"[]," * (3 * MAX_VALUES) + b"1]",
    "numbers": b"[" + b"1," * (4 * MAX_VALUES) + b"1]",
    "texts": b"[" + b'"\\"",' * (2 * MAX_VALUES) + b"1]",
    "names": b"{" + b'"":0,' * (2 * MAX_VALUES) + b'"":0}',
    "quotes": b"[" + b'""' * (3 * MAX_VALUES) + b"]" + b"," * (2 * MAX_VALUES),
}


@pytest.mark.parametrize("name", LARGE)
def test_very_many_values(name: str) -> None:
    """A text of very many values is refused before objects are made of it."""
    with pytest.raises(StrictJsonError, match="more than 250,000 values"):
        decode(LARGE[name])


def test_signs_in_a_text_are_no_values() -> None:
    """Commas, brackets and quotes within a text are not counted, nor is a decision made by where they are escaped."""
    text = 'a,[{"\\' * MAX_VALUES + "]" * 100
    assert decode(encode({"text": text, "more": [0] * 1_000})) == {"text": text, "more": [0] * 1_000}
    assert decode(b"[1,1,1]", max_values=3) == [1, 1, 1]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 0])
def test_the_widest_integers(number: int) -> None:
    """Integers within 64 bits are exact."""
    assert decode(json.dumps({"number": number, "more": [number]}).encode()) == {"number": number, "more": [number]}


@given(st.integers(2**63, 2**1000) | st.integers(-(2**1000), -(2**63) - 1))
def test_integers_beyond_64_bits(number: int) -> None:
    """An integer beyond 64 bits is the double that JavaScript means by it, wherever it is; others stay exact."""
    one = json.dumps({"a": [number, {"b": number, "c": 2**63 - 1}], "d": number}).encode()
    assert is_same(decode(one), {"a": [float(number), {"b": float(number), "c": 2**63 - 1}], "d": float(number)})
    assert is_same(decode(str(number).encode()), float(number))
    assert is_same(decode(encode([number])), [float(number)])
    assert is_same(checked({"a": number}), {"a": float(number)})


def test_the_integers_of_javascript() -> None:
    """JavaScript writes its doubles below 1e21 as whole numbers: 1e20 is 100000000000000000000."""
    assert decode(b"[100000000000000000000, 18446744073709552000]") == [1e20, 2.0**64]


@given(DOCUMENTS)
def test_values_that_can_be_kept(value: Any) -> None:
    """A value that JSON can say is itself."""
    assert is_same(checked(value), value)


DEEP: Any = []
for _ in range(MAX_DEPTH):
    DEEP = [DEEP]
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "NaN or infinite"), (math.inf, "NaN or infinite"), (-math.inf, "NaN or infinite"),
        ("a\0b", "NUL"), ("\ud800", "half of a surrogate pair"), (10**400, "beyond a double"), (DEEP, "deeper than 64"),
        (ENDLESS, "deeper than 64"),
    ],
)  # fmt: skip
def test_values_that_can_not_be_kept(value: Any, message: str) -> None:
    """What a reader would refuse, or JSON can't say, is refused before it is written, wherever in a value it is."""
    for whole in (value, [value], {"a": {"b": value}}, *([{value: 1}] if isinstance(value, str) else [])):
        for write in (encode, checked):
            with pytest.raises(StrictJsonError, match=message):
                write(whole)


def test_structs_are_encoded() -> None:
    """A struct is encoded as its fields, and refused for what is in them."""

    class Point(msgspec.Struct):
        x: float

    assert encode({"point": Point(1.5)}) == b'{"point":{"x":1.5}}'
    with pytest.raises(StrictJsonError, match="NaN"):
        encode({"point": Point(math.nan)})


def test_a_decimal_is_a_double() -> None:
    """A number with a point or exponent is a double, however many digits it has."""
    assert decode(b"[12345678901234567890.5, 1e2]") == [1.2345678901234567e19, 100.0]
