"""The vectors of GraphQL mutations in the outbox: `python -m tests.vectors.graphql_outbox` writes their file."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.posts import next_post
from hinterland.client.local.pushes import next_push
from hinterland.client.local.schema import MIGRATIONS
from hinterland.client.local.verdicts import verdict
from hinterland.contract.errors import CODES
from hinterland.kit.sqlite import migrate

Case = dict[str, Any]
FILE = Path(__file__).parents[2] / "contract" / "vectors" / "graphql" / "outbox.json"
DESCRIPTION = "What becomes of GraphQL mutations that are kept on a device: see ../README.md."


def failure(code: str, *path: str | int) -> Case:
    """An error of a response."""
    return {"message": code, **({"path": [*path]} if path else {}), "extensions": {"code": code}}


def answer(status: int, *errors: Case, data: Any = None) -> Case:
    """A response whose verdict is asked for."""
    return {"call": "verdict", "status": status, "errors": [*errors], "data": data}


def entries(text: str) -> Case:
    """An outbox, a letter for each entry: p, s, a, r, c of writes, and P, S, R of documents."""
    states = {"p": "pending", "s": "sent", "a": "applied", "r": "refused", "c": "conflicted"}
    made = [{"is": "document" if each.isupper() else "write", "state": states[each.lower()]} for each in text]
    return {"call": "next", "entries": made}


_POST = {"id": "1", "title": "One"}
CASES: list[Case] = [
    answer(200, data={"createPost": _POST}),
    answer(200, data={"a": None}),
    answer(200),
    answer(200, data={}),
    *[answer(CODES[code].status, failure(code)) for code in CODES],
    *[answer(200, failure(code, "a"), data={"a": None}) for code in CODES],
    answer(200, failure("forbidden", "createPost", "secret"), data={"createPost": {"id": "1", "secret": None}}),
    answer(200, failure("forbidden", "createPost", "secret"), data={"createPost": None}),
    answer(200, failure("forbidden", "createPost", "secret")),
    answer(200, failure("validation", "b"), data={"a": _POST, "b": None}),
    answer(200, failure("validation", "a"), failure("in_progress", "b"), data={"a": None, "b": None}),
    answer(200, failure("forbidden", "a", "x"), failure("validation", "b"), data={"a": {"x": None}, "b": None}),
    answer(200, {"message": "no code"}, data={"a": None}),
    answer(200, {"message": "odd", "path": "a", "extensions": []}, data={"a": _POST}),
    answer(200, {"message": "odd", "path": [["a"], "b"]}, data={"a": _POST}),
    answer(200, {"message": "odd", "path": ["a", None]}, data={"a": _POST}),
    answer(200, {"message": "odd", "path": [0, "a"]}, data={"0": _POST}),
    answer(200, {"message": "odd", "path": ["b", "x"]}, data={"a": _POST}),
    answer(400, {"message": "no data"}),
    answer(500, failure("internal", "a"), data={"a": None}),
    *[
        entries(text)
        for text in ("", "p", "pp", "P", "S", "R", "pP", "Pp", "pPp", "PP", "SP", "Sp", "sP", "spP", "spPp")
    ],
    *[entries(text) for text in ("aP", "rP", "cP", "RP", "Rp", "aaP", "rrpPp", "acrRP", "RSPp", "aSp", "RRRpP")],
]


def run(case: Case) -> Any:
    """What the product's own code makes of a case."""
    if case["call"] == "verdict":
        return [*verdict(case["status"], case["errors"], case["data"])]
    return next_of(case["entries"])


def next_of(outbox: list[Case]) -> Case:
    """What is sent next of an outbox."""
    with closing(sqlite3.connect(":memory:", factory=StoreConnection, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS)
        connection.execute("INSERT INTO spaces (space, server, account, device) VALUES (1, '', 'ada', 'd1')")
        seqs = itertools.count(1)
        for place, entry in enumerate(outbox):
            is_document, state = entry["is"] == "document", entry["state"]
            has_seq = not is_document and state in ("sent", "applied")
            document = '{"query":"mutation { a }","key":"k"}' if is_document else None
            connection.execute(
                "INSERT INTO mutations (space, id, state, seq, timestamp, base, writes, document)"
                " VALUES (1, ?, ?, ?, 1.0, '[]', ?, ?)",
                (
                    str(place),
                    "posted" if is_document and state == "sent" else state,
                    next(seqs) if has_seq else None,
                    "[]" if is_document else '[{"act":"create","collection":"notes","id":"a"}]',
                    document,
                ),
            )
        connection.execute("UPDATE spaces SET next_seq = ?", (next(seqs),))
        scope = Scope(1, "ada", {})
        push = next_push(connection, scope, 200)
        if push is not None:
            return {"push": [int(mutation.id) for mutation in push.mutations]}
        post = next_post(connection, scope, 1.0)
        return {} if post is None else {"post": int(post.mutation)}


def text() -> str:
    """The file."""
    named = [{"name": f"given {number}", **case, "expected": run(case)} for number, case in enumerate(CASES, 1)]
    lines = ",\n".join(f"  {json.dumps(case)}" for case in named)
    return f'{{\n "description": {json.dumps(DESCRIPTION)},\n "cases": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    FILE.write_text(text())
