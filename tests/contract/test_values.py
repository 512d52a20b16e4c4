"""The forms of values on the wire and in the store."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract import values

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ANYWHERE = st.datetimes(timezones=ZONES | st.just(UTC))
INSIDE = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES | st.just(UTC))  # noqa: DTZ001
FIXED = "0000-00-00T00:00:00.000000Z"


@given(ANYWHERE)
def test_any_datetime(moment: datetime) -> None:
    """Any datetime with any zone has one canonical form of one width, or is refused with a hint."""
    try:
        text = values.parse_instant(moment.isoformat())
    except ValueError as error:
        hint = str(error)
        assert "2026-01-31T12:00:00Z" in hint
        assert not 1 < moment.year < 9999
    else:
        assert len(text) == len(FIXED)
        assert datetime.fromisoformat(text) == moment
        assert text == values.format_instant(moment)


@given(INSIDE)
def test_canonical_is_canonical(moment: datetime) -> None:
    """The canonical form of a canonical instant is itself, in any case and with a space as with a T."""
    text = values.parse_instant(moment.isoformat())
    assert values.parse_instant(text) == text
    assert values.parse_instant(text.lower()) == text
    assert values.parse_instant(text.replace("T", " ")) == text
    assert values.parse_instant(text.replace(".", ",")) == text


@given(INSIDE, INSIDE)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    """The order of texts is the order of time, whatever the zones were."""
    assert (values.format_instant(one) < values.format_instant(other)) == (one < other)


@given(st.datetimes())
def test_times_without_an_offset(moment: datetime) -> None:
    """A time without an offset is refused with what to give, or read in the zone that the caller names."""
    with pytest.raises(ValueError, match="must have an offset; give the offset, such as Z or"):
        values.parse_instant(moment.isoformat())
    assert values.parse_instant(moment.isoformat(), UTC) == values.parse_instant(moment.isoformat() + "Z")


def test_a_zone_and_an_offset() -> None:
    """The zone is for times without an offset only; a moment that no year holds is refused."""
    rome = ZoneInfo("Europe/Rome")
    assert values.parse_instant("2026-07-01T12:00", rome) == "2026-07-01T10:00:00.000000Z"
    assert values.parse_instant("2026-07-01T12:00-01", rome) == "2026-07-01T13:00:00.000000Z"
    with pytest.raises(ValueError, match="use an instant such as"):
        values.parse_instant("0001-01-01T00:00", rome)


@given(ANYWHERE)
def test_is_instant(moment: datetime) -> None:
    """An instant in the wire form is one; the same in any other form is none."""
    with suppress(OverflowError):
        text = values.format_instant(moment)
        assert values.is_instant(text)
        assert not any(map(values.is_instant, (text.lower(), text.replace("T", " "), text[:-1], "2026-13" + text[7:])))


def test_instant() -> None:
    """Seconds since 1970 in the wire form, to the microsecond."""
    assert values.instant(0) == "1970-01-01T00:00:00.000000Z"
    assert values.instant(1_767_323_045.000006) == "2026-01-02T03:04:05.000006Z"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-02T03:04Z", "2026-01-02T03:04:00.000000Z"),
        ("2026-01-02 03:04:05+00", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T03:04:05.5-11", "2026-01-02T14:04:05.500000Z"),
        ("2026-01-02T03:04:05+0530", "2026-01-01T21:34:05.000000Z"),
        ("2026-01-02T03:04:05.5-01:00", "2026-01-02T04:04:05.500000Z"),
        ("2026-01-02t03:04:05.123456789z", "2026-01-02T03:04:05.123456Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
    ],
)
def test_spellings(text: str, canonical: str) -> None:
    """The usual spellings of ISO 8601 and RFC 3339 §5.6 are understood; digits beyond microseconds are cut."""
    assert values.parse_instant(text) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-02", "2026-13-01T00:00Z", "2025-02-29T00:00:00Z", "2025-02-29T00:00:00.000000Z",
     "2026-01-02T25:00:00Z", "1767323045",
     "2026-01-02T03:04:05+24:00", "2026-W01-1T00:00", "20260102T030405Z", " 2026-01-02T03:04:05Z",
     "٢026-01-02T03:04:05Z",
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-02T03:04:05Z\n", "2026-01-02T03:04:05.Z"],
)  # fmt: skip
def test_no_instant(text: str) -> None:
    """What is no instant is refused with an example of one."""
    with pytest.raises(ValueError, match="use an instant such as"):
        values.parse_instant(text)


def test_the_end_of_a_day() -> None:
    """An hour 24 never stands in a canonical form, whether this Python understands it or not."""
    with suppress(ValueError):
        assert values.parse_instant("2026-01-01T24:00:00.000000Z") == "2026-01-02T00:00:00.000000Z"


@given(st.integers())
def test_int64(number: int) -> None:
    """An integer as text is accepted exactly where it has 64 bits, and its form is Python's."""
    if values.MIN_INT64 <= number <= values.MAX_INT64:
        assert values.parse_int64(str(number)) == str(number)
    else:
        with pytest.raises(ValueError, match="64-bit integer"):
            values.parse_int64(str(number))


@given(st.integers(0, 2**62), st.integers(0, 30))
def test_int64_zeros(number: int, zeros: int) -> None:
    """Leading zeros go; a text beyond nineteen digits is refused."""
    text = "0" * zeros + str(number)
    if len(text) <= 19:
        assert values.parse_int64(text) == str(number)
    else:
        with pytest.raises(ValueError, match="64-bit integer"):
            values.parse_int64(text)


@pytest.mark.parametrize("text", ["", "-", "+1", "1.0", "1e3", " 1", "1\n", "0x1", "١", "--1", "9223372036854775808"])
def test_no_int64(text: str) -> None:
    """Only digits with an optional minus are an integer."""
    with pytest.raises(ValueError, match="64-bit integer"):
        values.parse_int64(text)


def test_minus_zero() -> None:
    """There is one zero."""
    assert values.parse_int64("-0") == "0"


@given(st.binary())
def test_base64(data: bytes) -> None:
    """Bytes have one base64 text, which is its own canonical form."""
    text = base64.b64encode(data).decode()
    assert values.parse_base64(text) == text


@given(st.text(alphabet="AZaz09+/=é -_\n", max_size=12))
def test_base64_is_idempotent(text: str) -> None:
    """Whatever is accepted has a canonical form that stays, of the same bytes; the rest is a ValueError with a hint."""
    try:
        canonical = values.parse_base64(text)
    except ValueError as error:
        hint = str(error)
        assert "RFC 4648" in hint
    else:
        assert values.parse_base64(canonical) == canonical
        assert base64.b64decode(canonical) == base64.b64decode(text)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, True, False), (0, False, False), (1, 1.0, True), (True, True, True), (None, False, False), ("1", 1, False),
        ([1], [True], False), ({"a": [0]}, {"a": [False]}, False), ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}, True),
        ([1], [1, 2], False), ({"a": 1}, {"b": 1}, False), (2**53 + 1, float(2**53), False),
    ],
)  # fmt: skip
def test_is_same(one: object, other: object, is_same: bool) -> None:
    """JSON values are equal as JSON has them: numbers by value, and no boolean is a number, however deep; their
    identities are equal where they are."""
    assert values.is_same(one, other) is is_same
    assert values.is_same(other, one) is is_same
    assert (values.identity(one) == values.identity(other)) is is_same
