"""The values of literals: moments above all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.cel.literals import timestamp

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=ZONES).filter(lambda moment: 1 < moment.year < 9999))
def test_moments_have_one_written_form(moment: datetime) -> None:
    """A moment is written in UTC with six digits, from whatever zone it was given in."""
    expected = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert timestamp(moment.isoformat()) == expected


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=2))
def test_the_order_of_texts_is_the_order_of_moments(moments: list[datetime]) -> None:
    """Fixed width and one zone let text be compared for time, from the year 1 on."""
    first, second = (timestamp(moment.isoformat()) for moment in moments)
    assert first is not None
    assert second is not None
    assert (first < second) == (moments[0] < moments[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500000Z"),
        ("2026-01-02T03:04:05.000006000Z", "2026-01-02T03:04:05.000006Z"),
        ("2026-01-02T00:00:00+05:30", "2026-01-01T18:30:00.000000Z"),
        ("2026-01-02T00:00:00+05", "2026-01-01T19:00:00.000000Z"),
        ("2026-01-02T00:00:00-0530", "2026-01-02T05:30:00.000000Z"),
        ("2026-01-02T00:00:00+5", None),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("2026-01-02T03:04:05.0000061Z", None),
        ("2026-01-02", None),
        ("2026-01-02T03:04:05", None),
        ("2026-01-02 03:04:05Z", None),
        ("2026-02-30T03:04:05Z", None),
        ("2026-01-02T03:04:60Z", None),
        ("2026-01-02T03:04:05+24:00", None),
        ("2026-01-02T03:04:05+01:60", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("٢٠٢٦-01-02T03:04:05Z", None),
        ("2026-01-02T03:04:05Z\n", None),
    ],
)
def test_only_exact_moments_are_taken(text: str, expected: str | None) -> None:
    """RFC 3339 §5.6 to the microsecond, within the years 1 to 9999; an offset also without minutes or colon."""
    assert timestamp(text) == expected
