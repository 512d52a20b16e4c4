"""Inputs of vectors about expressions, order and queries that are made by hand."""

from __future__ import annotations

from typing import Any

from tests.vectors.given import NOW, Case

_RECORD: Case = {
    "id": "n", "created_at": NOW, "updated_at": NOW, "revision": 4, "parent": "", "title": "Ab", "owner": "ada",
    "count": 7,
    "score": 2.5, "total": "9007199254740993", "tags": ["a", "b"], "done": True, "at": NOW,
    "data": {"city": "Rome", "size": 3, "tags": ["x", 1, True], "nothing": None},
}  # fmt: skip
_AUTH: Case = {"id": "ada", "roles": ["editor"], "client": "app", "acr": "aal1", "amr": ["pwd"], "auth_time": 5}
_TRUE_OR_FALSE = [
    "record.title == 'Ab' && record.count > 6", "record.total == 9007199254740993", "record.total > 9007199254740992.0",
    "record.total < -1", "record.count < 7.5", "record.score in [1, 2.5]", "record.count in [7, 8]",
    "record.title == 'A' + 'b'",
    "record.title < 'B' && 'b' > record.title", "'\\uffff' < '😀'",
    "record.title.size() == 2 && size(record.tags) == 2",
    "record.tags[1] == 'b'", "record.tags[5] == 'b'", "'a' in record.tags", "record.tags.exists(t, t == 'b')",
    "record.tags.all(t, t.size() == 1)", "has(record.title) && !has(record.file)", "record.file == null",
    "record.data.city == 'Rome'",
    "record.data['city'] == \"Rome\"", "record.data.size > 2", "record.data.city > 2", "'x' in record.data.tags",
    "1 in record.data.tags",
    "has(record.data.nothing)", "has(record.data.city.deep)", "record.data.deep.city == 'x'",
    "record.data.nothing == null",
    "auth.id == record.owner", "auth != null", "'editor' in auth.roles", "auth.acr == 'aal2'",
    "record.at > timestamp('2026-01-31T12:00:00Z')",
    "record.at == timestamp('2026-01-31T13:00:00+01:00')", "record.created_at <= record.updated_at",
    "record.done ? record.count == 7 : false",
    "(record.done ? record.count : 1) == 7", "record.done", "!record.done || record.file == b'x'",
    "record.title.lowerAscii() == 'ab'",
    "record.title.upperAscii().startsWith('AB')", "record.title.contains('b') && record.title.endsWith('b')",
    "record.count + 1 == 8",
    "record.score * 2.0 == 5.0", "-record.count < 0", "string(record.count) == '7'", "int(record.score) == 2",
    "double(record.count) > 1.0",
    "record.title == r'Ab'", "record.title == '''Ab'''", "record.title == 'A\\x62'", "record.title == '\\a'",
    "record.count == 0x7",
    "record.count == 7 // seven", "record.title.matches('A.*')", "record.unknown == 1", "record.title ==",
    "record.title = 'a'", "",
    "a == 1", "record.count == 1 == true", "(record.count == 7) == true", "record.id == 'n' && record.revision == 4",
    "record.parent == ''",
    "record.title == 'it\\'s' || record.title == \"Ab\"", "[1, 2].size() == 2", "record.count in []",
    "record.title in ['Ab', auth.id]",
    "record.count == 9223372036854775808", "record.title.size", "old.title == 'x'",
    "record.tags.exists(t, record.tags.exists(u, u == t))",
    "null == null", "record.title != null", "!(record.file == b'x') || true", "record.count == 1e0",
    "record.score == .5 || record.score == 2.5",
    "1 < 2", "true && !false", "record[\"title\"] == 'Ab'",
    "record.count >= 7 && record.count <= 7 && record.count != 8", "in",
    "record.tags.map(t, t)", "record.title == 'é\\n\\t\\\\\\u00e9'", "record.count == 7 || record.unknown2",
    "duration('1s') == 1",
    "record.at + duration('1h') > record.at", "record.at < now()", "record.at.getFullYear() == 2026",
    "math.abs(record.count) == 7", "record.title.trim() == 'Ab'", "record.title.split('b').size() == 2",
    "record.tags.exists_one(t, t == 'a')", "record.tags.filter(t, t == 'a').size() == 1",
    "record.tags.exists(i, t, i == 1)", "record.data.tags.exists(t, t == 'x')", "!record.data.tags.exists(t, t == 'y')",
    "record.data.tags.all(t, t == 'x')", "record.data.nothing.exists(t, t == 'x')",
    "1u < 2u", "dyn(record.count) == 7",
]  # fmt: skip
EXPRESSIONS: list[Case] = [
    {"expression": text, "schema": "notes", "record": _RECORD, "auth": _AUTH} for text in _TRUE_OR_FALSE
] + [
    {"expression": text, "schema": schema, "record": {"id": "n"}, "auth": None}
    for schema in ("notes", "open_notes")
    for text in (
        "record.count == 1", "record.count == 1 || true", "record.count == 1 && false", "!(record.count == 1)",
        "auth.id == 'ada'",
        "auth == null", "has(auth.id)", "record.title == null", "'a' in record.tags", "record.other == 1",
        "record.other == null",
    )
]  # fmt: skip

EXPRESSIONS += [
    {"expression": text, "schema": "odd_notes", "record": {"id": "n", "toString": 1}, "auth": None}
    for text in (
        "has(record.constructor)", "record.constructor == null", "record.toString == 1", "record.valueOf == null",
        "true toString false", "toString(record.id) == 'n'", "record.id.valueOf() == 'n'", "constructor == 1",
    )
]  # fmt: skip

_ORDERED: list[Case] = [
    {"id": "a", "title": "b", "count": 2, "total": "10", "done": True}, {"id": "b", "title": "B", "count": 10,
    "total": "9"},
    {"id": "c", "title": None, "count": -1, "total": "-5", "done": False}, {"id": "d", "title": "😀",
    "total": "9007199254740993"},
    {"id": "e", "title": "\uffff", "count": 2, "total": "9007199254740992"}, {"id": "f", "title": "", "count": 2.5,
    "done": True},
]  # fmt: skip
_RANKED: list[Any] = [None, True, 1.5, "a", [], {}]
ORDER: list[Case] = [
    {"call": "list", "sort": sort, "schema": "notes", "records": _ORDERED}
    for sort in (
        [],
        ["title"],
        ["-title"],
        ["count"],
        ["-count", "title"],
        ["total"],
        ["-total"],
        ["done", "-id"],
        ["count", "id", "title"],
    )
] + [{"call": "rank", "value": value} for value in _RANKED]

QUERIES: list[Case] = [
    {"query": query}
    for query in (
        {}, {"limit": 20}, {"limit": 50, "page": 3}, {"filter": "record.a == 'é&='"}, {"sort": ["-a", "b"]},
        {"total": True},
        {"equals": {"a": True, "page": "x", "where.x": 5, "b": 2.5, "c": ""}}, {"cursor": "abc", "limit": 1000},
        {"search": 'a "b c" d*', "sort": ["a"], "filter": "true"},
        {"fields": "title,author.name", "expand": "author,comments(sort=-a,limit=5)"},
    )
]  # fmt: skip
