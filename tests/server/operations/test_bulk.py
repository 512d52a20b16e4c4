"""Bulk inserts: many rows as one commit, each refused row reported, and others served meanwhile."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.batches import MAX_BULK_ROWS
from hinterland.contract.errors import Refusal
from hinterland.server.data.refused_writes import MOST
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

BULK = "/v1/records/things/bulk"
THINGS = "/v1/records/things"
LINES = {"Content-Type": "application/jsonl"}


async def total(api: Api, path: str = THINGS, **more: Any) -> int:
    """How many records a list has."""
    found: int = (await api("GET", path, params={"total": "true"}, **more)).json()["total"]
    return found


async def test_an_array_and_lines(each_api: Api) -> None:
    """A JSON array and JSON Lines of objects become records in order, as one commit; the result has their ids."""
    api = each_api
    rows: list[dict[str, Any]] = [{"text": f"t{number}", "whole": number} for number in range(50)]
    first = await api("POST", BULK, json=rows)
    lines = b"\n".join(map(msgspec.json.encode, [{"id": "own"}, *rows])) + b"\n\n"
    second = await api("POST", BULK, content=lines, headers=LINES)
    for answer, count in ((first, 50), (second, 51)):
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert (result["created"], result["changed"], result["refused"]) == (count, 0, [])
        assert len(result["ids"]) == count
    assert second.json()["ids"][0] == "own"
    third = (await api("GET", f"{THINGS}/{first.json()['ids'][3]}")).json()
    assert (third["text"], third["whole"]) == ("t3", 3)
    assert second.json()["revision"] == await total(api) == 101


async def test_below_a_record_and_with_integer_ids(each_api: Api) -> None:
    """Rows of a nested collection are below the record of the path; the server gives integer ids."""
    api = each_api
    made = await api("POST", "/v1/records/posts/bulk", json=[{"title": "a"}, {"title": "b"}])
    first, second = made.json()["ids"]
    assert second == first + 1
    below = await api("POST", f"/v1/records/posts/{first}/comments/bulk", json=[{"text": "c"}] * 3)
    assert below.json()["created"] == await total(api, f"/v1/records/posts/{first}/comments") == 3
    problem(await api("POST", "/v1/records/posts/99/comments/bulk", json=[{"text": "c"}]), 404, "not_found")


async def test_refused_rows_undo_all(each_api: Api) -> None:
    """Where rows are refused nothing is written, and each is reported by its place with the messages of its fields."""
    api = each_api
    await api("POST", THINGS, json={"id": "there"})
    rows = [{}, {"whole": "x"}, {"id": "there"}, {"id": "twice"}, {"id": "twice"}, {"nothing": 1}]
    found = problem(await api("POST", BULK, json=rows), 400, "validation")
    assert [(one["row"], one["code"]) for one in found["details"]["refused"]] == [
        (1, "validation"), (2, "conflict"), (4, "conflict"), (5, "validation"),
    ]  # fmt: skip
    assert set(found["errors"]) == {"[1].whole", "[5].nothing"}
    assert await total(api) == 1
    many = problem(await api("POST", BULK, json=[{"whole": "x"}] * 1_000), 400, "validation")
    assert len(many["details"]["refused"]) == MOST


async def test_refused_rows_are_left_out(each_api: Api) -> None:
    """With atomic=false the other rows are written; those that are refused have null in the place of an id."""
    api = each_api
    lines = b'{"text":"a"}\nnonsense\n[1]\n{"whole":"x"}\n{"id":{}}\n{"text":"b"}\n{"id":"a"}\n{"id":"a"}'
    result = (await api("POST", f"{BULK}?atomic=false", content=lines, headers=LINES)).json()
    assert [id is None for id in result["ids"]] == [False, True, True, True, True, False, False, True]
    assert [(one["row"], one["code"]) for one in result["refused"]] == [
        (1, "invalid_body"), (2, "invalid_body"), (3, "validation"), (4, "validation"), (7, "conflict"),
    ]  # fmt: skip
    assert result["created"] == await total(api) == 3
    assert result["revision"] == 3


async def test_rules_of_rows(each_api: Api) -> None:
    """Each row is decided by the create rule; unique values are unique among the rows too, and hidden ones say no more
    than to a creation."""
    api = each_api
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    path = "/v1/records/notes/bulk"
    problem(await api("POST", path, json=[{"text": "a"}]), 401, "unauthorized")
    problem(await api("POST", "/v1/records/closed/bulk", json=[{}], headers=ada["headers"]), 403, "forbidden")
    await api("POST", path, json=[{"text": "a", "slug": "s"}], headers=ada["headers"])
    rows = [{"text": "b", "slug": "s"}, {"text": "c", "owner": "other"}, {"text": "d", "slug": "t"}]
    for row, code in ((rows[0], 409), (rows[1], 403)):
        single = await api("POST", "/v1/records/notes", json=row, headers=ben["headers"])
        together = problem(await api("POST", path, json=[row], headers=ben["headers"]), code, single.json()["code"])
        assert together["details"]["refused"][0]["message"] == single.json()["message"]
    result = (await api("POST", f"{path}?atomic=false", json=[*rows, rows[2]], headers=ben["headers"])).json()
    assert [one["row"] for one in result["refused"]] == [0, 1, 3]


async def test_rows_that_are_upserts(each_api: Api) -> None:
    """With upsert= each row writes to the record that it finds, also to one that an earlier row created."""
    api = each_api
    ada = await api.sign_up("ada")
    path = "/v1/records/notes/bulk?upsert=slug"
    rows = [{"text": "a", "slug": "1"}, {"text": "b", "slug": "2"}, {"text": "c", "slug": "1"}]
    first, again = [(await api("POST", path, json=rows, headers=ada["headers"])).json() for _ in range(2)]
    assert (first["created"], first["changed"], first["ids"][0]) == (2, 1, first["ids"][2])
    assert (again["created"], again["changed"], again["ids"]) == (0, 3, first["ids"])


async def test_a_repeated_bulk_insert(each_api: Api) -> None:
    """With an idempotency key the repetition gets the first result and writes nothing; the query is a part of it."""
    api = each_api
    headers = {"Idempotency-Key": "k"}
    first, again = [await api("POST", BULK, json=[{}, {}], headers=headers) for _ in range(2)]
    assert (first.content, "idempotency-replayed" in again.headers) == (again.content, True)
    assert await total(api) == 2
    problem(await api("POST", f"{BULK}?atomic=false", json=[{}, {}], headers=headers), 422, "key_reused")


@pytest.mark.parametrize(
    ("query", "content", "kind", "status", "code"),
    [
        ("", b"{}", "application/json", 400, "invalid_body"),
        ("", b"[", "application/json", 400, "invalid_body"),
        ("", b"[" * 100_000, "application/json", 400, "invalid_body"),
        ("", b"[[" + b"[" * 100 + b"]" * 100 + b"]]", "application/json", 400, "invalid_body"),
        ("", b'[{"text":"a","text":"b"}]', "application/json", 400, "invalid_body"),
        ("", b"a,b", "text/csv", 415, "unsupported_media_type"),
        ("", b"[" + b"{}," * MAX_BULK_ROWS + b"{}]", "application/json", 413, "too_large"),
        ("?atomic=perhaps", b"[]", "application/json", 400, "invalid_query"),
        ("?upsert=text", b"[{}]", "application/json", 400, "validation"),
    ],
)
async def test_malformed_bulk_inserts(api: Api, query: str, content: bytes, kind: str, status: int, code: str) -> None:
    """What is no list of objects is refused as a whole."""
    answer = await api("POST", BULK + query, content=content, headers={"Content-Type": kind})
    problem(answer, status, code)
    assert await total(api) == 0


async def test_a_record_that_is_called_bulk(api: Api) -> None:
    """A record may have the id `bulk`: the path's other methods are those of the record."""
    await api("POST", THINGS, json={"id": "bulk", "text": "a"})
    assert (await api("GET", BULK)).json()["text"] == "a"
    assert (await api("PATCH", BULK, json={"text": "b"})).json()["text"] == "b"


async def test_hooks_of_rows(tmp_path: Path) -> None:
    """Before-hooks run for each row; what one refuses is the refusal of its row."""

    def declare(app: App) -> None:
        @app.before("posts", "create")
        async def mark(backend: object, write: BeforeWrite) -> dict[str, Any]:
            if write.body["title"] == "bad":
                raise Refusal("forbidden", "no bad posts")
            return {"title": f"{write.body['title']}!"}

    async with serving(SqliteStorage(tmp_path), declare=declare) as api:
        rows = [{"title": "a"}, {"title": "bad"}, {"title": "b"}]
        path = "/v1/records/posts/bulk"
        found = problem(await api("POST", path, json=rows), 403, "forbidden")
        assert found["details"]["refused"] == [{"row": 1, "code": "forbidden", "message": "no bad posts"}]
        result = (await api("POST", f"{path}?atomic=false", json=rows)).json()
        assert [id is None for id in result["ids"]] == [False, True, False]
        listed = await api("GET", "/v1/records/posts")
        assert [one["title"] for one in listed.json()["items"]] == ["a!", "b!"]


async def test_others_are_served_meanwhile(each_api: Api) -> None:
    """While thousands of rows are written, reads are answered, and all rows are seen at once."""
    api = each_api
    body = json.dumps([{"text": f"t{number}", "whole": number} for number in range(3_000)])
    writing = asyncio.ensure_future(api("POST", BULK, content=body, headers={"Content-Type": "application/json"}))
    seen = []
    while not writing.done():
        seen.append(await total(api))
        await asyncio.sleep(0)
    assert writing.result().json()["created"] == await total(api) == 3_000
    assert set(seen) <= {0, 3_000}
    assert len(seen) > 20
