"""MessagePack is read to the values of the same JSON, or refused."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit import strict_json, strict_msgpack
from hinterland.kit.strict_json import StrictJsonError

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.text("a", min_size=30, max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(texts, inner, max_size=20),
    max_leaves=60,
)
pack = msgspec.msgpack.encode


@given(values)
def test_what_an_encoder_writes_is_read(value: Any) -> None:
    """Every value of JSON that another implementation packs comes back as it was."""
    assert strict_msgpack.decode(pack(value)) == value


@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    """Other bytes are refused, or read as another implementation reads them."""
    try:
        value = strict_msgpack.decode(data)
    except StrictJsonError:
        return
    assert strict_json.checked(msgspec.to_builtins(msgspec.msgpack.decode(data))) == value


def test_bytes_and_large_numbers() -> None:
    """Bytes are base64 text, and an integer beyond 64 bits is a double."""
    assert strict_msgpack.decode(pack(b"ab" * 200)) == b64encode(b"ab" * 200).decode()
    assert strict_msgpack.decode(b"\xcf" + b"\xff" * 8) == float(2**64 - 1)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "cut off"),
        (b"\xa5ab", "cut off"),
        (b"\x92\x01", "cut off"),
        (b"\xcd\x01", "cut off"),
        (b"\x01\x02", "more behind"),
        (b"\xa1\xff", "not UTF-8"),
        (b"\xa1\x00", "NUL"),
        (b"\x81\x01\x02", "name is not a text"),
        (b"\x81\xc4\x01a\x02", "name is not a text"),
        (b"\x81\x80\x02", r"name is not a text \(byte 1\)"),
        (b"\x81\x91\x90\x02", r"name is not a text \(byte 1\)"),
        (b"\x81\xde\x00\x00\x02", r"name is not a text \(byte 1\)"),
        (b"\x81", "cut off"),
        (b"\x82\xa1a\x01\xd9\x01a\x02", "appears twice"),
        (b"\xd6\xff\x00\x00\x00\x00", "type 0xd6"),
        (b"\xc1", "type 0xc1"),
        (pack(float("nan")), "NaN"),
        (b"\x91" * 65 + b"\xc0", "nested"),
        (b"\x81\xa1a" * 65 + b"\xc0", "nested"),
        (b"\xdd\xff\xff\xff\xff" + b"\xc0" * 250_001, "more than 250,000 values"),
    ],
)
def test_what_is_refused(data: bytes, match: str) -> None:
    """What JSON can't mean, or two readers could understand differently, is refused, as what is too deep or large."""
    with pytest.raises(StrictJsonError, match=match):
        strict_msgpack.decode(data)
