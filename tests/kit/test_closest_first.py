"""Names in the order of their likeness."""

from __future__ import annotations

import pytest

from hinterland.kit.closest_first import closest_first

KNOWN = ["id", "title", "author", "createdAt", "tile"]


@pytest.mark.parametrize(
    ("name", "first"),
    [("titel", "title"), ("autor", "author"), ("createdat", "createdAt"), ("created_at", "createdAt"), ("ID", "id")],
)
def test_the_closest_comes_first(name: str, first: str) -> None:
    """The most similar name is first, whatever its case, and every other follows once."""
    found = closest_first(name, KNOWN)
    assert found[0] == first
    assert sorted(found) == sorted(KNOWN)


@pytest.mark.parametrize("name", ["", "nothing", "x" * 100_000])
def test_what_is_like_none(name: str) -> None:
    """Where no name is similar, their order stays."""
    assert closest_first(name, KNOWN) == KNOWN
