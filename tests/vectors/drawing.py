"""Inputs of vectors that hypothesis draws: the same for the same seed.

It runs as a process of its own that imports nothing of the product: hypothesis also draws constants that it finds
in the modules of a process, so that any change of the product would draw other inputs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.vectors.drawing_steps import STEPS

SEED = 8
Inputs = st.SearchStrategy[dict[str, Any]]

TEXTS = st.sampled_from(["", "a", "b", "ab", "A", "é", "ß", "😀", "\uffff", "x y", "$now", "null", "0", "~a"])
NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 7, 100, -5, 2.5, 0.1, 0.2, -0.5, 1e21, 9007199254740991])
INTS = st.sampled_from([0, 1, -1, 2, 3, 5, 10, -7, 100])
INT64S = st.sampled_from(["0", "1", "-1", "12", "9007199254740993", "-9223372036854775808", "9223372036854775807"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
NAMES = st.sampled_from(["a", "b", "c", "$add", "__proto__"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
LISTS = st.lists(st.one_of(SCALARS, st.dictionaries(NAMES, SCALARS, max_size=2)), max_size=4)
INSTANTS = st.sampled_from(
    ["2026-01-31T12:00:00.000000Z", "2026-01-31T12:00:00.000001Z", "1999-12-31T23:59:59.999999Z"]
)
SECONDS = st.sampled_from([1.0, 1767225600.0, 1767225600.25, 1767225600.123457, 1767225600.9999999, 86400.0078125])

# ---------------------------------------------------------------- merges


def _by(policy: str, values: st.SearchStrategy[Any]) -> Inputs:
    empty = st.one_of(st.none(), values)
    return st.fixed_dictionaries({
        "call": st.sampled_from(["merge", "followed"]), "policy": st.just(policy), "base": empty, "server": empty,
        "device": empty, "is_device_newer": st.booleans(),
    })  # fmt: skip


MERGES = st.one_of(
    _by("newest", VALUES),
    _by("server", VALUES),
    _by("newest", OBJECTS),
    _by("set", LISTS),
    _by("counter", INTS),
    _by("counter", INT64S),
    st.fixed_dictionaries({"call": st.just("merge_patch"), "target": VALUES, "patch": VALUES}),
    st.fixed_dictionaries({"call": st.just("difference"), "before": OBJECTS, "after": OBJECTS}),
    st.fixed_dictionaries(
        {
            "call": st.just("standing"),
            "base": st.one_of(st.none(), OBJECTS),
            "server": OBJECTS,
            "patch": OBJECTS,
            "is_newer": st.booleans(),
        }
    ),
    st.fixed_dictionaries({"call": st.sampled_from(["add", "remove"]), "old": LISTS, "items": LISTS}),
)

# ---------------------------------------------------------------- writes

_WORDS = st.sampled_from(["a", "b", "ab", "é", "😀"])
TAGS = st.lists(_WORDS, max_size=3)
TRANSFORMS = st.one_of(
    st.fixed_dictionaries({"$increment": st.one_of(NUMBERS, INT64S)}),
    st.fixed_dictionaries({"$add": st.lists(SCALARS, max_size=3)}),
    st.sampled_from([{"$now": True}, {"$$now": 1}, {"$$$add": []}, {"$set": 1}]),
)
# For each field of the notes that `given` declares: values, and transforms.
_STORED: dict[str, st.SearchStrategy[Any]] = {
    "title": _WORDS, "owner": TEXTS, "count": st.integers(0, 9), "score": NUMBERS.filter(lambda number: number < 1e6),
    "total": INT64S, "tags": TAGS, "done": st.booleans(), "at": INSTANTS, "data": OBJECTS, "file": st.just("QUJD"),
    "extra": VALUES,
}  # fmt: skip
_OTHER_FORMS: dict[str, st.SearchStrategy[Any]] = {
    "total": INTS, "at": st.just("2026-01-31T12:00:00+02:00"), "file": st.just("QR=="),
}  # fmt: skip
_TRANSFORMED: dict[str, st.SearchStrategy[Any]] = {
    "count": st.fixed_dictionaries({"$increment": INTS}), "score": st.fixed_dictionaries({"$increment": NUMBERS}),
    "total": st.fixed_dictionaries({"$increment": st.one_of(INT64S, INTS)}), "at": st.just({"$now": True}),
    "tags": st.one_of(st.fixed_dictionaries({"$add": TAGS}), st.fixed_dictionaries({"$remove": TAGS})),
    "data": st.sampled_from([{"$$now": 1}, {"a": None, "b": {"c": 1}}, {"$$add": {}}]),
    "extra": st.sampled_from([{"$increment": 2}, {"$add": ["a"]}, {"$now": True}, {"a": None}]),
}  # fmt: skip
_WRONG = st.dictionaries(st.sampled_from([*_STORED, "unlike"]), st.one_of(SCALARS, TRANSFORMS), min_size=1, max_size=1)


def _bodies(*forms: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly what fits, and what does not in one field."""
    fitting = {name: st.one_of([form[name] for form in forms if name in form]) for name in _STORED}
    return st.builds(
        lambda body, wrong: {**body, **wrong},
        st.fixed_dictionaries({}, optional={name: st.one_of(one, one, st.none()) for name, one in fitting.items()}),
        st.one_of(st.just({}), st.just({}), _WRONG),
    )


BODIES = _bodies(_STORED, _OTHER_FORMS)
PATCHES = _bodies(_STORED, _OTHER_FORMS, _TRANSFORMED)
DOCUMENTS = st.fixed_dictionaries(
    {"title": _WORDS},
    optional={name: st.one_of(stored, st.none()) for name, stored in _STORED.items() if name not in ("title", "extra")},
)
_OPEN_DOCUMENTS = st.fixed_dictionaries(
    {"title": _WORDS}, optional={n: st.one_of(s, st.none()) for n, s in _STORED.items() if n != "title"}
)


def _write(act: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"act": act, "collection": "notes", "id": "n", **({} if body is None else {"body": body})}


_WRITES = st.one_of(
    st.builds(lambda act, body: _write(act, {"title": "t", **body}), st.sampled_from(["create", "replace"]), BODIES),
    PATCHES.map(lambda body: _write("patch", body)),
    PATCHES.map(lambda body: _write("patch", body)),
    st.just(_write("delete")),
)
_SCHEMAS = st.sampled_from(["notes", "open_notes"])
WRITES = st.fixed_dictionaries({
    "schema": _SCHEMAS, "write": _WRITES, "document": st.one_of(DOCUMENTS, DOCUMENTS, st.none()), "now": INSTANTS,
    "caller": st.sampled_from(["ada", None]),
}).map(lambda case: {**case, "document": None} if case["write"]["act"] == "create" else case)  # fmt: skip
RESOLVED = st.fixed_dictionaries(
    {"call": st.just("resolve"), "schema": _SCHEMAS, "document": _OPEN_DOCUMENTS, "body": PATCHES, "now": INSTANTS}
)
_HEAD = {
    "id": "n",
    "created_at": "2026-01-01T00:00:00.000000Z",
    "updated_at": "2026-01-02T00:00:00.000000Z",
    "revision": 4,
}
OVERLAYS = st.fixed_dictionaries({
    "schema": st.one_of(st.none(), _SCHEMAS),
    "base": st.one_of(st.none(), _OPEN_DOCUMENTS.map(lambda document: {**_HEAD, **document})),
    "writes": st.lists(
        st.tuples(_WRITES, SECONDS).map(lambda pair: {"write": pair[0], "timestamp": pair[1]}), min_size=1, max_size=5
    ),
    "caller": st.sampled_from(["ada", None]),
})  # fmt: skip

# ---------------------------------------------------------------- validation

_ANY = st.one_of(SCALARS.filter(lambda value: value is not None), INT64S, INSTANTS, st.lists(SCALARS, max_size=3))


def _valued(fields: st.SearchStrategy[dict[str, Any]], *fitting: st.SearchStrategy[Any]) -> Inputs:
    return st.fixed_dictionaries({"field": fields, "value": st.one_of(*fitting, _ANY)})


def _ranged(kind: str, low: str, high: str, least: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda start, more: {"kind": kind, low: start, high: start + more}, least, st.integers(0, 9))


_PATTERNS = [
    r"[a-z]+",
    r"\w+",
    r"\d+",
    r"[\w ]*",
    r"a|b",
    r"(ab)?.",
    r"[^a]",
    r"\s",
    r".{2}",
    r"é?b*",
    r"[\d\-x]+",
    r"\$now$",
]
_MATCHED = st.sampled_from(
    ["12", "٣", "a1_", "x-1", "\u3000", "a\n", "\r", "b", "ab", "x y", "é", "😀", "😀😀", "$now", "-"]
)
_EMAILS = st.builds(
    lambda local, sign, domain: f"{local}{sign}{domain}",
    st.sampled_from(["a", "Ada.L", "a..b", ".a", "a+b", "x" * 64, "x" * 65, "a b", "", "a@b", '"a"']),
    st.sampled_from(["@", "@", "@", ""]),
    st.sampled_from(["x.de", "X.Example", "x", "-x.de", "x-.de", "x.1", "1.x", "x..de", "x" * 64 + ".de", "x_y.de"]),
)
VALIDATIONS = st.one_of(
    _valued(st.sampled_from([{"kind": "text", "pattern": pattern} for pattern in _PATTERNS]), _MATCHED, _MATCHED),
    _valued(st.just({"kind": "text", "format": "email"}), _EMAILS, _EMAILS),
    _valued(_ranged("text", "min_length", "max_length", st.integers(0, 3)), TEXTS, TEXTS),
    _valued(st.just({"kind": "text", "choices": ["a", "b", "é"]}), TEXTS),
    _valued(_ranged("integer", "minimum", "maximum", INTS), INTS, NUMBERS),
    _valued(_ranged("number", "minimum", "maximum", NUMBERS), NUMBERS, NUMBERS),
    _valued(st.just({"kind": "int64"}), INT64S, INTS),
    _valued(st.sampled_from([{"kind": kind} for kind in ("boolean", "instant", "bytes", "json", "number", "text")])),
    *[
        _valued(st.just({"kind": "list", "of": {"kind": kind}, "max_items": 2}), st.lists(values, max_size=3))
        for kind, values in (("text", TEXTS), ("integer", INTS), ("boolean", st.booleans()), ("number", NUMBERS))
    ],
)

# ---------------------------------------------------------------- temporary ids

MADE = ["~0123456789abcdefghjkmnpqrs", "0123456789abcdefghjkmnpqrt", "~zzzzzzzzzzzzzzzzzzzzzzzzzz"]
_IDS = st.sampled_from([*MADE, "~a", "b", "7"])
_PATHS = st.sampled_from(["", *[f"lists/{name}" for name in MADE], f"a/{MADE[0]}/b/{MADE[1]}", "lists/7", "lists"])
_REFERRING = st.recursive(
    _IDS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=2))
)
TEMPORARIES = st.fixed_dictionaries({
    "call": st.sampled_from(["write", "write_whole", "references", "candidates"]),
    "given": st.lists(
        st.tuples(st.sampled_from(["lists", "notes", "a"]), st.sampled_from(["", "lists/7"]), _IDS, INTS.map(abs))
        .map(list), max_size=4,
    ),
    "schema": st.sampled_from(["notes", None]),
    "write": st.fixed_dictionaries(
        {"act": st.sampled_from(["create", "patch"]), "collection": st.sampled_from(["lists", "notes"])},
        optional={
            "id": _IDS, "parent": _PATHS,
            "body": st.fixed_dictionaries({}, optional={
                "id": _IDS, "parent": _PATHS, "title": _IDS, "count": _IDS, "tags": st.lists(_IDS, max_size=2),
                "data": _REFERRING, "other": _REFERRING,
            }),
        },
    ),
})  # fmt: skip

# ---------------------------------------------------------------- expressions

_NUMERIC = ["record.count", "record.score", "record.total", "record.revision", "0", "1", "2", "-1", "2.5", "7",
"record.title.size()",
            "size(record.tags)", "9007199254740993"]  # fmt: skip
_TEXTUAL = ["record.title", "record.owner", "auth.id", "record.parent", "'a'", '"b"', "'ab'", "''", "'é'", "'😀'",
r"'\uffff'",
            "record.title.lowerAscii()", "record.tags[0]"]  # fmt: skip
_MOMENTS = [
    "record.at",
    "record.created_at",
    'timestamp("2026-01-31T12:00:00Z")',
    'timestamp("2026-01-31T13:00:00.5+01:00")',
]
_COMPARING = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def _compared(sides: list[str]) -> st.SearchStrategy[str]:
    side = st.sampled_from(sides)
    return st.builds(lambda left, sign, right: f"{left} {sign} {right}", side, _COMPARING, side)


_ATOMS: st.SearchStrategy[str] = st.one_of(
    _compared(_NUMERIC),
    _compared(_TEXTUAL),
    _compared(_MOMENTS),
    st.builds(
        lambda text, method, part: f"{text}.{method}({part})", st.sampled_from(["record.title", "record.owner"]),
        st.sampled_from(["contains", "startsWith", "endsWith"]), st.sampled_from(["'a'", "''", "record.owner", "'😀'"]),
    ),
    st.builds(lambda item: f"{item} in record.tags", st.sampled_from(_TEXTUAL)),
    st.builds(lambda item: f"{item} in ['a', 'ab', record.owner]", st.sampled_from(_TEXTUAL)),
    st.builds(lambda item: f"{item} in [1, 2, 7]", st.sampled_from(_NUMERIC)),
    st.builds(lambda name: f"has(record.{name})", st.sampled_from(["title", "count", "data", "data.city", "at"])),
    st.builds(
        lambda name, sign: f"record.{name} {sign} null", st.sampled_from(["title", "count", "tags", "data.city"]),
        st.sampled_from(["==", "!="]),
    ),
    st.builds(lambda macro, part: f"record.tags.{macro}(t, {part})", st.sampled_from(["exists", "all"]),
              st.sampled_from(["t == 'a'", "t.size() < 2", "t.startsWith(record.title)",
              "has(record.owner) && t != 'b'"])),
    st.sampled_from(["record.done", "record.data.city == 'Rome'", "record.data.size > 2", "'x' in record.data.tags",
    "true",
                     "false", "auth == null", "auth != null", "'a' in auth.roles", "record.data.ok",
                     "record.data['a b'] == 1", "has(record.extra)", "record.extra == 1", "record.extra.a == 'b'",
                     "record.extra == 'a'", "'a' in record.extra", "record.extra"]),
)  # fmt: skip


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda a, sign, b: f"({a}) {sign} ({b})", inner, st.sampled_from(["&&", "||"]), inner),
        st.builds(lambda a: f"!({a})", inner),
        st.builds(lambda a, b, c: f"({a}) ? ({b}) : ({c})", inner, inner, inner),
        st.builds(lambda a, b, c: f"{a} || {b} && {c}", _ATOMS, _ATOMS, _ATOMS),
    )


_CEL_RECORDS = st.fixed_dictionaries(
    {
        "id": st.just("n"), "revision": st.integers(0, 9), "created_at": INSTANTS, "updated_at": INSTANTS,
        "parent": st.just(""),
        **{name: st.one_of(stored, stored, st.none()) for name, stored in _STORED.items() if name not in ("data",
        "extra")},
    },
    optional={
        "extra": VALUES, "data": st.one_of(st.none(), st.just("text"), st.fixed_dictionaries({}, optional={
            "city": SCALARS, "size": SCALARS, "tags": LISTS, "ok": SCALARS, "a b": SCALARS,
        })),
    },
)  # fmt: skip
_AUTHS = st.sampled_from([
    None, {"id": "a", "roles": ["a"], "client": "app", "acr": "aal1", "amr": ["pwd"], "auth_time": 5},
    {"id": "b", "roles": [], "client": "app", "acr": "aal2", "amr": ["pwd", "otp"], "auth_time": 9},
])  # fmt: skip
EXPRESSIONS = st.fixed_dictionaries({
    "expression": st.recursive(_ATOMS, _joined, max_leaves=4), "schema": st.sampled_from(["notes", "open_notes"]),
    "record": _CEL_RECORDS, "auth": _AUTHS,
})  # fmt: skip

# ---------------------------------------------------------------- the rest

ORDERS = st.fixed_dictionaries({
    "call": st.just("list"), "sort": st.lists(st.sampled_from(["title", "-title", "count", "-count", "-score", "total",
    "-total", "done", "at"]), max_size=3),
    "schema": st.just("notes"),
    "records": st.lists(_CEL_RECORDS.map(lambda record: {n: v for n, v in record.items() if n not in ("data",
    "tags")}), min_size=2,
                        max_size=6),
})  # fmt: skip
QUERIES = st.fixed_dictionaries({"query": st.fixed_dictionaries({}, optional={
    "page": st.sampled_from([2, 3, 100]), "limit": st.sampled_from([1, 20, 50, 1000]), "cursor": TEXTS,
    "filter": st.sampled_from(["", "record.a == 1", "record.title == 'a&b=c +'"]),
    "sort": st.lists(st.sampled_from(["a", "-a", "created_at", "-id"]), max_size=3), "total": st.booleans(),
    "equals": st.dictionaries(st.sampled_from(["a", "b", "page", "where.a", "sort", "é"]), st.one_of(TEXTS, INTS,
    st.booleans()),
                              max_size=3),
})})  # fmt: skip
BACKOFFS = st.fixed_dictionaries({
    "call": st.just("verdict"), "method": st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE"]),
    "has_key": st.booleans(),
    "status": st.sampled_from([0, 408, 429, 500, 502, 503, 504]), "sent": st.sampled_from(["no", "maybe"]),
    "asked": st.sampled_from([None, 0, 2, 29, 31]), "attempt": st.sampled_from([0, 1, 2, 3]),
    "left": st.sampled_from([0.5, 5, 60]), "random": st.sampled_from([0, 0.25, 0.5, 0.999]),
})  # fmt: skip
SAMES = st.fixed_dictionaries({"call": st.just("is_same"), "one": VALUES, "other": VALUES})

TOPICS: dict[str, tuple[Inputs, int]] = {
    "merges": (MERGES, 120),
    "transforms": (RESOLVED, 40),
    "writes": (WRITES, 90),
    "validation": (VALIDATIONS, 130),
    "overlay": (OVERLAYS, 70),
    "temporary": (TEMPORARIES, 60),
    "expressions": (EXPRESSIONS, 200),
    "order": (ORDERS, 40),
    "queries": (QUERIES, 30),
    "retry": (BACKOFFS, 50),
    "values": (SAMES, 30),
    "steps": (STEPS, 80),
}


def drawn(strategy: Inputs, count: int, of: int = SEED) -> list[dict[str, Any]]:
    """The first `count` different inputs that are drawn with the seed `of`."""
    found: dict[str, dict[str, Any]] = {}

    @seed(of)
    @settings(
        derandomize=False,
        max_examples=3 * count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(strategy)
    def collect(value: dict[str, Any]) -> None:
        if len(found) < count:
            found.setdefault(json.dumps(value), value)

    run: Callable[[], None] = collect
    run()
    return list(found.values())


def main(of: str = str(SEED), factor: str = "1", *topics: str) -> None:
    """Print the inputs of all topics, or of some, drawn with the seed `of`: `factor` times as many as in the files."""
    found = {
        topic: drawn(strategy, int(factor) * count, int(of))
        for topic, (strategy, count) in TOPICS.items()
        if not topics or topic in topics
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
