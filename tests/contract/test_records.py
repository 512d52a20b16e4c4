"""Collections, and how a body becomes a document."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Bytes, Field, Instant, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, META, Collection, CompiledCollection, Rules, read_collection, users

POSTS = Collection(
    name="posts",
    fields={
        "title": Text(required=True, max_length=10),
        "rank": Integer(default=1, minimum=0),
        "at": Instant(default="2026-01-02T03:04:05+01:00"),
        "author": Text(fill="auth.id"),
        "tags": List(),
        "done": Boolean(),
    },
)
SHAPE = CompiledCollection(POSTS)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.text(max_size=3), max_size=3)
BODIES = st.dictionaries(st.sampled_from([*POSTS.fields, *META, "unknown", "colour"]), VALUES)


def errors_of(body: dict[str, Any], document: dict[str, Any] | None = None) -> dict[str, list[str]]:
    """The errors by field that a creation (or, of a `document`, a patch) is refused with."""
    with pytest.raises(Refusal) as refused:
        SHAPE.new(body) if document is None else SHAPE.patched(document, body)
    assert refused.value.code == "validation"
    return refused.value.errors


@given(BODIES, st.sampled_from([None, "ada"]))
def test_a_document(body: dict[str, Any], caller: str | None) -> None:
    """A body becomes a document with every declared field in order, which is a body of itself; or every wrong field is
    named, in declared order, and no other."""
    wrong = {name for name, value in body.items() if name not in META and value is not None and not _fits(name, value)}
    if body.get("title") in (None, ""):
        wrong.add("title")
    if wrong := wrong | {name for name in body if name in ("unknown", "colour")}:
        with pytest.raises(Refusal) as refused:
            SHAPE.new(body, caller)
        assert refused.value.errors.keys() == wrong
        known = [name for name in refused.value.errors if name in POSTS.fields]
        assert known == [name for name in POSTS.fields if name in wrong]
    else:
        document = SHAPE.new(body, caller)
        assert list(document) == list(POSTS.fields)
        assert SHAPE.new(document, caller) == document == SHAPE.replaced({}, document) == SHAPE.patched(document, {})


def _fits(name: str, value: Any) -> bool:
    if name not in POSTS.fields:
        return False
    try:
        SHAPE.check(name, value)
    except ValueError:
        return False
    return True


def test_new() -> None:
    """Defaults and the caller fill what the body leaves out, in the store's form; null is no value."""
    assert SHAPE.new({"title": "a"}, "ada") == {
        "title": "a", "rank": 1, "at": "2026-01-02T02:04:05.000000Z", "author": "ada", "tags": None, "done": None,
    }  # fmt: skip
    assert SHAPE.new({"title": "a", "author": "bob", "rank": None}, "ada")["author"] == "bob"
    assert SHAPE.new({"title": "a", "rank": None})["rank"] is None
    assert SHAPE.new({"title": "a", "author": None}, "ada")["author"] is None
    assert SHAPE.new({"title": "a"})["author"] is None


def test_a_fill_is_checked() -> None:
    """What the caller's id is filled into is checked like a value: an integer is no text."""
    with pytest.raises(Refusal) as refused:
        SHAPE.new({"title": "a"}, 7)
    assert refused.value.errors == {"author": ["must be text"]}


def test_all_errors_at_once() -> None:
    """Every wrong field is reported at once, in declared order, unknown ones last with what there is; reserved ones
    don't count."""
    errors = errors_of({"colour": "red", "rank": -1, "id": "x", "revision": 3, "title": "far too long a title"})
    assert errors == {
        "title": ["must have at most 10 characters, has 20"],
        "rank": ["must be between 0 and 9007199254740991"],
        "colour": ["is not a field of posts; it has title, rank, at, author, tags, done"],
    }
    assert list(errors) == ["title", "rank", "colour"]


def test_many_unknown_fields() -> None:
    """The first few unknown fields are reported with the names most like theirs first, the others with all names in
    order: to liken names takes time, in which others wait."""
    errors = errors_of({"title": "a", **{f"don{number}": 1 for number in range(9)}})
    firsts = [message.partition("it has ")[2].partition(",")[0] for [message] in errors.values()]
    assert firsts == ["done"] * 5 + ["title"] * 4


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": ""}])
def test_required(body: dict[str, Any]) -> None:
    """A required field must be there, and as text not be empty."""
    assert errors_of(body) == {"title": ["is required"]}
    if body:
        assert errors_of(body, SHAPE.new({"title": "a"})) == {"title": ["is required"]}


def test_a_required_field_that_is_wrong() -> None:
    """A required field with a wrong value is reported with its own mistake, not that it is missing."""
    assert errors_of({"title": 3}) == {"title": ["must be text"]}


def test_patched() -> None:
    """A patch changes its fields alone, and null clears one (RFC 7396 §2)."""
    old = SHAPE.new({"title": "a", "tags": ["x"], "done": True})
    assert SHAPE.patched(old, {"done": None, "rank": 7}) == old | {"done": None, "rank": 7}
    assert old["done"] is True


@pytest.mark.parametrize("document", [None, {"title": "x"}])
def test_what_looks_like_a_transform(document: dict[str, Any] | None) -> None:
    """A value that looks like a transform is refused with where transforms are possible, an unknown one with those that
    are supported."""
    [message] = errors_of({"title": "x", "rank": {"$increment": 1}}, document)["rank"]
    assert message.startswith("must be a whole number; transforms ($increment, $add, $remove, $now) are for PATCH")
    [message] = errors_of({"title": "x", "rank": {"$inc": 1}}, document)["rank"]
    supported = "supported in a PATCH: $increment, $add, $remove, $now"
    assert message == f"must be a whole number; unknown transform $inc; {supported}"
    for other in ({"a": 1}, {"$a": 1, "$b": 2}, {}, {"": 1}):
        [message] = errors_of({"title": "x", "rank": other}, document)["rank"]
        assert message == "must be a whole number"


def test_a_field_that_is_gone() -> None:
    """A stored field that is no longer declared is left out, and can't be patched."""
    old = {"colour": "red", "title": "a"}
    assert SHAPE.patched(old, {"rank": 2}) == dict.fromkeys(POSTS.fields) | {"title": "a", "rank": 2}
    assert "is not a field" in errors_of({"colour": "blue"}, old)["colour"][0]


def test_replaced() -> None:
    """A replacement starts from the defaults; what its caller does not see stays, and what the server filled in stays
    unless it is named."""
    old = {"title": "a", "rank": 7, "author": "eve", "done": True}
    replaced = SHAPE.replaced(old, {"title": "b"}, ["done"])
    assert [replaced[name] for name in ("title", "rank", "author", "done")] == ["b", 1, "eve", True]
    assert SHAPE.replaced(old, {"title": "b", "author": None})["author"] is None


@given(st.lists(st.text(max_size=3), max_size=3))
def test_defaults_are_not_shared(tags: list[str]) -> None:
    """Two records with the same default are two."""
    shape = CompiledCollection(Collection(name="a", fields={"tags": List(default=["x"])}))
    first = shape.new({"tags": tags})
    assert first["tags"] == tags
    assert shape.new({})["tags"] == ["x"]


@pytest.mark.parametrize("name", ["", "Posts", "1a", "_a", "a-b", "a.b", "é", "a" * 64, "a b", "a\n", 'a"', "sqlite_x"])
def test_names_of_collections(name: str) -> None:
    """A collection's name has a–z, 0–9 and _ and starts with a letter; the database's own are taken."""
    with pytest.raises(ValueError, match="collection"):
        Collection(name=name, fields={})


@pytest.mark.parametrize("name", ["createdAt", "Name", "firstName", "A", "a1_B", "a" * 63, "limit", "where", "order"])
def test_names_of_fields(name: str) -> None:
    """A field's name has letters, digits and _, and may be a word of queries or of SQL."""
    assert [*Collection(name="posts", fields={name: Text()}).fields] == [name]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        *((name, "every record has id, created_at, updated_at, revision, parent of the server's") for name in META),
        ("_a", "names that start with _ are the server's"),
        *((name, "field names use letters a–z, A–Z, digits and _") for name in ("", "1a", "a-b", "größe", "a\n")),
        ("a" * 64, "field names have at most 63 characters"),
        *((name, f"PostgreSQL has a column {name} of its own") for name in ("xmin", "ctid", "tableoid")),
        *((name, "differs from id by case only, which SQLite ignores") for name in ("ID", "Id")),
        ("Title", "differs from title by case only"),
    ],
)
def test_names_that_no_field_has(name: str, cause: str) -> None:
    """A field can't be named as what every record has, nor as a database's column, nor as another but for the case; the
    refusal says which of these it is."""
    with pytest.raises(ValueError, match=rf"posts\.{name}: {cause}.*; rename the field"):
        Collection(name="posts", fields={"title": Text(), name: Text()})


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (Text(default=3), r"posts\.x: its default must be text"),
        (Integer(minimum=1, default=0), "its default must be between"),
        (Text(pattern="("), "its pattern is not a regular expression"),
        (List(of=Integer(), default=[1, "2"]), "its default item 1"),
        (Text(merge="counter"), r"posts\.x: merge='counter' can't be used on this kind of field"),
        (Integer(merge="set"), "merge='set' can't be used"),
        (Text(max_length=-1), r"posts\.x: max_length is -1; use 0 or more"),
        (Text(min_length=5, max_length=1), "min_length is 5, more than max_length 1"),
        (Integer(minimum=5, maximum=1), "minimum is 5, more than maximum 1"),
        (Integer(maximum=2**53), "minimum and maximum must be within ±9007199254740991; use Int64"),
        (Number(minimum=1.5, maximum=-1), r"minimum is 1\.5, more than maximum -1"),
        (Bytes(max_length=-3), "max_length is -3; use 0 or more"),
        (List(max_items=-1), "max_items is -1; use 0 or more"),
        (List(of=Text(min_length=2, max_length=1)), "min_length is 2, more than max_length 1"),
    ],
)
def test_declarations(field: Field, message: str) -> None:
    """A declaration that contradicts itself is refused where it is made, by its place."""
    with pytest.raises(ValueError, match=message):
        Collection(name="posts", fields={"x": field})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fields": ["title"]}, r"collection 'posts': its fields must be a dict such as .*, not \['title'\]"),
        ({"fields": {5: Text()}}, "collection 'posts': its fields must be a dict"),
        ({"rules": "true"}, r"collection 'posts': its rules must be Rules\(...\), not 'true'"),
        ({"rules": Rules(list=cast("Any", True))}, "collection 'posts': its rule list must be text, not True"),
        ({"ids": "uuid"}, "collection 'posts': unknown ids 'uuid'; use string or integer"),
    ],
)
def test_arguments_of_another_kind(arguments: dict[str, Any], message: str) -> None:
    """An argument of another kind is refused with the collection's name and what it must be."""
    with pytest.raises((TypeError, ValueError), match=message):
        Collection(name="posts", **arguments)


def test_users() -> None:
    """People see and change only their own record, and an app adds fields and rules of its own."""
    plain = users()
    assert list(plain.fields) == ["name", "email"]
    assert plain.fields["email"].unique
    assert (plain.rules.view, plain.rules.create, plain.rules.delete) == ("auth.id == record.id", "", "")
    own = users(fields={"score": Number()}, rules=EVERYBODY, ids="integer", email_read="true")
    assert list(own.fields) == ["name", "email", "score"]
    assert (own.rules, own.ids, own.fields["email"].read) == (EVERYBODY, "integer", "true")


def test_the_default_is_deny() -> None:
    """A collection without rules lets nobody do anything."""
    assert Collection(name="a", fields={}).rules == Rules(list="", view="", create="", update="", delete="")


def test_declarations_travel() -> None:
    """A collection comes back from JSON as it was."""
    fields: dict[str, Field] = {"x": Json(), "y": List(of=Instant()), "a": Text(), "b": Integer()}
    declared = Collection(name="a", fields=fields, rules=EVERYBODY, parent="posts", indexes=(("a", "b"),))
    assert read_collection(msgspec.json.encode(declared)) == declared
    limited = msgspec.json.encode(Collection(name="a", fields={"x": Number(minimum=0, maximum=10**20)}))
    assert msgspec.json.encode(read_collection(limited)) == limited


@pytest.mark.parametrize("attribute", [{"merge": "latest"}, {"required": "yes"}, {"max_length": "3"}])
def test_attributes_of_another_kind(attribute: dict[str, Any]) -> None:
    """A field's attribute that has a value of another kind is refused by the field's place and the attribute's name."""
    with pytest.raises(ValueError, match=rf"posts\.x: .*{next(iter(attribute))}"):
        Collection(name="posts", fields={"x": Text(**attribute)})
