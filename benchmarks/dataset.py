"""The records that both servers hold, made from their number alone, so that every answer can be checked.

Six fields: a list of members, a text, a number and a category (each indexed, and both together where they are listed),
a boolean and an instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MEMBERS = 4  # users that are in every record's list; one more user is in none
ROWS_PER_CATEGORY = 100
_STRIDE = 7919  # a prime: no number of rows that is used here is a multiple of it
_TITLES = (
    "Salt marsh at low tide",
    "Ferry times for the islands",
    "Light on the northern mole",
    "Depths of the fairway",
)


class Dataset:
    """`rows` records of the collection `articles`, numbered from 0, whose members are the user ids `members`."""

    def __init__(self, rows: int, members: list[str]) -> None:
        self.rows = rows
        self.categories = max(1, rows // ROWS_PER_CATEGORY)
        self._members = members
        self._listed: dict[int, list[int]] = {}
        self._sums: dict[bool, tuple[int, float, float]] = {}

    def row(self, number: int) -> dict[str, Any]:
        """The six fields of a record. Its rank is its own: no other record of the set has it."""
        turn = number % len(self._members)
        return {
            "members": self._members[turn:] + self._members[:turn],
            "title": f"{_TITLES[number % len(_TITLES)]}, sheet {number:07d} of the survey",
            "rank": number * _STRIDE % self.rows if number < self.rows else number,
            "category": category_name(number % self.categories),
            "done": number % 3 == 0,
            "due": _due(number),
        }

    def seeds(self) -> Iterator[dict[str, Any]]:
        """Every record with its id, in order."""
        return ({"id": row_id(number), **self.row(number)} for number in range(self.rows))

    def read_at(self, turn: int) -> int:
        """The number of the record that the reading of this turn asks for: all of them, scattered."""
        return turn * _STRIDE % self.rows

    def listed(self, category: int, limit: int) -> list[int]:
        """The numbers of the first `limit` records of a category, lowest rank first."""
        if category not in self._listed:
            numbers = range(category, self.rows, self.categories)
            self._listed[category] = sorted(numbers, key=lambda number: number * _STRIDE % self.rows)
        return self._listed[category][:limit]

    def sums(self, *, done: bool) -> tuple[int, float, float]:
        """Of the records that are done, or of the others: how many, the sum of their ranks, and the highest."""
        if done not in self._sums:
            ranks = [self.row(number)["rank"] for number in range(self.rows) if (number % 3 == 0) is done]
            self._sums[done] = len(ranks), float(sum(ranks)), float(max(ranks))
        return self._sums[done]

    def total(self, category: int) -> int:
        """How many records the category has."""
        return len(range(category, self.rows, self.categories))


def _due(number: int) -> str:
    day = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    return f"{day}T{number % 24:02d}:{number % 60:02d}:00.{number % 1000:03d}Z"


def row_id(number: int) -> str:
    """The id of a seeded record, one that both servers take: 15 letters and digits."""
    return f"r{number:014d}"


def category_name(category: int) -> str:
    """The value of the field `category`."""
    return f"c{category:05d}"


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """The six fields of an answered record in one form: an instant to the millisecond, as each server writes it."""
    due = str(record["due"]).replace(" ", "T")[:23]
    return {name: record[name] for name in ("members", "title", "rank", "category", "done")} | {"due": due}
