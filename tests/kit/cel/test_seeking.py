"""What an index answers."""

from __future__ import annotations

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.seeking import is_seeking, terms_of
from tests.kit.cel.schema import ENVIRONMENT


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("record.id == 'x'", True), ("auth.id == record.id", True), ("record.count >= 3", True),
        ("record.id.startsWith('ab')", True), ("record.id in ['x', 'y']", True), ("record.id in auth.roles", True),
        ("record.id == 'x' || record.count == 2", True), ("record.id == 'x' || record.price > 3", False),
        ("record.price > 3", False), ("record.id != 'x'", False), ("record.id.contains('x')", False),
        ("record.id == record.value", False), ("record.id in record.tags", False), ("record.count % 2 == 0", False),
        ("!(record.id == 'x')", False), ("record.open", False), ("record.id == 'x' ? true : false", False),
        ("auth.id == 'x'", False), ("record.count + 1 == 3", False), ("record.id.size() == 1", False),
    ],
)  # fmt: skip
def test_is_seeking(source: str, is_one: bool) -> None:
    """Comparisons of an indexed field with what is given, and any of them, are answered by an index; others are not."""
    assert is_seeking(check(parse(source), ENVIRONMENT), {"id", "count"}) is is_one


def test_terms_of() -> None:
    """An expression's terms are what all must be true."""
    tree = check(parse("record.id == 'x' && record.count == 2 && (record.open || record.price > 3)"), ENVIRONMENT)
    texts = [term.text for term in terms_of(tree)]
    assert texts == ["record.id == 'x'", "record.count == 2", "(record.open || record.price > 3)"]
    assert len(terms_of(check(parse("record.open || record.price > 3"), ENVIRONMENT))) == 1
