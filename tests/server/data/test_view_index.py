"""Views that are found by the values of the records that change."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.fields import Boolean, Field, Integer, Json, List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import Collection, Rules, users
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.view_index import ViewIndex
from hinterland.server.data.views import Delta, View, Views, version
from hinterland.server.storage.protocol import StoredRecord
from tests.server.data.world import ADA, ADMIN, BEN
from tests.server.refused import refused

STAFF = Principal(id="cleo", roles=("staff",))
FIELDS: dict[str, Field] = {
    "room": Text(),
    "author": Text(),
    "members": List(of=Text()),
    "open": Boolean(),
    "count": Integer(),
    "meta": Json(),
    "draft": Text(read="auth.id == 'ada'"),
}
RULES = [
    "true",
    "auth != null",
    "record.author == auth.id",
    "record.open || record.author == auth.id || auth.id in record.members",
    "'staff' in auth.roles || (record.open && auth.id in record.members)",
    "auth != null && (record.author == auth.id ? record.open : record.room == 'a')",
    "record.author == auth.id && !record.open",
]
FILTERS = [
    "", "record.room == 'a'", "record.room == 'b' && record.count > 1", "record.room in ['a', 'c']", "record.open",
    "record.room == 'a' || record.room == 'b'", "record.count == 2", "record.room != 'a'", "!record.open",
    "record.author == record.room", "record.id == 'x'", "record.room == auth.id", "has(record.room)",
    "record.meta.city == 'Rome'", "record.meta.open && record.meta.size == 2", "'a' in record.meta.tags",
    "record.parent == ''", "record.revision == 1 || record.members.exists(m, m == auth.id)",
]  # fmt: skip
CATALOGUES = [
    Catalogue([users(), Collection(name="notes", fields=FIELDS, rules=Rules(list=rule))], "sqlite") for rule in RULES
]
CALLERS = [ADA, BEN, STAFF, ADMIN, SIGNED_OUT]
VALUES: dict[str, list[Any]] = {
    "room": ["a", "b", "c", "ada", None, 1, ["a"]],
    "author": ["ada", "ben", "a", None, 7],
    "members": [[], ["ada"], ["ben", "cleo"], ["ada", None, 1, {}], None, "ada", [str(n) for n in range(300)]],
    "open": [True, False, None, 1, "true"],
    "meta": [
        {"city": "Rome"},
        {"city": {"a": 1}, "open": True, "size": 2},
        {"size": 2.0, "open": 1},
        {"tags": ["a", 1]},
        {"tags": [["a"], {}], "city": ["Rome"]},
        [],
        "Rome",
        None,
    ],
    "count": [0, 2, 2.0, True, None, "2"],
}
BODIES = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()})


def delta(before: Any, after: Any) -> Delta:
    """A change between two documents; None: there is no record."""
    states = [
        None if body is None else StoredRecord("", "x", 1, "", "", json.dumps(body), None) for body in (before, after)
    ]
    return Delta("", "x", 1, *map(version, states))


@given(
    rule=st.sampled_from(CATALOGUES),
    asked=st.lists(st.tuples(st.sampled_from(CALLERS), st.sampled_from(FILTERS)), min_size=1, max_size=20),
    left=st.sets(st.integers(0, 19)),
    states=st.lists(st.tuples(st.none() | BODIES, st.none() | BODIES), min_size=1, max_size=5),
)
def test_no_view_is_missed(rule: Catalogue, asked: Any, left: set[int], states: Any) -> None:
    """Each view that shows a record before or after a change is found by the values of the record, whatever it moves
    from and to, and of whichever types its values are; views that were removed are not found."""
    views, index = Views(rule), ViewIndex()
    made = [*dict.fromkeys(views.of(caller, "notes", filter) for caller, filter in asked)]
    for view in made:
        index.add(view)
    kept = [view for place, view in enumerate(made) if place not in left]
    for view in made:
        if view not in kept:
            index.remove(view)
    for before, after in states:
        change = delta(before, after)
        found = {*index.of(change), *index.others}
        assert {view for view in kept if view.change(change) is not None} <= found <= {*kept}
    for view in kept:
        index.remove(view)
    assert not index._fields
    assert not index.others


def notes(index: ViewIndex, *filters: str) -> list[View]:
    views = Views(CATALOGUES[0])
    made = [views.of(ADA, "notes", filter) for filter in filters]
    for view in made:
        index.add(view)
    return made


def test_only_views_that_match_are_found() -> None:
    """Of many views that differ in a value, a change finds those of its values before and after."""
    index = ViewIndex()
    rooms = notes(index, *[f"record.room == 'r{number}'" for number in range(100)])
    assert {*index.of(delta({"room": "r1"}, {"room": "r2"}))} == {rooms[1], rooms[2]}
    assert {*index.of(delta(None, {"room": "r7"}))} == {rooms[7]}
    assert [*index.of(delta({"room": "r7"}, None))] == [rooms[7]]
    assert [*index.of(delta({"room": 7}, {}))] == []


def test_views_have_no_clock() -> None:
    """A live view whose filter reads the clock is refused: its records would come and go without a change."""
    with refused("invalid_query", "now\\(\\) cannot decide what a live view shows"):
        Views(CATALOGUES[0]).of(ADA, "notes", "timestamp(record.count) < now()")


def test_views_are_kept_by_what_tells_the_most() -> None:
    """Of the equalities that a view needs, it is kept by those that the fewest others have."""
    index = ViewIndex()
    made = notes(index, *[f"record.open && record.room == 'r{number}'" for number in range(20)])
    assert len(index.of(delta(None, {"open": True, "room": "r7"}))) <= 2
    assert made[7] in index.of(delta(None, {"open": True, "room": "r7"}))
