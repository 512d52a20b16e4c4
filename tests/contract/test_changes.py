"""What a write does to a document."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.changes import Merged, Write, apply, check_place, checked, key_of, merge, resolve
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.identity import ID_HINT
from hinterland.contract.kinds.list import add, remove
from hinterland.contract.records import Collection, CompiledCollection

SHAPE = CompiledCollection(
    Collection(
        name="posts",
        fields={
            "title": Text(), "count": Integer(), "price": Number(), "big": Int64(), "at": Instant(),
            "tags": List(), "times": List(of=Instant()), "any": Json(),
        },
    )
)  # fmt: skip
NOW = "2026-01-02T03:04:05.000006Z"
ITEMS = st.lists(st.sampled_from("abcdef"), max_size=6)
UNIQUE = st.lists(st.sampled_from("abcdef"), max_size=6, unique=True)
SMALL = st.integers(-1_000, 1_000)


def patched(document: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The document after a patch, without the fields that have no value."""
    after = apply(SHAPE, Write(act="patch", collection="posts", id="a", body=body), SHAPE.new(document), NOW)
    assert after is not None
    return {name: value for name, value in after.items() if value is not None}


def errors_of(**body: Any) -> dict[str, list[str]]:
    """The errors by field of a patch of an empty document."""
    with pytest.raises(Refusal) as refused:
        patched({}, **body)
    assert refused.value.code == "validation"
    return refused.value.errors


# ---------------------------------------------------------------- acts


def test_acts() -> None:
    """Create, replace, patch and delete, each on what it needs."""
    write = Write(act="create", collection="posts", id="a", body={"title": "x"})
    created = apply(SHAPE, write, None, NOW)
    assert created is not None
    assert created["title"] == "x"
    assert apply(SHAPE, Write(act="replace", collection="posts", id="a", body={"count": 1}), created, NOW) == {
        **dict.fromkeys(SHAPE.names), "count": 1,
    }  # fmt: skip
    assert apply(SHAPE, Write(act="delete", collection="posts", id="a"), created, NOW) is None
    with pytest.raises(Refusal, match="posts/a already exists") as refused:
        apply(SHAPE, write, created, NOW)
    assert refused.value.code == "conflict"


@pytest.mark.parametrize("act", ["replace", "patch", "delete"])
def test_nothing_there(act: Any) -> None:
    """What isn't there can't be changed."""
    with pytest.raises(Refusal, match="there is no posts/a") as refused:
        apply(SHAPE, Write(act=act, collection="posts", id="a"), None, NOW)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("act", ["create", "replace", "patch"])
def test_a_body_that_contradicts_its_place(act: Any) -> None:
    """A body with another id or parent than the write's is refused by that name; with the same it passes, and the times
    and the revision that a client sends back change nothing."""
    place: dict[str, Any] = {"act": act, "collection": "posts", "id": 5, "parent": "blogs/a"}
    same = {"id": 5, "parent": "blogs/a", "created_at": "x", "updated_at": None, "revision": 99, "title": "t"}
    for body in (same, {**same, "id": "5", "parent": None}, {"id": "", "parent": ""}):
        check_place(Write(**place, body=body))
    with pytest.raises(Refusal, match="id: must be '5', as in the path, is '6'; change it or leave it out") as refused:
        check_place(Write(**place, body={"id": 6, "parent": {"a": 1}}))
    assert (refused.value.code, [*refused.value.errors]) == ("validation", ["id", "parent"])
    with pytest.raises(Refusal, match="parent: must be ''"):
        check_place(Write(act=act, collection="posts", body={"id": "any", "parent": "blogs/a"}))


def test_what_no_server_takes() -> None:
    """A write whose id is none, or with a value that JSON can't say, is refused by the field; an integer beyond 64 bits
    is a double."""
    write = Write(act="create", collection="posts", id="a/b", body={"price": math.nan, "any": ["\0"], "title": "x"})
    with pytest.raises(Refusal) as refused:
        checked(write)
    assert refused.value.code == "validation"
    assert refused.value.errors == {
        "id": [ID_HINT],
        "price": ["a number is NaN or infinite; JSON has finite numbers only"],
        "any": ["a text holds the character NUL (U+0000)"],
    }
    for id in ("", "a-1", "~a", "x" * 128, 7):
        body = checked(Write(act="create", collection="posts", id=id, body={"any": [10**20], "price": 2**70})).body
        assert [type(body["any"][0]), body] == [float, {"any": [1e20], "price": 2.0**70}]
    with pytest.raises(Refusal):
        checked(Write(act="create", collection="posts", id="x" * 129))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("count", 10**20, "must be between"), ("big", 10**20, "64-bit integer"), ("at", 10**20, "must be an instant"),
     ("title", 10**20, "must be text"), ("tags", [10**20], "item 0: must be text")],
)  # fmt: skip
def test_integers_beyond_64_bits(name: str, value: Any, message: str) -> None:
    """An integer beyond 64 bits is a value of Number and Json fields, and an error of every other kind."""
    body = checked(Write(act="patch", collection="posts", id="a", body={name: value})).body
    assert message in errors_of(**body)[name][0]


def test_writes_travel() -> None:
    """A write comes back from JSON as it was, small where little was said; its key is collection, parent and id."""
    write = Write(act="patch", collection="comments", id=7, parent="posts/a", body={"x": None}, revision=3, exists=True)
    assert msgspec.json.decode(msgspec.json.encode(write), type=Write) == write
    assert (
        msgspec.json.encode(Write(act="delete", collection="a", id="b"))
        == b'{"act":"delete","collection":"a","id":"b"}'
    )
    assert key_of(write) == ("comments", "posts/a", 7)


# ---------------------------------------------------------------- transforms


@given(st.dictionaries(st.sampled_from(SHAPE.names), st.none() | st.text() | st.lists(st.text())))
def test_plain_bodies_stay(body: dict[str, Any]) -> None:
    """A body without transforms is the body."""
    assert resolve(SHAPE, {}, body, NOW) == body


@given(SMALL, st.lists(SMALL, max_size=5).flatmap(lambda ns: st.tuples(st.just(ns), st.permutations(ns))))
def test_increments_commute(start: int, orders: tuple[list[int], list[int]]) -> None:
    """Increments give the same in any order, for each kind of number."""
    for name, first in (("count", start), ("price", float(start)), ("big", str(start))):
        results = []
        for order in orders:
            document = {name: first}
            for step in order:
                document = patched(document, **{name: {"$increment": step}})
            results.append(document[name])
        assert results[0] == results[1]
        assert float(results[0]) == start + sum(orders[0])


def test_increment() -> None:
    """An increment of no value starts at 0; an int64 is exact, its step may be text too."""
    assert patched({}, count={"$increment": -2}, price={"$increment": 0.5}, big={"$increment": 2}) == {
        "count": -2, "price": 0.5, "big": "2",
    }  # fmt: skip
    assert patched({"big": "9007199254740993"}, big={"$increment": 1})["big"] == "9007199254740994"
    assert patched({"big": "1"}, big={"$increment": "9007199254740993"})["big"] == "9007199254740994"
    assert patched({"price": 1.5}, price={"$increment": 1})["price"] == 2.5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", {"$increment": "1"}, "takes a number"),
        ("count", {"$increment": True}, "takes a number"),
        ("count", {"$increment": None}, "takes a number"),
        ("count", {"$increment": 0.5}, "must be a whole number"),
        ("count", {"$increment": 2**53}, "must be between"),
        ("price", {"$increment": 10**400}, "must be a finite number"),
        ("big", {"$increment": 1.5}, "takes a whole number"),
        ("big", {"$increment": "x"}, "64-bit integer"),
        ("big", {"$increment": 2**63}, "64-bit integer"),
        ("title", {"$increment": 1}, "can't be used on this field"),
        ("title", {"$now": True}, "can't be used on this field"),
        ("title", {"$add": ["x"]}, "can't be used on this field"),
        ("tags", {"$add": "x"}, "must be a list"),
        ("tags", {"$remove": [1]}, "item 0: must be text"),
        ("any", {"$now": True}, r"can't be used on this field; for a key of your own send \$\$now"),
        ("count", {"$max": 3}, "must be a whole number"),
        ("unknown", {"$add": []}, "can't be used on this field"),
    ],
)
def test_wrong_transforms(name: str, value: dict[str, Any], message: str) -> None:
    """A transform that doesn't fit is refused by its field, with what would."""
    (found,) = errors_of(**{name: value})[name]
    assert re.search(message, found)


def test_an_increment_beyond_a_double() -> None:
    """A sum that no double can hold is an error of its field, not a crash."""
    for step in (10**400, 1e308):
        with pytest.raises(Refusal) as refused:
            patched({"price": 1.7e308}, price={"$increment": step})
        assert list(refused.value.errors) == ["price"]


def test_all_errors_of_transforms() -> None:
    """Every transform that doesn't fit is reported at once."""
    assert errors_of(title={"$now": True}, tags={"$add": 1}, count={"$increment": ""}).keys() == {
        "title",
        "tags",
        "count",
    }


def test_now() -> None:
    """`$now` is the instant of the write."""
    assert patched({}, at={"$now": True}) == {"at": NOW}


WORDS = st.sampled_from(["$increment", "$add", "$remove", "$now"])


@given(WORDS, st.integers(1, 3))
def test_a_key_that_is_a_transforms_word(word: str, count: int) -> None:
    """In a patch, an object of the user's own whose only key is a transform's word is sent with one more $."""
    assert patched({}, any={"$" * count + word: 1}) == {"any": {"$" * (count - 1) + word: 1}}


@given(st.from_regex(r"\$+[a-z]{0,5}", fullmatch=True).filter(lambda key: key.lstrip("$") not in ("add", "now")))
def test_a_key_that_starts_with_a_dollar(key: str) -> None:
    """Any other key is data as it stands, whatever it starts with."""
    assert patched({}, any={key: 1}) == {"any": {key: 1}}


@given(WORDS, st.sampled_from(["create", "replace"]), st.integers(0, 2))
def test_transforms_are_for_patches(word: str, act: Any, count: int) -> None:
    """A creation and a replacement take every object as data, and transform nothing."""
    value = {"$" * count + word: 1}
    before = None if act == "create" else SHAPE.new({})
    after = apply(SHAPE, Write(act=act, collection="posts", id="a", body={"any": value}), before, NOW)
    assert after is not None
    assert after["any"] == value
    with pytest.raises(Refusal) as refused:
        apply(SHAPE, Write(act=act, collection="posts", id="a", body={"count": {"$increment": 1}}), before, NOW)
    hint = "transforms ($increment, $add, $remove, $now) are for PATCH, as a field's whole value"
    assert refused.value.errors == {"count": [f"must be a whole number; {hint}"]}


def test_objects_that_are_no_transforms() -> None:
    """An object with two keys, a nested one, or one without $ is a value."""
    for value in ({"$now": 1, "b": 2}, {"a": {"$now": True}}, {"a": {"$$now": True}}, {"a": 1}, {}):
        assert patched({}, any=value) == {"any": value}


def test_a_patch_of_an_object() -> None:
    """A patch of a Json field changes the members that it names, however deep, and null takes one away; a creation and
    a replacement keep their nulls."""
    stored = SHAPE.new({"any": {"a": 1, "b": {"c": 2, "d": None}}})
    assert stored["any"] == {"a": 1, "b": {"c": 2, "d": None}}
    assert patched(stored, any={"b": {"c": None}}) == {"any": {"a": 1, "b": {"d": None}}}
    assert patched(stored, any={"a": {"x": 1, "y": None}}) == {"any": {"a": {"x": 1}, "b": {"c": 2, "d": None}}}
    assert patched(stored, any=[{"a": None}]) == {"any": [{"a": None}]}
    assert patched(stored, any=None) == {}
    assert patched(stored, any={}) == {"any": stored["any"]}


@given(ITEMS, ITEMS)
def test_add(old: list[str], items: list[str]) -> None:
    """Adding keeps what is there and in its order, adds each new item once, and again changes nothing."""
    result = add(old, items)
    assert result[: len(old)] == old
    assert set(result) == {*old, *items}
    assert len(result) == len(old) + len({*items} - {*old})
    assert add(result, items) == result


@given(ITEMS, ITEMS, ITEMS)
def test_adds_commute(old: list[str], one: list[str], other: list[str]) -> None:
    """Additions give the same set in any order, and so do removals."""
    assert sorted(add(add(old, one), other)) == sorted(add(add(old, other), one))
    assert remove(remove(old, one), other) == remove(remove(old, other), one) == remove(old, one + other)


@given(ITEMS, ITEMS)
def test_remove(old: list[str], items: list[str]) -> None:
    """Removing takes every such item and leaves the others in order; arguments stay as they were."""
    before = list(old)
    assert remove(old, items) == [item for item in old if item not in set(items)]
    assert old == before


def test_items_are_compared_in_the_stores_form() -> None:
    """An item that is written otherwise is the same item."""
    stored = patched({}, times=["2026-01-02T03:04:05Z"])
    assert patched(stored, times={"$add": ["2026-01-02T04:04:05+01:00"]}) == stored
    assert patched(stored, times={"$remove": ["2026-01-02T04:04:05+01:00"]}) == {"times": []}
    assert patched({}, tags={"$add": ["a", "a"]}) == {"tags": ["a"]}
    assert patched({}, tags={"$remove": ["a"]}) == {"tags": []}


# ---------------------------------------------------------------- merging


@given(SMALL, SMALL, SMALL)
def test_counters(base: int, server: int, device: int) -> None:
    """A counter counts both differences, in whatever order they come."""
    merged = merge("counter", base, server, device, is_device_newer=False)
    assert merged == merge("counter", base, device, server, is_device_newer=True)
    assert merged == Merged(base + (server - base) + (device - base))


def test_counters_without_numbers() -> None:
    """A counter that began without a value counts from 0; where a side has no number, the server's stays."""
    assert merge("counter", None, 2, 3, is_device_newer=True) == Merged(5)
    assert merge("counter", 1, 2, None, is_device_newer=True) == Merged(2, is_lost=True)


@given(*[st.none() | st.integers(-(2**62), 2**62)] * 3)
def test_counters_of_64_bits(base: int | None, server: int | None, device: int | None) -> None:
    """A counter whose values are decimal strings counts exactly as one of numbers; the device may say a number."""
    texts = [None if value is None else str(value) for value in (base, server, device)]
    plain = merge("counter", base, server, device, is_device_newer=False)
    merged = merge("counter", texts[0], texts[1], texts[2], is_device_newer=False)
    assert merged == merge("counter", texts[0], texts[1], device, is_device_newer=False)
    assert merged == Merged(None if plain.value is None else str(plain.value), plain.is_lost)


def test_counters_without_a_number() -> None:
    """A device's value that is no number doesn't count, and is reported as lost."""
    assert merge("counter", "1", "2", "many", is_device_newer=True) == Merged("2", is_lost=True)
    assert merge("counter", 1, 2, True, is_device_newer=True) == Merged(2, is_lost=True)


@given(UNIQUE, UNIQUE, UNIQUE)
def test_sets(base: list[str], server: list[str], device: list[str]) -> None:
    """What either side added is in, what either side removed is out, what neither touched stays; nothing is lost."""
    merged = merge("set", base, server, device, is_device_newer=False)
    added = ({*server} | {*device}) - {*base}
    kept = {*base} & {*server} & {*device}
    assert not merged.is_lost
    assert set(merged.value) == added | kept
    assert len(merged.value) == len(set(merged.value))
    assert set(merge("set", base, device, server, is_device_newer=True).value) == set(merged.value)


def test_sets_without_values() -> None:
    """No value is the empty set."""
    assert merge("set", None, None, ["a"], is_device_newer=False) == Merged(["a"])
    assert merge("set", ["a"], None, ["a", "b"], is_device_newer=False) == Merged(["b"])


def test_objects_meet_member_by_member() -> None:
    """Of an object that both sides changed, the device's members stand that nobody else changed; of the others those of
    the later timestamp. What is merged is the device's patch."""
    base = {"a": 1, "b": {"c": 1, "d": 1}, "e": 1}
    server = {"a": 2, "b": {"c": 2, "d": 1}}
    patch = {"a": 3, "b": {"c": 3, "d": None}, "f": 1}
    assert merge("newest", base, server, patch, is_device_newer=True) == Merged(patch)
    for policy in ("newest", "server"):
        kept = Merged({"b": {"d": None}, "f": 1}, is_lost=True)
        assert merge(policy, base, server, patch, is_device_newer=policy == "server") == kept


@given(st.sampled_from(["newest", "server", "counter", "set"]), ITEMS, st.booleans())
def test_agreement(policy: Any, value: list[str], is_device_newer: bool) -> None:
    """Where both sides came to the same, that stands and nothing is lost."""
    assert merge(policy, [], value, list(value), is_device_newer=is_device_newer) == Merged(value)


@given(st.text(), st.text(), st.text(), st.booleans())
def test_newest_and_server(base: str, server: str, device: str, is_device_newer: bool) -> None:
    """The newest takes the later timestamp, the server keeps its own; the device's edit that didn't stand is lost."""
    newest = merge("newest", base, server, device, is_device_newer=is_device_newer)
    kept = merge("server", base, server, device, is_device_newer=is_device_newer)
    assert newest.value == (device if is_device_newer else server)
    assert newest.is_lost == (newest.value != device)
    assert kept == Merged(server, is_lost=server != device)
