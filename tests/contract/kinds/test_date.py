"""Days of the calendar."""

from __future__ import annotations

import pytest

from hinterland.contract.fields import Date

FORM = "must be a date such as 2026-01-31"


@pytest.mark.parametrize("text", ["2024-02-29", "0001-01-01", "9999-12-31"])
def test_a_day(text: str) -> None:
    """A day of the calendar is kept as it is written."""
    assert Date().checker()(text) == text


@pytest.mark.parametrize(
    "value",
    ["2026-02-29", "2026-1-2", "20260102", "2026-W01-1", "2026-01-02T00:00:00Z", "0000-01-01", "", 5, "٢026-01-02"],
)
def test_what_is_no_day(value: object) -> None:
    """What is no day, or is written in another form, is refused with the form."""
    with pytest.raises(ValueError, match=FORM):
        Date().checker()(value)


@pytest.mark.parametrize(
    ("cell", "day"),
    [("2026-01-31", "2026-01-31"), (" 2026-01-31 00:00:00", "2026-01-31"), ("2026-01-31T00:00:00.000", "2026-01-31"),
     ("2026-01-31 12:00", "2026-01-31 12:00"), ("31.1.2026", "31.1.2026")],
)  # fmt: skip
def test_cells(cell: str, day: str) -> None:
    """A cell may write a day as midnight; nothing else is guessed."""
    assert Date().from_cell(cell) == day
