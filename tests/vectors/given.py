"""Inputs of vectors about writes that are made by hand: one for each rule, and for each end of a range."""

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
# Of an app with a kind of field that a client does not know.
LATER: Case = {"name": "notes", "fields": {"title": {"kind": "text"}, "place": {"kind": "point", "required": True}}}
# With a field that not every reader sees, as the server describes it.
PRIVATE: Case = {
    "name": "notes",
    "fields": {"title": {"kind": "text"}, "email": {"kind": "text", "required": True, "read_access": "rule"}},
}
# With names that objects of JavaScript have anyway.
ODD: Case = {
    "name": "notes",
    "fields": {"constructor": {"kind": "text", "required": True}, "toString": {"kind": "integer"}},
}
SCHEMAS: dict[str, Case] = {
    "notes": NOTES,
    "open_notes": {**NOTES, "is_open": True},
    "hooked_notes": {**NOTES, "hooks": ["update"]},
    "later_notes": LATER,
    "private_notes": PRIVATE,
    "odd_notes": ODD,
}
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
    _resolve(
        {"extra": {"$add": [1]}, "more": {"$remove": [1]}, "x": {"$now": 1}, "y": {"$increment": 3}}, {}, "open_notes"
    ),
    _resolve({"extra": {"$add": 1}}, {"extra": [1]}, "open_notes"),
]


def _write(act: str, body: Case | None = None, document: Case | None = None, **more: Any) -> Case:
    write = {"act": act, "collection": "notes", "id": "n", **({"body": body} if body is not None else {})}
    schema, is_certain = more.pop("schema", "notes"), more.pop("is_certain", True)
    uncertain = {} if is_certain else {"is_certain": False}
    return {"schema": schema, "write": write | more, "document": document, "now": NOW, "caller": "ada", **uncertain}


WRITES = [
    _write("create", {"title": "new"}),
    _write("create", {"title": "new", "owner": "bob", "count": None, "unknown": 1}),
    _write(
        "create", {"title": "new", "zzzzz": 1, "qqqqq": 2, "id": "n", "revision": 5, "created_at": "x", "parent": ""}
    ),
    _write("create", {}),
    _write("create", {"title": ""}),
    _write("create", {"title": "new"}, {"title": "there"}),
    _write("create", {"title": "new", "id": "m", "parent": "lists/1"}),
    _write("create", {"title": "new", "id": "it's"}, id="a\\b"),
    _write("create", {"title": "new", "id": "5"}, id=5),
    _write("create", {"title": "new", "extra": {"a": 1}, "gone": None}, schema="open_notes"),
    _write(
        "create",
        {"title": 5, "count": 101, "tags": ["a", 5], "done": 1, "at": "soon", "total": "x", "file": "QUJDRA=="},
    ),
    _write("create", {"title": {"$now": True}, "count": {"$set": 1}}),
    _write("create", {"title": "x" * 21, "owner": "é" * 1001, "score": 1000001}),
    _write("create", {"title": "😀" * 20, "tags": ["1", "2", "3", "4"]}),
    _write("create", {"title": "new", "__proto__": 1}),
    _write("create", {"title": "new", "__proto__": {"a": 1}}, schema="open_notes"),
    _write("replace", {"title": "other"}, {"title": "old", "owner": "bob", "count": 5, "data": {"a": 1}}),
    _write(
        "replace", {"title": "other", "owner": None}, {"title": "old", "owner": "bob", "extra": 1}, schema="open_notes"
    ),
    _write("patch", {"data": {"a": None, "b": {"c": 1}}}, {"title": "old", "data": {"a": 1, "b": {"d": 2}}}),
    _write(
        "patch",
        {"extra": {"a": None}, "gone": None},
        {"title": "t", "extra": {"a": 1, "b": 2}, "gone": 1},
        schema="open_notes",
    ),
    _write("patch", {"title": None}, {"title": "old"}),
    _write("patch", {"count": {"$increment": 200}}, {"title": "old", "count": 1}),
    _write("patch", {"total": {"$increment": "1"}}, {"title": "old", "total": "9223372036854775807"}),
    _write("patch", {}, {"title": "old", "stray": 1}),
    _write("patch", {"title": "new"}),
    *[
        _write(act, {"title": 5, "count": 200, "unknown": 1}, document, schema="hooked_notes")
        for act, document in (
            ("create", None),
            ("replace", {"title": "old", "done": True}),
            ("patch", {"title": "old"}),
        )
    ],
    _write("patch", {"title": ""}, {"title": "old"}, schema="hooked_notes"),
    _write("patch", {"count": {"$now": 1}}, {"title": "old"}, schema="hooked_notes"),
    _write("create", {"place": {"x": 1}}, schema="later_notes"),
    _write("create", {"title": "t", "other": 1}, schema="later_notes"),
    _write(
        "patch", {"place": {"y": 2}, "n": {"$increment": 1}}, {"title": "t", "place": {"x": 1}}, schema="later_notes"
    ),
    _write("patch", {"title": "new"}, {"title": "t"}, schema="private_notes"),
    _write("patch", {"title": "new"}, {"title": "t", "email": "a", "more": 1}, schema="private_notes"),
    _write("patch", {"email": None}, {"title": "t"}, schema="private_notes"),
    _write("replace", {"title": "new"}, {"title": "t"}, schema="private_notes"),
    _write("replace", {"title": "new"}, {"title": "t", "email": "a"}, schema="private_notes"),
    _write("create", {"title": "new"}, schema="private_notes"),
    _write("patch", {"other": 1}, {"title": "t"}, is_certain=False),
    _write("patch", {"other": {"$add": [1]}, "count": 200}, {"title": "t"}, is_certain=False),
    _write("patch", {"other": {"$add": [1]}, "gone": None}, {"title": "t", "gone": 1}, is_certain=False),
    _write("create", {"title": "t", "other": 1}, is_certain=False),
    _write("create", {}, schema="odd_notes"),
    _write("create", {"constructor": 5, "valueOf": 1}, schema="odd_notes"),
    _write("create", {"constructor": "a", "toString": 1}, schema="odd_notes"),
    _write("patch", {"toString": {"$increment": 1}}, {"constructor": "a"}, schema="odd_notes"),
    _write("patch", {"valueOf": {"$increment": 1}, "hasOwnProperty": None}, {"title": "a"}, schema="open_notes"),
    _write("replace", {}, {"constructor": "a"}, schema="odd_notes"),
    _write("delete", None, {"title": "old"}),
    _write("delete"),
    _write("replace", {"title": "x"}),
]


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
    _overlay(
        _timed("patch", {"a": {"$add": ["y"]}, "b": {"$remove": ["x"]}}), base={**_HEAD, "a": ["x"], "b": ["x", "y"]}
    ),
    _overlay(_timed("patch", {"a": {"$add": ["y"]}}), base={**_HEAD, "a": "x"}),
    _overlay(
        _timed("patch", {"a": {"$now": True}, "b": {"c": None}, "d": {"$$now": 1}}),
        base={**_HEAD, "b": {"c": 1, "e": 2}},
    ),
    _overlay(_timed("patch", {"id": "other"}), base={**_HEAD, "a": 1}),
    _overlay(_timed("patch", {"revision": 9, "updated_at": "x", "a": 2}), base={**_HEAD, "a": 1}),
    # What an earlier declaration allowed.
    *[
        _overlay(_timed("patch", body), base={**_HEAD, "title": "t", **held}, schema="notes")
        for body in ({"tags": {"$remove": ["a"]}}, {"count": {"$increment": 1}}, {"total": {"$increment": 1}})
        for held in ({"tags": 5, "count": "a", "total": 5}, {"tags": {"a": 1}, "count": [], "total": "a"})
    ],
    _overlay(_timed("patch", {"a": 2}), base={"id": "n", "a": 1}),
]

_PLACES = [["lists", "", MADE[0], 7], ["lists", "", "~short", 8], ["notes", "lists/7", MADE[1], 9]]


def _temporary(call: str, write: Case, **more: Any) -> Case:
    return {"call": call, "given": _PLACES, "schema": "notes", "write": write} | more


_REFERRING: Case = {
    "act": "patch", "collection": "notes", "parent": f"lists/{MADE[0]}", "id": MADE[1],
    "body": {"title": MADE[0], "count": MADE[0], "data": {"a": [MADE[0], "~short"]}, "id": MADE[1],
    "parent": f"lists/{MADE[0]}",
             "unknown": MADE[0], "tags": [MADE[0]]},
}  # fmt: skip
TEMPORARY = [
    *[{"call": "is_stand_in", "value": value} for value in [MADE[0], MADE[1], "~a", "~", "7", "a", "٧", "", "a/b", 7,
    "~7"]],
    *[_temporary(call, _REFERRING) for call in ("write", "write_whole", "references", "candidates")],
    _temporary("write", _REFERRING, schema=None),
    _temporary("write", {"act": "create", "collection": "lists", "id": MADE[0], "body": {"id": MADE[0]}}),
    _temporary("write_whole", {"act": "create", "collection": "lists", "id": MADE[0], "body": {"id": MADE[0]}}),
    _temporary("learn", {"act": "create", "collection": "lists", "id": "~new"}, id=12, path="lists/~new/notes/~short"),
    _temporary("learn", {"act": "create", "collection": "notes", "parent": f"lists/{MADE[0]}", "id": MADE[2]}, id=3,
               path=f"lists/{MADE[0]}/notes/{MADE[2]}"),
    _temporary("learn", {"act": "patch", "collection": "lists", "id": "~new"}, id=12, path="lists/~new"),
]  # fmt: skip
