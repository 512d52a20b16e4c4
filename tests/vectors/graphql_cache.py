"""The vectors of the cache of GraphQL: `python -m tests.vectors.graphql_cache` writes their file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hinterland.client.errors import BadRequest
from hinterland.client.graphql.cached import RecordCache, plan
from hinterland.client.graphql.documents import parsed
from hinterland.client.graphql.normalizing import ResultShape, canonical

Case = dict[str, Any]
FILE = Path(__file__).parents[2] / "contract" / "vectors" / "graphql" / "cache.json"
DESCRIPTION = "Documents, and what a cache by type and id makes of results: see ../README.md."

LIST = "query ($n: Int = 2) { posts(limit: $n) { id title author { id name } } }"
ONE = "query ($id: ID!) { post(id: $id) { id title text } }"
EDGES = "{ postsConnection(first: 2) { totalCount pageInfo { endCursor } edges { cursor node { id title } } } }"
UPDATE = 'mutation { updatePost(id: "1", patch: {title: "B"}) { id title } }'
BELOW = "{ posts { id title comments { id nodeId text } } }"
BELOW_CHANGES = "subscription { comments { kind id recordNodeId record { nodeId text id } } }"
CHANGES = "subscription { posts { kind id record { id title } } }"


def author(id: str = "a", **more: Any) -> Case:
    """An author in a result."""
    return {"__typename": "User", "id": id, "name": "Ada", **more}


def item(id: str | int, title: str = "A", **more: Any) -> Case:
    """A post in a result."""
    return {"__typename": "Post", "id": id, "title": title, **more}


def comment(ids: str, text: str = "t", id: str = "7") -> Case:
    """A comment below a post in a result; a node id of another form than ours is any field."""
    node = f"Comment:{ids}" if "/" in ids else ids
    return {"__typename": "Comment", "id": id, "nodeId": node, "text": text}


def write(document: str, data: Any, **more: Any) -> Case:
    """A step that keeps a result."""
    return {"do": "write", "document": document, "data": data, **more}


def read(document: str, **variables: Any) -> Case:
    """A step that asks the cache."""
    return {"do": "read", "document": document, "variables": variables}


_LISTED = write(LIST, {"posts": [item("1", author=author()), item("2", author=author())]})
_HERO = (
    "query ($on: Boolean!) { node { ... on Post { id title } ...U @include(if: $on) } } "
    "fragment U on User { id name @skip(if: $on) email }"
)
_STRINGS = (
    'query Q($s: [String!]! = ["{", """ { \\""" """]) @live '
    '{ a(s: $s, o: {x: [1.5, ENUM, null, true, "\\u00e9"]}) { b } }'
)
_ARGUMENTS = "query ($n: Int = 2, $m: Int, $w: W) { a(n: $n, m: $m) b(w: $w, e: DESC) c(l: [$m, 1]) d(n: null) }"
_DIRECTIVES = "query A { a } query B { b @skip(if: true) c @include(if: true) }"
_VALUES: list[Any] = [{"b": 1.0, "a": [1.5, {"d": None, "c": "é"}]}, [], 2.0, {}]
CASES: list[Case] = [
    *[
        {"call": "typenames", "document": document}
        for document in (
            LIST,
            ONE,
            EDGES,
            CHANGES,
            _HERO,
            "{ a }",
            "{ a { __typename b } }",
            "{ a { t: __typename b { c } } }",
            "{ a # { not this }\n { b } }",
            _STRINGS,
            "{ a { b }",
            "{ a(: 1) }",
            "a { b }",
            '{ a(s: "open) }',
            "query { a ... }",
        )
    ],
    *[{"call": "canonical", "value": value} for value in _VALUES],
    *[
        {"call": "plan", "policy": policy, "is_complete": is_complete}
        for policy in ("cache-first", "cache-and-network", "network-only", "cache-only")
        for is_complete in (True, False)
    ],
    {"call": "fields", "document": _ARGUMENTS, "variables": {"w": {"y": 1, "x": 2.0}}},
    {"call": "fields", "document": _DIRECTIVES, "operation": "B"},
    {"call": "steps", "steps": [_LISTED, read(LIST), read(LIST, n=2), read(LIST, n=3), read(ONE, id="1")]},
    {
        "call": "steps",
        "steps": [
            _LISTED,
            write(ONE, {"post": item("1", "B", text="t")}, variables={"id": "1"}),
            read(LIST),
            read(ONE, id="1"),
            read(ONE, id="2"),
        ],
    },
    {"call": "steps", "steps": [write(ONE, {"post": None}, variables={"id": "9"}), read(ONE, id="9")]},
    {
        "call": "steps",
        "steps": [
            write(
                EDGES,
                {
                    "postsConnection": {
                        "__typename": "PostConnection",
                        "totalCount": 2,
                        "pageInfo": {"__typename": "PageInfo", "endCursor": "x"},
                        "edges": [{"__typename": "PostEdge", "cursor": "c", "node": item(7)}],
                    }
                },
            ),
            read(EDGES),
        ],
    },
    {"call": "steps", "steps": [_LISTED, write(UPDATE, {"updatePost": item("1", "B")}), read(LIST)]},
    {
        "call": "steps",
        "steps": [
            _LISTED,
            write(
                CHANGES,
                {
                    "posts": [
                        {"__typename": "PostChange", "kind": "update", "id": "1", "record": item("1", "C")},
                        {"__typename": "PostChange", "kind": "delete", "id": "2", "record": None},
                    ]
                },
            ),
            read(LIST),
            read('{ two: post(id: "2") { id } }'),
        ],
    },
    {
        "call": "steps",
        "steps": [
            _LISTED,
            {"do": "optimistic", "id": "m1", "document": UPDATE, "data": {"updatePost": item("1", "soon")}},
            {"do": "optimistic", "id": "m2", "document": UPDATE, "data": {"updatePost": item("1", "later")}},
            read(LIST),
            {"do": "rollback", "id": "m2"},
            read(LIST),
            write(UPDATE, {"updatePost": item("1", "B")}),
            read(LIST),
            {"do": "rollback", "id": "m1"},
            read(LIST),
            {"do": "rollback", "id": "m1"},
        ],
    },
    {
        "call": "steps",
        "steps": [
            _LISTED,
            {"do": "evict", "name": "User:"},
            read(LIST),
            {"do": "evict", "name": "Post:1"},
            {"do": "evict", "name": "Post:9"},
            _LISTED,
            {"do": "evict", "name": "posts"},
            {"do": "evict", "name": "post"},
            read(LIST),
            {"do": "clear"},
            read(LIST),
        ],
    },
    {
        "call": "steps",
        "most": 5,
        "steps": [
            _LISTED,
            write(ONE, {"post": item("3", text="t")}, variables={"id": "3"}),
            read(LIST),
            write(ONE, {"post": item("4", text="t")}, variables={"id": "4"}),
            read(LIST),
            read(ONE, id="3"),
            write(UPDATE, {"updatePost": item("5")}),
        ],
    },
    {"call": "steps", "most": 1, "steps": [_LISTED, read(LIST)]},
    {
        "call": "steps",
        "steps": [
            write(_HERO, {"node": author(email="e")}, variables={"on": True}),
            read(_HERO, on=True),
            read(_HERO, on=False),
        ],
    },
    {
        "call": "steps",
        "possible": {"Node": ["Post", "User"]},
        "steps": [
            write("{ node { ... on Node { id } ... on User { name } } }", {"node": author()}),
            read("{ node { ... on Node { id } ... on Post { title } } }"),
        ],
    },
    {
        "call": "steps",
        "steps": [
            write(
                "{ a: post(id: 1) { k: id t: title } b: post(id: 1) { id text } }",
                {"a": {"__typename": "Post", "k": 1, "t": "A"}, "b": {"__typename": "Post", "id": 1, "text": "x"}},
            ),
            read("{ post(id: 1) { id title text } }"),
        ],
    },
    {
        "call": "steps",
        "steps": [
            write(
                "{ post(id: 1) { author { name } tags meta } }",
                {
                    "post": {
                        "__typename": "Post",
                        "author": {"__typename": "User", "name": "Ada"},
                        "tags": ["Post:1", "x"],
                        "meta": {"a": [1]},
                    }
                },
            ),
            read("{ post(id: 1) { author { name } tags meta } }"),
            read("{ post(id: 1) { author { name email } } }"),
        ],
    },
    {
        "call": "steps",
        "steps": [
            write(
                "{ post(id: 1) { author { id } author { name } } }",
                {"post": {"__typename": "Post", "author": author()}},
            ),
            read("{ post(id: 1) { author { id } author { name } } }"),
        ],
    },
    {
        "call": "steps",
        "steps": [
            write(
                BELOW,
                {
                    "posts": [
                        {**item("1"), "comments": [comment("1/7", "of 1")]},
                        {**item("2"), "nodeId": "Post:2", "comments": [comment("2/7", "of 2"), comment("x", id="8")]},
                    ]
                },
            ),
            write(
                BELOW_CHANGES,
                {
                    "comments": [
                        {"__typename": "CommentChange", "kind": "left", "id": "7", "recordNodeId": "Comment:1/7"},
                        {
                            "__typename": "CommentChange",
                            "kind": "update",
                            "id": "7",
                            "recordNodeId": "Comment:2/7",
                            "record": comment("2/7", "new"),
                        },
                    ]
                },
            ),
            read(BELOW),
            read("{ comment(postId: 2, id: 7) { text nodeId } }"),
        ],
    },
]


def run(case: Case) -> Any:
    """What the product's own code makes of a case."""
    match case["call"]:
        case "typenames":
            try:
                return {"text": parsed(case["document"]).text}
            except BadRequest:
                return {"error": True}
        case "canonical":
            return canonical(case["value"])
        case "plan":
            decided = plan(case["policy"], is_complete=case["is_complete"])
            return {"reads": decided.reads, "fetches": decided.fetches}
        case "fields":
            return _shape(case, case).root_fields()
        case _:
            return _run_steps(case)


def _shape(case: Case, step: Case) -> ResultShape:
    document = parsed(step["document"])
    operation = document.operation(step.get("operation", ""))
    return ResultShape(document, operation, step.get("variables", {}), case.get("possible"))


def _run_steps(case: Case) -> Any:
    cache = RecordCache(case["most"]) if "most" in case else RecordCache()
    answers = [_answer(cache, case, step) for step in case["steps"]]
    return {"answers": answers, "records": cache.records, "used": cache.used}


def _answer(cache: RecordCache, case: Case, step: Case) -> Any:
    match step["do"]:
        case "write":
            return sorted(cache.write(_shape(case, step), step["data"]))
        case "optimistic":
            return sorted(cache.optimistic(step["id"], _shape(case, step), step["data"]))
        case "rollback":
            return sorted(cache.rollback(step["id"]))
        case "evict":
            return sorted(cache.evict(step["name"]))
        case "clear":
            return sorted(cache.clear())
        case _:
            found = cache.read(_shape(case, step))
            return {"data": found.data, "is_complete": found.is_complete, "keys": sorted(found.keys)}


def text() -> str:
    """The file."""
    named = [{"name": f"given {number}", **case, "expected": run(case)} for number, case in enumerate(CASES, 1)]
    lines = ",\n".join(f"  {json.dumps(case)}" for case in named)
    return f'{{\n "description": {json.dumps(DESCRIPTION)},\n "cases": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text())
