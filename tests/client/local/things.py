"""Records of every kind, questions to them, and a store to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
from hypothesis import strategies as st

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.finding import Findings, found_by_sql
from hinterland.client.local.indexing import IndexWanted, provide
from hinterland.client.local.plans import LocalSource
from hinterland.client.local.question import Question
from hinterland.client.local.records import decoded, refresh, set_base, text
from hinterland.client.local.schema import MIGRATIONS
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import Collection, CompiledCollection, Document
from hinterland.kit.sqlite import connect, migrate, transaction

THINGS = Collection(
    name="things",
    fields={
        "text": Text(), "count": Integer(), "price": Number(), "done": Boolean(), "at": Instant(), "views": Int64(),
        "raw": Bytes(), "tags": List(), "counts": List(of=Integer()), "any": Json(),
    },
)  # fmt: skip
SHAPES = {"things": CompiledCollection(THINGS)}
OPEN_SHAPES = {"things": CompiledCollection(Collection(name="things", fields={"count": Integer()}, is_open=True))}
MOMENTS = ("2026-01-02T03:04:05.000000Z", "2025-01-02T03:04:05.123456Z")


class Thing(msgspec.Struct):
    id: str | int
    text: str | None = None
    count: int | None = None
    price: float | None = None
    at: str | None = None
    tags: list[str] = []


@contextmanager
def opened() -> Iterator[StoreConnection]:
    """A new store's connection."""
    with closing(connect(":memory:", StoreConnection)) as connection:
        migrate(connection, MIGRATIONS)
        yield connection


def keep(connection: StoreConnection, scope: Scope, document: Document, parent: str = "") -> None:
    """Keep a record as one of the server's."""
    connection.begin()
    with transaction(connection):
        key = ("things", parent, document["id"])
        set_base(connection, scope, key, text(document), document.get("revision", 1), 0)


def drop(connection: StoreConnection, scope: Scope, record_id: Any) -> None:
    """Forget a record."""
    connection.begin()
    with transaction(connection):
        set_base(connection, scope, ("things", "", record_id), None, 9, 0)
        refresh(connection, scope, [("things", "", record_id)])


def by_sql(connection: StoreConnection, place: LocalSource, question: Question) -> Findings:
    """What is found by SQL, after all that it needs was made."""
    while True:
        connection.begin()
        try:
            return found_by_sql(connection, place, question)
        except IndexWanted as wanted:
            connection.begin()
            with transaction(connection):
                provide(connection, wanted)


def outcome(act: Callable[[], Any]) -> Any:
    """What it answers, or the refusal."""
    try:
        return act()
    except Refusal as refusal:
        return refusal.code, str(refusal)


def ids(texts: list[str]) -> list[Any]:
    return [decoded(each)["id"] for each in texts]


# ------------------------------------------------------------------ values and questions

WORDS = ("", "a", "A", "ab", "b", "é", "É", "ß", "\U0001f600", "\uffff", "true", "3", "3.0", *MOMENTS)
ODD = st.sampled_from([
    None, True, False, 0, 1, 3, -1, 2**53, 2**63 - 1, 2**63, -(2**63), 3.0, 0.1, -0.0, 1e300, 0.1 + 0.2, [], ["a"],
    ["a", "b"], [1], [1, "a"], [None], {}, {"a": 1}, "10", "-0", "AAAA", *WORDS,
])  # fmt: skip
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    "count": st.integers(-4, 4) | st.integers(-(2**53) + 1, 2**53 - 1),
    "price": st.sampled_from([1.5, 2.0, 2, 0.1, 0.30000000000000004, 0.3]) | st.floats(allow_nan=False, width=64,
                                                                                      allow_infinity=False),
    "done": st.booleans(),
    "at": st.sampled_from(MOMENTS),
    "views": st.integers(-(2**63), 2**63 - 1).map(str) | st.sampled_from(["3", "10", "-11"]),
    "raw": st.sampled_from(["AAAA", "AAAB", ""]),
    "tags": st.lists(st.sampled_from(WORDS), max_size=3),
    "counts": st.lists(st.integers(-2, 2), max_size=3),
    "any": ODD,
}  # fmt: skip


def documents(oddness: float, least: int = 0, most: int | None = None) -> st.SearchStrategy[list[Document]]:
    """Some records; as many odd values among the others."""
    values = {
        name: st.one_of(st.none(), each, each, each) if oddness == 0 else st.one_of(each, ODD)
        for name, each in FITTING.items()
    }
    whole = st.fixed_dictionaries({"created_at": st.sampled_from(MOMENTS), "revision": st.integers(0, 3)}, optional={})
    fields = st.fixed_dictionaries(values) if oddness == 0 else st.fixed_dictionaries({}, optional=values)
    one = st.tuples(st.sampled_from(["a", "b", "c", "~d", "5", 5, 6, 77, "E", "f", "g", "h"]), whole, fields)
    return st.lists(one, min_size=least, max_size=most, unique_by=lambda each: repr(each[0])).map(
        lambda found: [{"id": record_id, **head, **body} for record_id, head, body in found]
    )


TESTS = st.sampled_from(
    """
    record.count > 0; record.count % 2 == 0; 10 / record.count > 3; record.count == 3; record.count in [1, 2, 3]
    record.price > 1.0; record.price / 2.0 > 0.5; record.price == 0.3; record.price > record.count; record.done
    !record.done; record.done == true; record.text == "a"; record.text < "b"; record.text.startsWith("a")
    record.text.contains("b"); record.text.size() > 1; record.text.lowerAscii() == "a"; record.text + "x" == "ax"
    record.at > timestamp("2025-06-01T00:00:00Z"); record.views > 3; record.views == 10; record.raw == b"\\0\\0\\0"
    "a" in record.tags; record.tags.size() > 1; record.tags.exists(t, t == "b"); record.tags.all(t, t != "b")
    record.tags[0] == "a"; 1 in record.counts; record.counts.exists(n, n > 1); has(record.any); record.any != null
    has(record.text); record.count == null; has(record.tags); record.id == "a"; record.revision > 1; true
    record.created_at > timestamp("2025-06-01T00:00:00Z"); record.text in ["a", "b"]; record.nothing == 1; record.count
    record.any == "3"; record.any == 3; record.any.a == 1; has(record.any.a); record.any.a == null; "a" in record.any
    string(record.count) == "3"; double(record.count) / 2.0 > 1.0; int(record.price) == 2; record.text > record.raw
    """.strip()
    .replace("\n", ";")
    .split(";")
).map(str.strip)
FILTERS = st.recursive(
    TESTS,
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["&&", "&&", "||"]), part).map(lambda three: f"({' '.join(three)})"),
        part.map(lambda one: f"!({one})"),
        st.tuples(part, part, part).map(lambda three: "({} ? {} : {})".format(*three)),
    ),
    max_leaves=4,
)
NAMES = (*FITTING, "id", "created_at", "revision", "parent")
SORTS = st.lists(
    st.tuples(st.sampled_from(["", "-"]), st.sampled_from([*NAMES, "nothing"])).map("".join), max_size=3
).map(tuple)
VALUES = st.sampled_from([*WORDS, "10", "0.1", "0.3", "false", "AAAA", "5", "a/b", MOMENTS[0][:-8] + "Z", "~d", "1e3"])
EQUALS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2)
QUESTIONS = st.builds(
    Question,
    filter=st.just("") | FILTERS,
    sort=SORTS,
    equals=st.just({}) | EQUALS,
    same=st.just({}) | st.dictionaries(st.sampled_from([*FITTING]), ODD.filter(lambda value: value is not None),
                                       max_size=1),
    search=st.sampled_from(["", "", "", "a", "É", "ss", "\ud800"]),
    fields=st.sampled_from([(), ("text",), ("text", "raw"), ("any", "text"), ("nothing",)]),
)  # fmt: skip
