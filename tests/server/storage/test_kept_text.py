"""Forms of statements that are made once."""

from __future__ import annotations

from hinterland.server.storage.kept_text import LONGEST_KEPT, kept_text


def test_what_is_kept() -> None:
    """A form is made once for a statement of ordinary length, and each time for a longer one: what callers make long
    fills no memory."""
    made: list[int] = []

    @kept_text
    def upper(sql: str, end: str) -> str:
        made.append(len(sql))
        return sql.upper() + end

    for length, count in ((LONGEST_KEPT, 1), (LONGEST_KEPT + 1, 3)):
        made.clear()
        assert {upper("x" * length, ";") for _ in range(3)} == {"X" * length + ";"}
        assert made == [length] * count
