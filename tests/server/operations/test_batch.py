"""Batches: many writes together, in order, by the rules of all collections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hinterland.contract.batches import MAX_BATCH_WRITES
from hinterland.contract.errors import Refusal
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.server.operations import batch as batches
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

BATCH = "/v1/batch"
THINGS = "/v1/records/things"


async def send(api: Api, *writes: dict[str, Any], headers: dict[str, str] | None = None, **more: Any) -> Any:
    """A batch that must succeed; its results."""
    answer = await api("POST", BATCH, json={"writes": writes, **more}, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def refusal(
    api: Api, status: int, code: str, *writes: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """The problem of a batch that must be refused."""
    return problem(await api("POST", BATCH, json={"writes": writes}, headers=headers or {}), status, code)


def create(collection: str, id: str = "", **body: Any) -> dict[str, Any]:
    """A creation."""
    return {"act": "create", "collection": collection, "body": body, **({"id": id} if id else {})}


async def total(api: Api, path: str, headers: dict[str, str] | None = None) -> int:
    """How many records a list has."""
    answer = await api("GET", path, params={"total": "true"}, headers=headers or {})
    found: int = answer.json()["total"]
    return found


async def test_all_acts_in_order(each_api: Api) -> None:
    """A batch creates, replaces, patches and deletes; each result has the status of the same request alone, the id, and
    the record as the batch leaves it. All of it is one commit."""
    api = each_api
    made = await send(api, create("things", text="a"), create("things", text="b"), create("things", text="c"))
    assert [one["status"] for one in made] == [201, 201, 201]
    first, second, third = [one["id"] for one in made]
    answer = await api("POST", BATCH, json={"writes": [
        {"act": "patch", "collection": "things", "id": first, "body": {"whole": {"$increment": 2}}},
        {"act": "replace", "collection": "things", "id": second, "body": {"flag": True}},
        {"act": "delete", "collection": "things", "id": third},
        {"act": "patch", "collection": "things", "id": first, "body": {"flag": False}},
    ]})  # fmt: skip
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [200, 200, 204, 200]
    assert [one["id"] for one in results] == [first, second, third, first]
    assert results[0]["record"] == results[3]["record"] == (await api("GET", f"{THINGS}/{first}")).json()
    assert (results[0]["record"]["whole"], results[0]["record"]["flag"]) == (2, False)
    assert results[1]["record"]["text"] is None
    assert "record" not in results[2]
    assert answer.json()["revision"] == results[3]["record"]["revision"]
    problem(await api("GET", f"{THINGS}/{third}"), 404, "not_found")


async def test_minimal_results(api: Api) -> None:
    """`returns: minimal` leaves the records out; a batch of nothing has no results."""
    [result] = await send(api, create("things", text="a"), returns="minimal")
    assert result.keys() == {"status", "id"}
    assert await send(api) == []


async def test_temporary_ids(each_api: Api) -> None:
    """A temporary id names the record that a write creates: in later ids, in parents, and in fields of numbers, where
    no text can be; in other fields it is text as any other."""
    api = each_api
    results = await send(
        api,
        create("posts", "~1", title="~1"),
        {**create("comments", "~c", text="~1"), "parent": "posts/~1"},
        create("things", "~t", whole="~1", text="~1", any={"post": "~1"}),
        {"act": "patch", "collection": "things", "id": "~t", "body": {"number": 1.5}},
        {"act": "patch", "collection": "comments", "parent": "posts/~1", "id": "~c", "body": {"text": "~c"}},
        {"act": "patch", "collection": "posts", "id": "~1", "body": {"title": "t"}},
    )
    post, comment, thing = [one["record"] for one in results[:3]]
    assert (await api("GET", f"/v1/records/posts/{post['id']}")).json() == {**post, "title": "t"}
    assert (await api("GET", f"/v1/records/posts/{post['id']}/comments/{comment['id']}")).json()["text"] == "~c"
    assert (thing["whole"], thing["text"], thing["any"], thing["number"]) == (post["id"], "~1", {"post": "~1"}, 1.5)
    assert results[3]["id"] == thing["id"]


async def test_temporary_ids_in_bodies(each_api: Api) -> None:
    """A creation may have its id in the body, as a request alone has, be it a temporary one."""
    first, second, third = await send(
        each_api,
        {"act": "create", "collection": "things", "body": {"id": "mine"}},
        {"act": "create", "collection": "posts", "body": {"id": "~1", "title": "a"}},
        create("things", whole="~1"),
    )
    assert first["id"] == "mine"
    assert third["record"]["whole"] == second["id"] == second["record"]["id"]


async def test_names_that_nobody_has(each_api: Api) -> None:
    """A temporary id that no earlier write gives names no record; one that two writes give is refused."""
    api = each_api
    patch = {"act": "patch", "collection": "things", "id": "~9", "body": {}}
    await refusal(api, 404, "not_found", patch)
    await refusal(api, 404, "not_found", {**create("comments", text="c"), "parent": "posts/~9"})
    await refusal(api, 400, "invalid_body", create("things", "~1"), create("posts", "~1"))
    await refusal(api, 400, "validation", {"act": "create", "collection": "things", "body": {"whole": "~9"}})


@pytest.mark.parametrize(
    ("write", "status", "code"),
    [
        ({"act": "create", "collection": "notes", "body": {}}, 401, "unauthorized"),
        ({"act": "create", "collection": "nowhere"}, 404, "unknown_collection"),
        ({"act": "create", "collection": "comments", "parent": "things/1"}, 404, "unknown_collection"),
        ({"act": "create", "collection": "comments", "parent": "posts/\\u0000"}, 404, "not_found"),
        ({"act": "patch", "collection": "comments", "parent": "posts/x", "id": "1"}, 404, "not_found"),
        ({"act": "create", "collection": "things", "body": {"whole": "x"}}, 400, "validation"),
        ({"act": "patch", "collection": "things", "id": "missing"}, 404, "not_found"),
        ({"act": "patch", "collection": "posts", "id": "x"}, 404, "not_found"),
        ({"act": "patch", "collection": "posts", "id": 2**53 + 1}, 404, "not_found"),
        ({"act": "create", "collection": "things", "id": "kept"}, 409, "conflict"),
        ({"act": "patch", "collection": "things", "id": "kept", "revision": 77}, 412, "stale"),
        ({"act": "patch", "collection": "things", "id": "kept", "exists": False}, 412, "stale"),
        ({"act": "patch", "collection": "things", "id": "missing", "exists": True}, 412, "stale"),
        ({"act": "create", "collection": "things", "id": 7}, 400, "validation"),
        ({"act": "create", "collection": "things", "id": "a", "body": {"id": "b"}}, 400, "validation"),
        ({"act": "create", "collection": "things", "body": {"id": "kept"}}, 409, "conflict"),
        ({"act": "create", "collection": "posts", "body": {"id": 7}}, 400, "validation"),
        ({"act": "patch", "collection": "posts", "id": "01"}, 404, "not_found"),
        ({"act": "delete", "collection": "posts", "id": "\u00b2"}, 404, "not_found"),
    ],
)
async def test_one_refused_write_undoes_all(each_api: Api, write: dict[str, Any], status: int, code: str) -> None:
    """Where one write is refused, as it would be alone, nothing is written and the refusal names the write's place."""
    api = each_api
    await api("POST", THINGS, json={"id": "kept", "text": "x"})
    before = (await api("GET", THINGS)).json()
    patch = {"act": "patch", "collection": "things", "id": "kept", "body": {"text": "y"}}
    found = await refusal(api, status, code, patch, create("things"), write, create("things"))
    assert found["details"]["index"] == 2
    assert found["message"].startswith("writes[2]: ")
    assert all(name.startswith("writes[2].") for name in found.get("errors", {}))
    assert (await api("GET", THINGS)).json() == before


@pytest.mark.parametrize(
    "write",
    [
        {"act": "upsert", "collection": "notes", "body": {"slug": "a"}},
        {"act": "upsert", "collection": "notes", "by": "slug", "body": {"slug": "a"}, "revision": 1},
        {"act": "create", "collection": "things", "by": "text"},
        {"act": "create", "collection": "things", "patch": []},
        {"act": "patch", "collection": "things", "id": "a", "patch": [{"op": "nonsense", "path": "/text"}]},
        {"act": "delete", "collection": "things", "id": "a", "body": {"text": "b"}},
        {"act": "merge", "collection": "things"},
        *[{"act": act, "collection": "things"} for act in ("patch", "replace", "delete")],
        {"act": "create", "collection": "things", "body": {"id": [1]}},
        {"act": "create"},
    ],
)
async def test_malformed_writes(api: Api, write: dict[str, Any]) -> None:
    """Parts that a write can't have are refused by their place, before anything is written."""
    found = await refusal(api, 400, "invalid_body", create("things"), write)
    assert "writes[1]" in found["message"]
    assert await total(api, THINGS) == 0


async def test_limits(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch has 1,000 writes at most, and results of 8 MiB: one with more is refused before anything is written,
    with a key and without."""
    await refusal(api, 413, "too_large", *[create("things")] * (MAX_BATCH_WRITES + 1))
    monkeypatch.setattr(batches, "MAX_ANSWER_BYTES", 1_000)
    large = [create("things", text="x" * 400)] * 3
    for headers in ({}, {"Idempotency-Key": "one"}):
        found = await refusal(api, 413, "too_large", *large, headers=headers)
        assert "minimal" in found["message"]
    assert await total(api, THINGS) == 0
    assert len(await send(api, *large, returns="minimal")) == 3


async def test_keys(each_api: Api) -> None:
    """A repeated batch with an idempotency key gets the whole first answer, and writes nothing; another batch with the
    key is refused. One that was refused may be sent again."""
    api = each_api
    headers = {"Idempotency-Key": "one"}
    bad = {"act": "patch", "collection": "things", "id": "a", "body": {"text": "b"}}
    await refusal(api, 404, "not_found", create("things"), bad, headers=headers)
    await api("POST", THINGS, json={"id": "a"})
    body = {"writes": [create("things"), bad]}
    first, again = [await api("POST", BATCH, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert await total(api, THINGS) == 2
    problem(await api("POST", BATCH, json={"writes": [bad]}, headers=headers), 422, "key_reused")


async def test_rules_of_each_collection(each_api: Api) -> None:
    """Every write is decided by the rules of its collection: what a caller can't do alone can't be done in a batch, and
    a record that is hidden from them is not found."""
    api = each_api
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    [note] = await send(api, create("notes", text="secret"), headers=ada["headers"])
    at = {"collection": "notes", "id": note["id"]}
    for write in ({"act": "patch", **at, "body": {"text": "x"}}, {"act": "delete", **at}, {"act": "replace", **at}):
        alone = {"patch": "PATCH", "delete": "DELETE", "replace": "PUT"}[write["act"]]
        single = await api(alone, f"/v1/records/notes/{note['id']}", json=write.get("body", {}), headers=ben["headers"])
        code = single.json()["code"]
        found = await refusal(api, single.status_code, code, create("things"), write, headers=ben["headers"])
        assert found["message"] == f"writes[1]: {single.json()['message']}"
    await refusal(api, 403, "forbidden", create("things"), create("closed"), headers=ben["headers"])
    assert await total(api, THINGS) == 0
    await send(api, create("closed", text="c"), {"act": "delete", **at}, headers=api.admin)


async def test_unique_values_move_within_a_batch(each_api: Api) -> None:
    """A unique value that an earlier write gives up can be taken by a later one; two can't have one."""
    api = each_api
    ada = await api.sign_up("ada")
    [note] = await send(api, create("notes", text="a", slug="s"), headers=ada["headers"])
    move = {"act": "patch", "collection": "notes", "id": note["id"], "body": {"slug": "t"}}
    await send(api, move, create("notes", text="b", slug="s"), headers=ada["headers"])
    twice = [create("notes", text="c", slug="u")] * 2
    found = await refusal(api, 409, "conflict", *twice, headers=ada["headers"])
    assert found["details"]["index"] == 1


def titled(seen: list[tuple[str, Any]], gate: Callable[[], Awaitable[None]] | None = None) -> Callable[[App], None]:
    """Declares hooks of things, which note what they see and set the text."""

    def declare(app: App) -> None:
        @app.before("things", "create", "update")
        async def mark(backend: object, write: BeforeWrite) -> dict[str, Any] | None:
            seen.append((write.kind, write.id))
            if write.body.get("text") == "refused":
                raise Refusal("forbidden", "not this text")
            if gate is not None:
                await gate()
            return {**write.body, "any": {"by": "hook"}}

    return declare


async def test_hooks(tmp_path: Any) -> None:
    """Before-hooks run for each write as they do alone, see records that earlier writes of the batch create, and the
    refusal of one names the write and undoes all."""
    seen: list[tuple[str, Any]] = []
    async with serving(SqliteStorage(tmp_path), declare=titled(seen)) as api:
        results = await send(
            api, create("things", "~1", text="a"), {"act": "patch", "collection": "things", "id": "~1", "body": {}}
        )
        assert seen == [("create", None), ("update", None)]
        assert results[0]["record"]["any"] == {"by": "hook"}
        found = await refusal(api, 403, "forbidden", create("things"), create("things", text="refused"))
        assert found["details"]["index"] == 1
        assert await total(api, THINGS) == 1


async def test_two_batches_at_once(each_api: Api) -> None:
    """Batches that are sent at once and count on one record lose no step."""
    api = each_api
    await api("POST", THINGS, json={"id": "a", "whole": 0})
    step = {"act": "patch", "collection": "things", "id": "a", "body": {"whole": {"$increment": 1}}}
    await asyncio.gather(*[send(api, step, step) for _ in range(5)])
    assert (await api("GET", f"{THINGS}/a")).json()["whole"] == 10
