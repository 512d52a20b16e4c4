"""Inputs of vectors that are written by hand: one for each rule, and for each end of a range."""

from __future__ import annotations

from typing import Any

from tests.vectors.drawing import MADE

Case = dict[str, Any]
NOTES: Case = {
    "name": "notes",
    "fields": {
        "title": {"kind": "text", "required": True, "max_length": 20},
        "owner": {"kind": "text", "fill": "auth.id", "unique": True},
        "count": {"kind": "integer", "default": 1, "minimum": -5, "maximum": 100, "merge": "counter"},
        "score": {"kind": "number", "maximum": 1e6},
        "total": {"kind": "int64", "merge": "counter"},
        "tags": {"kind": "list", "of": {"kind": "text", "max_length": 5}, "max_items": 3, "merge": "set"},
        "done": {"kind": "boolean", "default": False},
        "at": {"kind": "instant"},
        "data": {"kind": "json"},
        "file": {"kind": "bytes", "max_length": 3, "write": "admin"},
    },
}
SCHEMAS: dict[str, Case] = {"notes": NOTES, "open_notes": {**NOTES, "is_open": True}}
NOW = "2026-01-31T12:00:00.000000Z"


def _merge(policy: str, base: Any, server: Any, device: Any, *, is_device_newer: bool = True) -> Case:
    sides = {"base": base, "server": server, "device": device, "is_device_newer": is_device_newer}
    return {"call": "merge", "policy": policy, **sides}


MERGES = [
    _merge("newest", "a", "b", "c"),
    _merge("newest", "a", "b", "c", is_device_newer=False),
    _merge("server", "a", "b", "c"),
    _merge("newest", "a", "b", "b", is_device_newer=False),
    _merge("newest", 1, True, 1),
    _merge("counter", 10, 13, 12),
    _merge("counter", None, 3, 4),
    _merge("counter", 0.1, 0.2, 0.4),
    _merge("counter", "9007199254740993", "9007199254740995", "9007199254740994"),
    _merge("counter", "1", "no", "2"),
    _merge("counter", 1, None, 2),
    _merge("set", ["a", "b"], ["a", "b", "c"], ["b", "d"]),
    _merge("set", None, [1, True], [{"a": 1}, 1]),
    _merge("newest", {"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 5}),
    _merge("newest", {"a": 1}, {"a": 2}, {"a": 3}, is_device_newer=False),
    {"call": "merge_patch", "target": {"a": 1, "b": {"c": 2}}, "patch": {"a": None, "b": {"d": 3}}},
    {"call": "merge_patch", "target": [1], "patch": {"a": {"b": None}}},
    {"call": "difference", "before": {"a": 1, "b": {"c": 2, "d": 1}}, "after": {"b": {"c": 3}, "e": [1]}},
    {"call": "add", "old": [1, {"a": 1, "b": 2}], "items": [1.0, True, {"b": 2, "a": 1}, "1", None]},
    {"call": "remove", "old": [1, True, "1", [1, 2]], "items": [1, [1, 2]]},
]

_ESCAPES: list[Any] = [
    {"$increment": 1}, {"$$increment": 1}, {"$$$now": True}, {"$set": 1}, {"$add": [], "x": 1}, {}, [], None, "$now",
    {"$$": 1}, {"$$set": 1},
]  # fmt: skip


def _resolve(body: Case, document: Case | None = None, schema: str = "notes") -> Case:
    return {"call": "resolve", "schema": schema, "document": document or {}, "body": body, "now": NOW}


TRANSFORMS = [
    *[{"call": call, "value": value} for call in ("is_transform", "unescaped") for value in _ESCAPES],
    _resolve({"count": {"$increment": 2}}),
    _resolve({"count": {"$increment": 2.5}, "total": {"$increment": 2.5}}),
    _resolve({"count": {"$increment": "2"}, "score": {"$increment": True}}),
    _resolve({"total": {"$increment": "9007199254740993"}}, {"total": "1"}),
    _resolve({"total": {"$increment": "x"}, "tags": {"$add": "x"}}),
    _resolve({"tags": {"$add": ["b", "a", "b"]}}, {"tags": ["a"]}),
    _resolve({"tags": {"$remove": ["a"]}}, {"tags": ["a", "b"]}),
    _resolve({"tags": {"$add": ["too long"]}}),
    _resolve({"at": {"$now": True}, "title": {"$now": True}, "data": {"$now": 1}, "none": {"$add": []}}),
    _resolve({"data": {"$$now": 1}, "title": {"$$$add": 1}}),
    _resolve({"extra": {"$increment": 1}}, {"extra": "text"}, "open_notes"),
    _resolve({"extra": {"$add": [1]}, "more": {"$remove": [1]}, "x": {"$now": 1}, "y": {"$increment": 3}}, {}, "open_notes"),
    _resolve({"extra": {"$add": 1}}, {"extra": [1]}, "open_notes"),
]


def _write(act: str, body: Case | None = None, document: Case | None = None, **more: Any) -> Case:
    write = {"act": act, "collection": "notes", "id": "n", **({"body": body} if body is not None else {})}
    schema = more.pop("schema", "notes")
    return {"schema": schema, "write": write | more, "document": document, "now": NOW, "caller": "ada"}


WRITES = [
    _write("create", {"title": "new"}),
    _write("create", {"title": "new", "owner": "bob", "count": None, "unknown": 1}),
    _write("create", {"title": "new", "zzzzz": 1, "qqqqq": 2, "id": "n", "revision": 5, "created_at": "x", "parent": ""}),
    _write("create", {}),
    _write("create", {"title": ""}),
    _write("create", {"title": "new"}, {"title": "there"}),
    _write("create", {"title": "new", "id": "m", "parent": "lists/1"}),
    _write("create", {"title": "new", "id": "it's"}, id="a\\b"),
    _write("create", {"title": "new", "id": "5"}, id=5),
    _write("create", {"title": "new", "extra": {"a": 1}, "gone": None}, schema="open_notes"),
    _write("create", {"title": 5, "count": 101, "tags": ["a", 5], "done": 1, "at": "soon", "total": "x", "file": "QUJDRA=="}),
    _write("create", {"title": {"$now": True}, "count": {"$set": 1}}),
    _write("create", {"title": "x" * 21, "owner": "é" * 1001, "score": 1000001}),
    _write("create", {"title": "😀" * 20, "tags": ["1", "2", "3", "4"]}),
    _write("create", {"title": "new", "__proto__": 1}),
    _write("create", {"title": "new", "__proto__": {"a": 1}}, schema="open_notes"),
    _write("replace", {"title": "other"}, {"title": "old", "owner": "bob", "count": 5, "data": {"a": 1}}),
    _write("replace", {"title": "other", "owner": None}, {"title": "old", "owner": "bob", "extra": 1}, schema="open_notes"),
    _write("patch", {"data": {"a": None, "b": {"c": 1}}}, {"title": "old", "data": {"a": 1, "b": {"d": 2}}}),
    _write("patch", {"extra": {"a": None}, "gone": None}, {"title": "t", "extra": {"a": 1, "b": 2}, "gone": 1}, schema="open_notes"),
    _write("patch", {"title": None}, {"title": "old"}),
    _write("patch", {"count": {"$increment": 200}}, {"title": "old", "count": 1}),
    _write("patch", {"total": {"$increment": "1"}}, {"title": "old", "total": "9223372036854775807"}),
    _write("patch", {}, {"title": "old", "stray": 1}),
    _write("patch", {"title": "new"}),
    _write("delete", None, {"title": "old"}),
    _write("delete"),
    _write("replace", {"title": "x"}),
]


def _valid(field: Case, *values: Any) -> list[Case]:
    return [{"field": field, "value": value} for value in values]


_EMAIL: Case = {"kind": "text", "format": "email"}
VALIDATION = [
    *_valid({"kind": "text", "min_length": 2, "max_length": 3}, "a", "ab", "abc", "abcd", "😀😀", "😀😀😀😀", 5, True, [], {}),
    *_valid({"kind": "text", "format": "url"}, "", "https://a.b/c", "HTTP://x", "ftp://x", "https:///", "https://a b", "http://é"),
    *_valid({"kind": "text", "choices": ["a", "b"]}, "a", "c", ""),
    *_valid(_EMAIL, "", "Ada@Example.org", "ada@example", "a.b+c@x.de", "a..b@x.de", "a b@x.de", "@x.de", "a@-x.de", "a@1.2"),
    *_valid(_EMAIL, "a@x.123", "x" * 64 + "@x.de", "x" * 65 + "@x.de", "a@b@x.de", "a\n@x.de", "a@" + "x" * 64 + ".de"),
    *_valid({"kind": "text", "pattern": "[a-z]+"}, "", "abc", "abc1", "ABC", "a\n"),
    *_valid({"kind": "text", "pattern": r"\d{3}-\w+"}, "123-é_x", "12-x", "١٢٣-x", "123-"),
    *_valid({"kind": "text", "pattern": r"[\w.-]+@\s?x|y$"}, "a.é-@x", "@x", "y", "a@\u3000x", "a@ x"),
    *_valid({"kind": "text", "pattern": "a.b"}, "a😀b", "axb", "ab"),
    *_valid({"kind": "integer", "minimum": -2, "maximum": 3}, -3, -2, 3, 4, 2.5, 3.0, "3", True, None or 1e300),
    *_valid({"kind": "integer"}, 9007199254740991, -9007199254740992, 0),
    *_valid({"kind": "number", "minimum": 0.5, "maximum": 1e7}, 0.4, 0.5, 1e7, 1.1e7, "1", False),
    *_valid({"kind": "number", "minimum": 123456789}, 1),
    *_valid({"kind": "number", "maximum": 0.00001234}, 1),
    *_valid({"kind": "number", "maximum": -2}, 1),
    *_valid({"kind": "int64"}, "5", 5, "-0", "007", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.0", "", "+1",
            2.5, True, " 1"),
    *_valid({"kind": "boolean"}, True, 1, "true"),
    *_valid({"kind": "instant"}, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.1234567+02:00", "2026-01-31 12:00+0530", "2026-02-30T00:00:00Z",
            "2024-02-29T00:00:00Z", "2026-01-31T12:00:00", "2026-01-31", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
            "2026-01-31t12:00:60z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00-24:00", 5),
    *_valid({"kind": "bytes", "max_length": 3}, "", "QQ==", "QR==", "QUJD", "QUJDRA==", "QQ=", "Q", "QQ", "Q Q=", "=QQ=", "é", 5),
    *_valid({"kind": "bytes", "index": True}, "QUJD" * 500, "QUJD" * 500 + "RA=="),
    *_valid({"kind": "text", "index": True}, "é" * 1000, "é" * 1001, "x" * 2001),
    *_valid({"kind": "list", "of": {"kind": "integer", "maximum": 5}, "max_items": 2}, [], [1, 5], [1, 6], ["1"], [1, 2, 3], "x", {}, [None]),
    *_valid({"kind": "list", "of": {"kind": "instant"}}, ["2026-01-31T12:00Z"], ["x"]),
    *_valid({"kind": "json"}, {"a": [1, None]}, "x", 0),
]  # fmt: skip


def _timed(act: str, body: Case, timestamp: float = 5.0) -> Case:
    return {"write": {"act": act, "collection": "notes", "id": "n", "body": body}, "timestamp": timestamp}


_HEAD: Case = {"id": "n", "created_at": NOW, "updated_at": NOW, "revision": 7}


def _overlay(*timed: Case, base: Case | None = None, schema: str | None = None) -> Case:
    return {"schema": schema, "base": base, "writes": [*timed], "caller": "ada"}


OVERLAY = [
    _overlay(_timed("create", {"title": "new"}), _timed("patch", {"count": {"$increment": 3}}, 6.5), schema=schema)
    for schema in (None, "notes", "open_notes")
] + [
    _overlay(_timed("patch", {"title": "x"})),
    _overlay(_timed("delete", {}), _timed("patch", {"title": "x"}), base={**_HEAD, "title": "t"}),
    _overlay(_timed("delete", {}), _timed("create", {"title": "x"}), base={**_HEAD, "title": "t"}, schema="notes"),
    _overlay(_timed("create", {"title": "x"}), _timed("replace", {"count": 5}), schema="notes"),
    _overlay(_timed("replace", {"a": 1, "id": "n"}), base={**_HEAD, "a": 0, "b": 2}),
    _overlay(_timed("patch", {"a": {"$increment": 2}}), base={**_HEAD, "a": "9007199254740993"}),
    _overlay(_timed("patch", {"a": {"$increment": 2}}), base={**_HEAD, "a": "x"}),
    _overlay(_timed("patch", {"a": {"$increment": 2}, "b": 1}), base={**_HEAD, "a": [1]}),
    _overlay(_timed("patch", {"a": {"$add": ["y"]}, "b": {"$remove": ["x"]}}), base={**_HEAD, "a": ["x"], "b": ["x", "y"]}),
    _overlay(_timed("patch", {"a": {"$add": ["y"]}}), base={**_HEAD, "a": "x"}),
    _overlay(_timed("patch", {"a": {"$now": True}, "b": {"c": None}, "d": {"$$now": 1}}), base={**_HEAD, "b": {"c": 1, "e": 2}}),
    _overlay(_timed("patch", {"id": "other"}), base={**_HEAD, "a": 1}),
    _overlay(_timed("patch", {"revision": 9, "updated_at": "x", "a": 2}), base={**_HEAD, "a": 1}),
    _overlay(_timed("patch", {"a": 2}), base={"id": "n", "a": 1}),
]

_PLACES = [["lists", "", MADE[0], 7], ["lists", "", "~short", 8], ["notes", "lists/7", MADE[1], 9]]


def _temporary(call: str, write: Case, **more: Any) -> Case:
    return {"call": call, "given": _PLACES, "schema": "notes", "write": write} | more


_REFERRING: Case = {
    "act": "patch", "collection": "notes", "parent": f"lists/{MADE[0]}", "id": MADE[1],
    "body": {"title": MADE[0], "count": MADE[0], "data": {"a": [MADE[0], "~short"]}, "id": MADE[1], "parent": f"lists/{MADE[0]}",
             "unknown": MADE[0], "tags": [MADE[0]]},
}  # fmt: skip
TEMPORARY = [
    *[{"call": "is_stand_in", "value": value} for value in [MADE[0], MADE[1], "~a", "~", "7", "a", "٧", "", "a/b", 7, "~7"]],
    *[_temporary(call, _REFERRING) for call in ("write", "write_whole", "references", "candidates")],
    _temporary("write", _REFERRING, schema=None),
    _temporary("write", {"act": "create", "collection": "lists", "id": MADE[0], "body": {"id": MADE[0]}}),
    _temporary("write_whole", {"act": "create", "collection": "lists", "id": MADE[0], "body": {"id": MADE[0]}}),
    _temporary("learn", {"act": "create", "collection": "lists", "id": "~new"}, id=12, path="lists/~new/notes/~short"),
    _temporary("learn", {"act": "create", "collection": "notes", "parent": f"lists/{MADE[0]}", "id": MADE[2]}, id=3,
               path=f"lists/{MADE[0]}/notes/{MADE[2]}"),
    _temporary("learn", {"act": "patch", "collection": "lists", "id": "~new"}, id=12, path="lists/~new"),
]  # fmt: skip

_RECORD: Case = {
    "id": "n", "created_at": NOW, "updated_at": NOW, "revision": 4, "parent": "", "title": "Ab", "owner": "ada", "count": 7,
    "score": 2.5, "total": "9007199254740993", "tags": ["a", "b"], "done": True, "at": NOW,
    "data": {"city": "Rome", "size": 3, "tags": ["x", 1, True], "nothing": None},
}  # fmt: skip
_AUTH: Case = {"id": "ada", "roles": ["editor"], "client": "app", "acr": "aal1", "amr": ["pwd"], "auth_time": 5}
_TRUE_OR_FALSE = [
    "record.title == 'Ab' && record.count > 6", "record.total == 9007199254740993", "record.total > 9007199254740992.0",
    "record.total < -1", "record.count < 7.5", "record.score in [1, 2.5]", "record.count in [7, 8]", "record.title == 'A' + 'b'",
    "record.title < 'B' && 'b' > record.title", "'\\uffff' < '😀'", "record.title.size() == 2 && size(record.tags) == 2",
    "record.tags[1] == 'b'", "record.tags[5] == 'b'", "'a' in record.tags", "record.tags.exists(t, t == 'b')",
    "record.tags.all(t, t.size() == 1)", "has(record.title) && !has(record.file)", "record.file == null", "record.data.city == 'Rome'",
    "record.data['city'] == \"Rome\"", "record.data.size > 2", "record.data.city > 2", "'x' in record.data.tags", "1 in record.data.tags",
    "has(record.data.nothing)", "has(record.data.city.deep)", "record.data.deep.city == 'x'", "record.data.nothing == null",
    "auth.id == record.owner", "auth != null", "'editor' in auth.roles", "auth.acr == 'aal2'", "record.at > timestamp('2026-01-31T12:00:00Z')",
    "record.at == timestamp('2026-01-31T13:00:00+01:00')", "record.created_at <= record.updated_at", "record.done ? record.count == 7 : false",
    "(record.done ? record.count : 1) == 7", "record.done", "!record.done || record.file == b'x'", "record.title.lowerAscii() == 'ab'",
    "record.title.upperAscii().startsWith('AB')", "record.title.contains('b') && record.title.endsWith('b')", "record.count + 1 == 8",
    "record.score * 2.0 == 5.0", "-record.count < 0", "string(record.count) == '7'", "int(record.score) == 2", "double(record.count) > 1.0",
    "record.title == r'Ab'", "record.title == '''Ab'''", "record.title == 'A\\x62'", "record.title == '\\a'", "record.count == 0x7",
    "record.count == 7 // seven", "record.title.matches('A.*')", "record.unknown == 1", "record.title ==", "record.title = 'a'", "",
    "a == 1", "record.count == 1 == true", "(record.count == 7) == true", "record.id == 'n' && record.revision == 4", "record.parent == ''",
    "record.title == 'it\\'s' || record.title == \"Ab\"", "[1, 2].size() == 2", "record.count in []", "record.title in ['Ab', auth.id]",
    "record.count == 9223372036854775808", "record.title.size", "old.title == 'x'", "record.tags.exists(t, record.tags.exists(u, u == t))",
    "null == null", "record.title != null", "!(record.file == b'x') || true", "record.count == 1e0", "record.score == .5 || record.score == 2.5",
    "1 < 2", "true && !false", "record[\"title\"] == 'Ab'", "record.count >= 7 && record.count <= 7 && record.count != 8", "in",
    "record.tags.map(t, t)", "record.title == 'é\\n\\t\\\\\\u00e9'", "record.count == 7 || record.unknown2", "duration('1s') == 1",
]  # fmt: skip
EXPRESSIONS: list[Case] = [
    {"expression": text, "schema": "notes", "record": _RECORD, "auth": _AUTH} for text in _TRUE_OR_FALSE
] + [
    {"expression": text, "schema": schema, "record": {"id": "n"}, "auth": None}
    for schema in ("notes", "open_notes")
    for text in (
        "record.count == 1", "record.count == 1 || true", "record.count == 1 && false", "!(record.count == 1)", "auth.id == 'ada'",
        "auth == null", "has(auth.id)", "record.title == null", "'a' in record.tags", "record.other == 1", "record.other == null",
    )
]  # fmt: skip

_ORDERED: list[Case] = [
    {"id": "a", "title": "b", "count": 2, "total": "10", "done": True}, {"id": "b", "title": "B", "count": 10, "total": "9"},
    {"id": "c", "title": None, "count": -1, "total": "-5", "done": False}, {"id": "d", "title": "😀", "total": "9007199254740993"},
    {"id": "e", "title": "\uffff", "count": 2, "total": "9007199254740992"}, {"id": "f", "title": "", "count": 2.5, "done": True},
]  # fmt: skip
ORDER: list[Case] = [
    {"call": "list", "sort": sort, "schema": "notes", "records": _ORDERED}
    for sort in ([], ["title"], ["-title"], ["count"], ["-count", "title"], ["total"], ["-total"], ["done", "-id"], ["count", "id", "title"])
] + [{"call": "rank", "value": value} for value in (None, True, 1.5, "a", [], {})]

QUERIES: list[Case] = [
    {"query": query}
    for query in (
        {}, {"limit": 20}, {"limit": 50, "page": 3}, {"filter": "record.a == 'é&='"}, {"sort": ["-a", "b"]}, {"total": True},
        {"equals": {"a": True, "page": "x", "where.x": 5, "b": 2.5, "c": ""}}, {"cursor": "abc", "limit": 1000},
    )
]  # fmt: skip

VALUES: list[Case] = [
    *[
        {"call": "is_same", "one": one, "other": other}
        for one, other in (
            (1, 1.0), (1, True), (0, False), (None, False), ("a", "a"), ([1, [True]], [1, [1]]), ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}),
            ({"a": None}, {}), ([], {}), ("1", 1), ({"__proto__": 1}, {}), (-0.0, 0),
        )
    ],
    *[{"call": "instant", "value": value} for value in (0.0, 1.5, 1767225600.123456, 1767225600.9999999, 0.0078125, 86400.0234375, 253402300799.0)],
    *[{"call": "parse_instant", "value": value} for value in ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000001+00:00", "x", "")],
    *[{"call": "parse_int64", "value": value} for value in ("0", "-0", "12345678901234567890", "x")],
    *[{"call": "parse_base64", "value": value} for value in ("", "QQ==", "QQ", "Qh==", "+/+/")],
]  # fmt: skip

IDS: list[Case] = [
    *[
        {"call": call, "value": value}
        for value in ("a", "", "a/b", "~a", "__a", "_a", ".", "..", "...", "a\n", "\x7f", "é" * 64, "é" * 65, "x" * 128, "x" * 129, "😀",
                      "0123456789abcdefghjkmnpqrs", "0123456789abcdefghjkmnpqri", "~", "~~a", 5, None, "a b", "\x85")
        for call in ("is_record_id", "is_temporary")
    ],
    *[{"call": "is_made_id", "value": value} for value in (MADE[0], MADE[1], MADE[1].upper(), MADE[1] + "x")],
    {"call": "made", "after": "", "times": [1767225600.0, 1767225600.0, 1767225600.0005, 1767225599.0, 1767225600.001]},
    {"call": "made", "after": "1zzzzzzzzzzzaaaaaaaaaaaaaa", "times": [0.0, 0.0]},
    {"call": "made", "after": "0123", "times": [0.0, 1767225600.0]},
]  # fmt: skip

_ANSWERED: Case = {"method": "POST", "has_key": False, "now": 1767225600.0, "headers": {}, "body": {}}


def _failure(status: int, **more: Any) -> Case:
    return {"call": "failure", "status": status, **_ANSWERED, **more}


RETRY: list[Case] = [
    *[
        {"call": "full_jitter", "attempt": attempt, "base": 0.1, "cap": 30, "random": random}
        for attempt in (0, 1, 3, 8, 9, 100)
        for random in (0, 0.5, 1)
    ],
    *[
        {"call": "retry_after", "now": 1767225600.0, "headers": headers}
        for headers in (
            {}, {"retry-after": "5"}, {"retry-after": " 7 "}, {"retry-after": "0"}, {"retry-after": "12345678901"}, {"retry-after": "1.5"},
            {"retry-after": "-1"}, {"retry-after": "soon"}, {"retry-after": "Thu, 01 Jan 2026 00:00:10 GMT"},
            {"retry-after": "Thu, 01 Jan 2026 00:00:10 GMT", "date": "Thu, 01 Jan 2026 00:00:04 GMT"},
            {"retry-after": "Wed, 31 Dec 2025 23:59:10 GMT"}, {"retry-after": ""},
        )
    ],
    *[_failure(status) for status in (200, 201, 304, 400, 401, 403, 404, 408, 409, 412, 413, 425, 429, 500, 501, 502, 503, 504, 507)],
    _failure(409, body={"code": "in_progress"}),
    _failure(409, body={"code": "in_progress"}, has_key=True),
    _failure(409, body={"code": "conflict"}, has_key=True),
    _failure(503, headers={"retry-after": "5"}),
    _failure(429, headers={"retry-after": "5"}),
]  # fmt: skip


def _problem(code: str, status: int, **more: Any) -> Case:
    body = {"title": "T", "status": status, "code": code, "message": "what is wrong; what to do", **more}
    return {"status": status, "headers": {"x-request-id": "r1"}, "body": body, "now": 1767225600.0}


def error_cases(codes: dict[str, int]) -> list[Case]:
    """An error response for each code of the table, without its message too, and what other servers answer."""
    foreign = [{"status": status, "headers": {}, "body": {}, "now": 1767225600.0} for status in
               (400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 415, 418, 422, 429, 431, 500, 502, 503, 504, 507, 511)]
    return [
        *[_problem(code, status) for code, status in codes.items()],
        *[_problem(code, status, message="") | {"headers": {}} for code, status in codes.items()],
        *foreign,
        _problem("unheard_of", 400),
        _problem("unheard_of", 503),
        _problem("conflict", 500),
        _problem("validation", 400, errors={"a": ["is required"], "b": "wrong"}),
        _problem("rate_limited", 429, retry_after=2.5),
        _problem("rate_limited", 429) | {"headers": {"retry-after": "3"}},
        _problem("invalid_grant", 400, details={"reason": "another_server"}),
        {"status": 400, "headers": {}, "body": {"error": "invalid_grant", "error_description": "old"}, "now": 0.0},
        {"status": 401, "headers": {}, "body": {"error": "invalid_token"}, "now": 0.0},
        {"status": 500, "headers": {}, "body": {"detail": "x" * 400}, "now": 0.0},
        {"status": 500, "headers": {}, "body": {"message": 5, "msg": "here"}, "now": 0.0},
    ]  # fmt: skip
