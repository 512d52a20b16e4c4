"""What of records is wanted, as parts of questions."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.fields import Integer, Reference, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.cel.conditions import cel
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.projection import (
    DEFAULT_INCLUDED,
    MAX_DEPTH,
    MAX_INCLUDES,
    Included,
    Projection,
    Projector,
)
from hinterland.server.data.select.question import Include, Select, Window
from tests.server.data.world import ADA, ADMIN
from tests.server.refused import refused

STAFF = Principal(id="eve", roles=("staff",))
TOPICS = Collection(
    name="topics",
    fields={
        "title": Text(),
        "above": Reference(to="topics"),
        "owner": Text(fill="auth.id"),
        "staff": Text(read="'staff' in auth.roles"),
        "own": Text(read="auth.id == record.owner"),
        "closed": Reference(to="topics", read="false", index=True),
    },
    rules=EVERYBODY,
)
NOTES = Collection(
    name="notes",
    parent="topics",
    fields={"text": Text(), "rank": Integer(), "own": Text(read="auth.id == record.text")},
    rules=EVERYBODY,
)
SECRETS = Collection(name="secrets", parent="topics", fields={}, rules=Rules(view="true"))
HIDDEN = Collection(name="hidden", fields={"of": Reference(to="topics")})
OPEN = Collection(name="open", fields={"title": Text()}, rules=EVERYBODY, is_open=True)
CATALOGUE = Catalogue([users(), TOPICS, NOTES, SECRETS, HIDDEN, OPEN], "sqlite")


def parts(wanted: Projection, caller: Principal = ADA, of: str = "topics") -> Any:
    """The parts of a question to a collection."""
    return Projector(CATALOGUE, caller).parts(CATALOGUE[of], wanted)


def test_fields() -> None:
    """The id always comes, and no name twice; without names all fields come."""
    assert parts(Projection(("title", "id", "title", "revision"))) == (("id", "title", "revision"), ())
    assert parts(Projection(())) == (("id",), ())
    assert parts(Projection()) == ((), ())


def test_hidden_fields() -> None:
    """What a caller sees of no record is refused; what depends on the record is asked for."""
    assert parts(Projection(("own",)))[0] == ("id", "own")
    assert parts(Projection(("staff",)), STAFF)[0] == parts(Projection(("staff",)), ADMIN)[0] == ("id", "staff")
    for caller, names in ((ADA, ("staff",)), (SIGNED_OUT, ("own", "staff")), (STAFF, ("closed",))):
        with refused("forbidden", f"{names[-1]} of topics"):
            parts(Projection(names), caller)
    with refused("invalid_query", "allowed in fields: staff, id") as caught:
        parts(Projection(("staf",)), STAFF)
    assert "closed" not in caught.value.message
    with refused("invalid_query", "allowed in fields") as caught:
        parts(Projection(("staf",)), ADA)
    assert "staff" not in caught.value.message.partition("allowed")[2]


@pytest.mark.parametrize("name", ["any", "a b", "é", "a.b", "x" * 200])
def test_fields_without_a_declaration(name: str) -> None:
    """An open collection has fields of any name."""
    assert parts(Projection((name,)), of="open") == (("id", name), ())


@pytest.mark.parametrize("name", ["", "parent", 'a"', "a\\", "a\n", "x" * 201])
def test_names_that_are_no_fields(name: str) -> None:
    """What can be no name, or hardly be one, is refused."""
    with refused("invalid_query", "open has no field"):
        parts(Projection((name,)), of="open")


def test_includes() -> None:
    """Included records are asked for as the caller wants them: one is the one; of several a number that has a bound."""
    above = Included("above", Projection(("title",), (Included("owner"),)))
    notes = Included("notes", Projection(), "record.rank > 1", ("-rank",), 5)
    back = Included("topics_via_above")
    title = Select("topics", None, fields=("id", "title"), includes=(Include("owner", Select("users", None), "owner"),))
    asked = Select("notes", None, (cel("record.rank > 1"),), ("-rank",), Window(5))
    assert parts(Projection(None, (above, notes, back))) == (
        (),
        (
            Include("above", title, "above"),
            Include("notes", asked),
            Include("topics_via_above", Select("topics", None, window=Window(DEFAULT_INCLUDED)), back="above"),
        ),
    )


REFUSED: list[tuple[Included, Principal, str, str]] = [
    (Included("nothing"), ADA, "invalid_query", "topics has no relation 'nothing' to expand; allowed: "),
    (Included("x" * 1_000), ADA, "invalid_query", "no relation 'xxx"),
    (Included("above", limit=3), ADA, "invalid_query", "above: it is one record"),
    (Included("above", sort=("title",)), ADA, "invalid_query", "above: it is one record"),
    (Included("above", filter="true"), ADA, "invalid_query", "above: it is one record"),
    (Included("notes", sort=("x",)), ADA, "invalid_query", "notes: unknown sort field 'x'"),
    (Included("notes", filter="record.x"), ADA, "invalid_query", "notes: filter: "),
    (Included("notes", filter="record.own == ''"), ADA, "forbidden", "own of notes"),
    (Included("notes", Projection(("x",))), ADA, "invalid_query", "notes: notes has no field 'x'"),
    (
        Included("above", Projection(None, (Included("x"),))),
        ADA,
        "invalid_query",
        "above: topics has no relation 'x'",
    ),
    (Included("secrets"), ADA, "forbidden", "the list rule of secrets"),
    (Included("secrets"), SIGNED_OUT, "unauthorized", "sign in to list records of secrets"),
]


@pytest.mark.parametrize(("related", "caller", "code", "words"), REFUSED)
def test_what_is_refused(related: Included, caller: Principal, code: str, words: str) -> None:
    """What is not there, or closed to the caller, is refused with the path that leads there."""
    with refused(code, words):
        parts(Projection(None, (related,)), caller)


def test_collections_that_a_caller_may_not_know() -> None:
    """No message names a collection that only administrators use."""
    with refused("invalid_query", "no relation") as caught:
        parts(Projection(None, (Included("hiddn"),)))
    assert "hidden" not in caught.value.message
    with refused("invalid_query", "allowed: hidden, "):
        parts(Projection(None, (Included("hiddn"),)), ADMIN)


def test_how_deep_and_how_many() -> None:
    """Included records are so many levels deep, and so many in all levels together, at most; a cycle is fine."""
    wanted = Projection()
    for _ in range(MAX_DEPTH):
        wanted = Projection(None, (Included("above", wanted),))
    assert parts(wanted)[1]
    with refused("invalid_query", f"{MAX_DEPTH} levels deep"):
        parts(Projection(None, (Included("above", wanted),)))
    both = Projection(None, (Included("above"), Included("notes")))
    five = [Included("above", both) for _ in range(MAX_INCLUDES // 3)]
    assert parts(Projection(None, tuple(five)))[1]
    with refused("invalid_query", f"over {MAX_INCLUDES} relations"):
        parts(Projection(None, (*five, Included("above", both))))
