"""Functions, macros and time over records: the predicate and both databases agree, the third value included."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.typed import Typed
from tests.kit.cel.calls import calls, compiled
from tests.kit.cel.engines import PostgresRecords, SqliteRecords
from tests.kit.cel.schema import AUTH, ENVIRONMENT, OLD, RECORDS

CLOCK = "2026-11-28T00:00:00.000001Z"
RULES = [
    # strings
    "record.id.charAt(record.count) == 'b'",
    "record.id.charAt(1) == 'b' || record.id.charAt(0) == ''",
    "record.id.substring(1) == 'b'",
    "record.id.substring(record.count, record.parent) == 'a'",
    "record.id.substring(0, 1) == record.key",
    "record.id.indexOf('b') == 1",
    "record.id.indexOf(record.key) >= 0",
    "record.id.indexOf('b', record.count) == 1",
    "record.id.lastIndexOf(record.key) == 1",
    "record.id.lastIndexOf('') == record.id.size()",
    "record.id.lastIndexOf('a', record.count) == 0",
    "record.id.lastIndexOf(record.key, 2147483646) == 0 || record.count == 1",
    "record.id.replace('a', 'xx') == 'xxb'",
    "record.id.replace(record.key, 'b').size() > 2",
    "record.id.replace('', '-') == '-a-'",
    "record.id.trim() == 'a'",
    "(' ' + record.id + '\\u3000\\n').trim() == record.id.trim()",
    "record.id.reverse() == 'ba'",
    "strings.quote(record.id).size() > 3",
    "strings.quote(record.id) == '\"a\\'\\\\\"\\\\\\\\b\"'",
    "record.id.split('').size() == record.id.size()",
    "record.id.split(record.key).size() > 1",
    "record.id.split('b')[0] == 'a'",
    "'a' in record.id.split('b')",
    "record.id.split('b').exists(part, part == 'a')",
    "record.tags.join('-') == 'a-b'",
    "record.tags.join(record.id).size() > 3",
    "bytes(record.id) == b'ab'",
    "size(record.blob) == 1",
    "base64.encode(record.blob) == 'YQ=='",
    "int(record.id) == 0",
    "int(record.id + '7') > 6",
    "bool(record.id) || true",
    "bool(record.id)",
    "bool(record.id.replace('0', 't'))",
    # numbers
    "math.abs(record.count) == 1",
    "math.abs(record.big) > 0",
    "math.abs(record.price) > 1.0",
    "math.sign(record.big) == -1 || math.sign(record.price) == -1.0",
    "math.ceil(record.price) == 1.0",
    "math.floor(record.price) == -2.0",
    "math.round(record.price) == 2.0",
    "math.trunc(record.price) == record.price",
    "math.greatest(record.count, record.big, 3) == 3",
    "math.least(record.price, record.path) < 0.0",
    "math.greatest(record.count, 1.5) == 1.5",
    "math.isFinite(record.price) && !math.isNaN(record.price) && !math.isInf(record.price)",
    "math.bitAnd(record.big, 3) == 3 || math.bitOr(record.big, 4) == 4",
    "math.bitXor(record.big, record.count) == 0 || math.bitNot(record.big) == 0",
    # time
    "record.at + duration('1h') > record.type",
    "record.at - duration('400ms') < record.type",
    "record.at - record.type > duration('1s')",
    "record.at - record.type == duration('6us')",
    "(record.at - record.type).getHours() > 1",
    "(record.at - record.type).getMilliseconds() == 0",
    "record.at > now() - duration('24h')",
    "record.at < now()",
    "now() - record.at > duration('1h')",
    "record.at.getFullYear() == 2026 && record.at.getMonth() == 0 && record.at.getDate() == 2",
    "record.at.getDayOfMonth() == 1",
    "record.at.getDayOfWeek() == 5",
    "record.at.getDayOfYear() > 1",
    "record.at.getHours() == 3 && record.at.getMinutes() == 4",
    "record.at.getSeconds() == 5",
    "record.at.getMilliseconds() == 999",
    "record.at.getHours('+05:30') == 8",
    "record.at.getDate('-04:00') == 1",
    "int(record.at) > 0",
    "string(record.at) == '2026-01-02T03:04:05.000006Z'",
    "string(record.at) == '2026-01-02T03:04:05Z'",
    "string(record.at - record.type) == '0.000006s' || string(record.at - record.type) == '-0.000006s'",
    "timestamp(record.count) < record.at",
    "timestamp(record.big) < record.at",
    "record.times.exists(t, t + duration('1s') > record.at)",
    # macros
    "record.tags.exists_one(tag, tag == 'a')",
    "record.counts.exists_one(n, 7 / n == 1)",
    "record.tags.exists(tag, record.tags.exists_one(other, other == tag))",
    "record.tags.all(a, record.counts.exists(b, a.size() == b))",
    "record.counts.exists(n, n in record.counts.filter(m, m > 0))",
    "record.tags.filter(tag, tag != 'a').size() == 1",
    "record.tags.filter(tag, tag.contains('a')).exists(tag, tag.size() > 1)",
    "record.counts.map(n, n * 2).exists(n, n == 2)",
    "record.counts.map(n, 4 / n).size() > 0",
    "record.counts.map(n, 4 / n).filter(n, n > 99).size() == 0",
    "!record.counts.filter(n, 4 / n > 0).filter(n, n > 99).exists(n, n == 0)",
    "record.counts.map(n, n > 0, 4 / n).all(n, n < 4)",
    "record.prices.map(p, p).filter(p, p > 0.0).map(p, p > 1.0).exists(big, big)",
    "record.bigs.map(n, n).filter(n, n > 0).exists(n, n == 1)",
    "2 in record.tags.map(tag, tag.size())",
    "record.id in record.tags.filter(tag, tag > 'a')",
    "record.tags.exists(place, tag, place == 1 && tag == 'b')",
    "record.tags.all(place, tag, record.counts.exists(other, n, other == place))",
    "auth.roles.exists(role, record.tags.exists(tag, tag == role))",
    "auth.roles.filter(role, role in record.tags).size() == 1",
    "['a', record.id].exists(x, x == record.key)",
    "record.flags.exists_one(flag, flag) || record.flags.map(flag, !flag).exists(flag, flag)",
    # patterns
    "record.id.matches('^a')",
    "record.id.matches('^(a|b)*$')",
    "record.id.matches('[^a-z]')",
    "record.id.matches('^.$')",
    "record.id.matches('(?i)^AB{0,1}$')",
    "record.id.matches('\\\\d|\\\\W')",
    "record.key.matches('')",
    "record.tags.exists(tag, tag.matches('a.?b'))",
]  # fmt: skip


def _agreed(trees: list[Typed], records: list[dict[str, Any]], engines: list[Any], others: dict[str, Any]) -> None:
    tests = [predicate(tree) for tree in trees]
    for engine in engines:
        engine.fill(records)
        found = engine.answers(trees, others)
        for row, record in enumerate(records):
            for number, tree in enumerate(trees):
                expected = tests[number]({"record": record, **others})
                assert found[row][number] == (expected, expected is True), (type(engine).__name__, tree.text, record)


OTHERS: dict[str, Any] = {"auth": {"roles": ["a", "b"], "id": "ann"}, "old": None, NOW: CLOCK}


@pytest.mark.parametrize("rule", RULES)
def test_each_function_agrees(rule: str, sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> None:
    """On chosen values each function means the same in Python and in both databases, and is not always an error."""
    records: list[dict[str, Any]] = [
        {"id": "ab", "key": "b", "count": 1, "parent": 2, "big": "3", "price": 1.5, "path": -2.5, "open": True},
        {"id": "a'\"\\b", "key": "a", "count": 0, "parent": 1, "big": "-1", "price": -1.2, "path": 0.5},
        {"id": "", "key": "", "count": -1, "parent": 5, "big": str(2**63 - 1), "price": 2.0**60},
        {"id": "a", "key": "a😀", "count": 2**53 - 1, "parent": 0, "big": str(-(2**63)), "price": 0.49999999999999994},
        {"id": "😀é\n", "key": "é", "count": 2, "big": "0", "price": -0.5},
        {"id": "00", "key": "\x85", "count": 3, "big": "4", "price": 0.0},
        {"id": "t", "key": "t"},
    ]
    times = ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "2026-01-02T03:04:05.000006Z",
             "2026-01-02T03:04:05.000000Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T12:00:00.999000Z"]  # fmt: skip
    for number, record in enumerate(records):
        record |= {"at": times[number % 6], "type": times[(number + 1) % 6], "blob": ["", "YQ==", "AAAA"][number % 3]}
        record |= {
            "tags": [["a", "b"], ["a", "a"], [], ["ab", "c"]][number % 4],
            "counts": [[1, 2], [0, 7], [7, 7]][number % 3],
        }
        record |= {
            "prices": [0.5, 2.0][: number % 3],
            "bigs": ["1", "-5"][: number % 3],
            "flags": [True, False][: number % 3],
        }
        record |= {"times": times[: number % 4]}
    tree = check(parse(rule), ENVIRONMENT)
    _agreed([tree], [*records, {}], [sqlite_records, postgres_records], OTHERS)
    test = predicate(tree)
    assert any(test({"record": record, **OTHERS}) is not None for record in records)


@settings(max_examples=settings().max_examples // 3)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=3), rules=st.lists(st.sampled_from(RULES), min_size=6, max_size=12)
)
def test_functions_agree_on_random_records(
    records: list[dict[str, Any]], rules: list[str], sqlite_records: SqliteRecords, postgres_records: PostgresRecords
) -> None:
    """On whatever records hold, too."""
    trees = [check(parse(rule), ENVIRONMENT) for rule in rules]
    _agreed(trees, records, [sqlite_records, postgres_records], OTHERS)


@settings(max_examples=settings().max_examples // 2)
@given(
    rules=st.lists(calls(), min_size=4, max_size=8),
    records=st.lists(RECORDS, min_size=1, max_size=3),
    auth=AUTH,
    old=OLD,
)
def test_calls_in_one_another_agree(
    rules: list[str],
    records: list[dict[str, Any]],
    auth: Any,
    old: Any,
    sqlite_records: SqliteRecords,
    postgres_records: PostgresRecords,
) -> None:
    """Wherever functions and macros stand, in whatever operands of others, all three agree."""
    trees = compiled(rules)
    assume(trees)
    _agreed(trees, records, [sqlite_records, postgres_records], {"auth": auth, "old": old, NOW: CLOCK})
