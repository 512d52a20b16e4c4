"""Warnings about declared collections."""

from __future__ import annotations

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.server.data.advice import warnings_of
from hinterland.server.data.catalogue import Catalogue


def warnings(collection: Collection) -> list[str]:
    return [*warnings_of(Catalogue([users(), collection], "sqlite"))]


@pytest.mark.parametrize("rule", ["auth != null", "true"])
def test_a_fill_that_no_rule_checks(rule: str) -> None:
    """A field that takes the caller's id, and that a caller may set to another's, is warned of with the remedy."""
    [warning] = warnings(Collection(name="posts", fields={"author": Text(fill="auth.id")}, rules=Rules(create=rule)))
    assert "posts.author" in warning
    assert "add auth.id == record.author to the create rule" in warning


@pytest.mark.parametrize(
    ("field", "rules"),
    [
        (Text(fill="auth.id"), Rules(create="auth.id == record.author")),
        (Text(fill="auth.id", write="admin"), EVERYBODY),
        (Text(fill="auth.id"), Rules()),
        (Text(), EVERYBODY),
        (Text(), Rules(update="'editor' in auth.roles")),
    ],
)
def test_what_is_not_warned_of(field: Text, rules: Rules) -> None:
    """There is no warning where the rule reads the field, others can't set it, only administrators create records, or
    nothing is filled."""
    assert warnings(Collection(name="posts", fields={"author": field}, rules=rules)) == []
