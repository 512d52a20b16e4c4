"""References as a kind of field, and how an app's declaration completes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.contract.fields import Field, Reference, Text
from hinterland.contract.linking import linked
from hinterland.contract.records import Collection, read_collection, users
from hinterland.kit.cel.types import INT, STRING


def posts(**fields: Field) -> Collection:
    """A collection with these fields."""
    return Collection(name="posts", fields={"title": Text(), **fields})


def test_a_declaration_fills_in_the_ids_of_the_target() -> None:
    """A reference has the type, column and checks of its target's ids, also when the declaration is stored and read;
    collections without references stay the same objects."""
    people = users(ids="integer")
    plain = posts()
    found = linked([people, plain, Collection(name="notes", fields={"by": Reference(to="users")})])
    assert found[0] is people
    assert found[1] is plain
    by = read_collection(msgspec.json.encode(found[2])).fields["by"]
    assert (by.type, by.column, by.index, by.name) == (INT, "integer", True, "Reference(to='users')")
    assert by.checker()(7) == 7
    with pytest.raises(ValueError, match="must be the id of a record"):
        by.checker()("seven")
    [_, own] = linked([users(), posts(by=Reference(to="users", index=False))])
    assert (own.fields["by"].type, own.fields["by"].index) == (STRING, False)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (Reference(to="user"), r"posts.x: it refers to 'user', which is not declared; declared are users, posts"),
        (Reference(), r"posts.x: it refers to '', which is not declared"),
        (Reference(to="lines"), r"posts.x: it refers to 'lines', whose records live below those of posts; refer to a"),
    ],
)
def test_what_nothing_can_refer_to(field: Reference, message: str) -> None:
    """A target must be declared, and have no parent."""
    lines = Collection(name="lines", fields={}, parent="posts")
    with pytest.raises(ValueError, match=message):
        linked([users(), posts(x=field), lines])


def test_a_required_reference_is_not_set_to_null() -> None:
    """What must have a value can't lose it."""
    with pytest.raises(ValueError, match=r"posts.x: it is required, so on_delete='set_null' can't take its value"):
        posts(x=Reference(to="users", required=True, on_delete="set_null"))
    everything: dict[str, Any] = {"to": "users", "on_delete": "delete"}
    with pytest.raises(ValueError, match="on_delete"):
        posts(x=Reference(**everything))
