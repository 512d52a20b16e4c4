"""Members of objects, and of the objects in lists, compare by their kind: the predicate and both databases agree."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Date,
    Field,
    Instant,
    Int64,
    Integer,
    Json,
    List,
    Number,
    Object,
    Text,
)
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import Environment, ObjectType
from tests.kit.cel.engines import PostgresRecords, SqliteRecords
from tests.kit.cel.schema import AUTH_FIELDS, FIELDS

INNER: dict[str, Field] = {
    "city": Text(), "count": Integer(), "big": Int64(), "price": Number(), "open": Boolean(), "at": Instant(),
    "day": Date(), "blob": Bytes(), "any": Json(), "tags": List(of=Text()), "counts": List(of=Integer()),
    "times": List(of=Instant()), "flags": List(of=Boolean()), "prices": List(of=Number()),
}  # fmt: skip
LINE = Object(fields={**INNER, "inner": Object(fields=INNER)})
PLACE = Object(fields={**LINE.fields, "lines": List(of=LINE)})
ENVIRONMENT = Environment(
    {
        "record": ObjectType({**FIELDS, "json": PLACE.type, "tags": List(of=LINE).type}),
        "auth": ObjectType(AUTH_FIELDS, nullable=True),
    }
)
AUTH = {"id": "Rome", "level": 3, "quota": "3", "since": "2026-01-02T03:04:05.000006Z", "limits": ["3"], "roles": ["x"]}
MEMBERS = [
    "{0}.city == 'Rome'", "{0}.city < auth.id", "{0}.city + 'x' == 'Romex'", "{0}.city in record.json.tags",
    "{0}.count > 3", "{0}.count > 2.5", "{0}.count + 1 == 4", "{0}.count % 2 == 1", "{0}.count == record.count",
    "{0}.count <= auth.level", "{0}.count < {0}.big", "{0}.count in [1, 3]", "{0}.count in {0}.counts",
    "double({0}.count) / 2.0 > 1.0", "string({0}.count) == '3'", "{0}.big >= 3", "{0}.big == auth.quota",
    "{0}.big + 1 > 4", "{0}.big in auth.limits", "{0}.price < 3", "{0}.price * 2.0 == 3.0", "{0}.price == {0}.price",
    "{0}.open", "!{0}.open || {0}.count == 3", "{0}.open == true", "{0}.at < timestamp('2026-01-02T03:04:05.000006Z')",
    "{0}.at == auth.since", "{0}.at + duration('1h') > auth.since", "{0}.at.getFullYear() == 2026",
    "{0}.at == record.at", "{0}.day >= '2026-01-31'", "{0}.day < {0}.city", "{0}.blob == b'a'", "size({0}.blob) == 1",
    "{0}.any == 3", "{0}.any == 'Rome'", "{0}.any.n == 1", "has({0}.any.n)", "'x' in {0}.any", "has({0}.count)",
    "{0}.at == null", "has({0}.inner) && {0}.inner.count > 1", "has({0}.inner.city)",
    "{0}.inner.at > {0}.at", "{0}.inner.big == {0}.big", "'x' in {0}.tags", "size({0}.tags) == 1", "1 in {0}.counts",
    "{0}.counts[0] == 1", "{0}.counts.exists(n, n > {0}.count)", "{0}.tags.all(t, t.startsWith('x'))",
    "{0}.times.exists(t, t == {0}.at)", "auth.since in {0}.times", "{0}.flags.exists(f, f)", "true in {0}.flags",
    "{0}.prices.exists(p, p > 1.0)", "1.5 in {0}.prices", "{0}.inner.counts.filter(n, n > 1).size() > 0",
    "{0}.open ? {0}.count == 3 : {0}.price > 1.0",
]  # fmt: skip
LISTS = [
    "{0}.exists(l, {1})", "{0}.all(l, {1})", "{0}.exists_one(l, {1})", "{0}.filter(l, {1}).size() == 1",
    "{0}.filter(l, {1}).exists(m, m.count > 1)", "{0}.filter(l, {1}).all(m, m.inner.city == 'Rome')",
    "{0}.filter(l, {1}).map(m, m.count).exists(n, n == 3)",
]  # fmt: skip
OWN = [
    "{0}.size() > 1", "{0}.map(l, l.count).exists(n, n > 1)", "3 in {0}.map(l, l.count)",
    "{0}.map(l, l.open, l.price).exists(n, n > 1.0)", "{0}.map(l, l.at).exists(t, t > auth.since)",
    "'Rome' in {0}.map(l, l.city)", "{0}.map(l, l.big).exists(n, n == auth.quota)", "{0} == null",
    "{0}.existsOne(i, l, i == 0 && l.count == 3)", "{0}.map(l, l.count).filter(n, n > 1).size() == 1",
    "{0}.map(l, l.open).all(o, o)",
]  # fmt: skip
RULES = [
    "record.json == null || record.json.open",
    *(member.replace("{0}", "record.json") for member in MEMBERS),
    *(
        form.replace("{0}", place).replace("{1}", member.replace("{0}", "l"))
        for place in ("record.tags", "record.json.lines")
        for number, member in enumerate(MEMBERS)
        for form in (LISTS[number % 3], LISTS[3 + number % 4])
    ),
    *(form.replace("{0}", place) for place in ("record.tags", "record.json.lines") for form in OWN),
]
CHECKS = {"json": PLACE.checker(), "tags": List(of=LINE).checker()}
TREES = [check(parse(rule), ENVIRONMENT) for rule in RULES]

MOMENTS = ["2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:05.000007Z", "1970-01-01T00:00:00.000000Z"]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "city": st.sampled_from(["Rome", "rome", "", "😀", "\uffff", "3"]), "count": st.sampled_from([3, 0, -1, 2**53 - 1]),
    "big": st.sampled_from(["3", "0", "-1", str(2**63 - 1), str(-(2**63))]),
    "price": st.sampled_from([1.5, 3, -0.0, 1e300]),
    "open": st.booleans(), "at": st.sampled_from(MOMENTS), "day": st.sampled_from(["2026-01-31", "0001-01-01"]),
    "blob": st.sampled_from([b"", b"a", b"ab"]).map(lambda value: base64.b64encode(value).decode()),
    "any": st.sampled_from([3, "Rome", "3", None, True, {"n": 1}, {"n": None}, ["x"], [1, [2]], 1e300, {}]),
    "tags": st.lists(st.sampled_from(["x", "xy", "Rome", ""]), max_size=3),
    "counts": st.lists(st.sampled_from([1, 3, 2**53 - 1]), max_size=3),
    "times": st.lists(st.sampled_from(MOMENTS), max_size=2), "flags": st.lists(st.booleans(), max_size=2),
    "prices": st.lists(st.sampled_from([1.5, 2, 1e300]), max_size=2),
}  # fmt: skip


def objects(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose members may be without a value."""
    return st.fixed_dictionaries({name: st.none() | values for name, values in {**VALUES, **more}.items()})


LINES = st.lists(objects(inner=objects()), max_size=3)
RECORDS = st.fixed_dictionaries(
    {"count": st.sampled_from([None, 3]), "at": st.sampled_from([None, *MOMENTS]), "tags": st.none() | LINES,
     "json": st.none() | objects(inner=objects(), lines=LINES)}
)  # fmt: skip


Engines = tuple[SqliteRecords | PostgresRecords, ...]


def agreed(trees: list[Typed], records: list[dict[str, Any]], auth: dict[str, Any] | None, engines: Engines) -> None:
    """Compare the answers of the predicates with those of both databases."""
    stored = [
        {name: CHECKS[name](value) if value is not None and name in CHECKS else value for name, value in record.items()}
        for record in records
    ]
    expected = [[predicate(tree)({"record": record, "auth": auth}) for tree in trees] for record in stored]
    for engine in engines:
        engine.fill(stored)
        for record, answers, wanted in zip(stored, engine.answers(trees, {"auth": auth}), expected, strict=True):
            for tree, answer, value in zip(trees, answers, wanted, strict=True):
                assert answer == (value, value is True), (type(engine), tree.text, record, auth)


@given(
    trees=st.lists(st.sampled_from(TREES), min_size=1, max_size=12),
    records=st.lists(RECORDS, min_size=1, max_size=4),
    auth=st.sampled_from([AUTH, None]),
)
def test_typed_members_agree(
    trees: list[Typed],
    records: list[dict[str, Any]],
    auth: dict[str, Any] | None,
    sqlite_records: SqliteRecords,
    postgres_records: PostgresRecords,
) -> None:
    """A rule over typed members has one answer for any stored value, an error included."""
    agreed(trees, records, auth, (sqlite_records, postgres_records))


def test_every_rule_agrees(sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> None:
    """Each of the rules is answered by both databases."""
    line = {"city": "Rome", "count": 3, "big": "3", "open": True, "at": MOMENTS[1], "counts": [1], "tags": ["x"]}
    full = {**line, "inner": line}
    record = {"count": 3, "at": MOMENTS[1], "json": {**full, "lines": [full, line]}, "tags": [line, full]}
    for start in range(0, len(TREES), 40):
        part = TREES[start : start + 40]
        agreed(part, [record, {"json": {}, "tags": []}], AUTH, (sqlite_records, postgres_records))


@pytest.mark.parametrize(
    "rule",
    ["record.json.count == '3'", "record.json.at == '2026-01-01'", "record.tags.exists(l, l.open == 1)",
     "record.tags.exists(l, l.town == 'x')", "record.json == 1", "'x' in record.tags"],
)  # fmt: skip
def test_other_kinds_are_refused(rule: str) -> None:
    """A member is never compared with a value of another kind, nor read by a name that is none of its object's."""
    with pytest.raises(CelError):
        check(parse(rule), ENVIRONMENT)
