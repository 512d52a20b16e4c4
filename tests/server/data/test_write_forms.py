"""Upserts and JSON Patches on records: what they find, what they say of what is hidden, and races."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Integer, Json, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

OWN = "auth.id == record.owner"
ITEMS = Collection(
    name="items",
    fields={
        "sku": Text(unique=True),
        "code": Integer(unique=True),
        "count": Integer(),
        "owner": Text(fill="auth.id"),
        "price": Integer(write="admin"),
        "note": Text(read="'staff' in auth.roles", unique=True),
        "meta": Json(),
    },
    rules=Rules(list=OWN, view=f"{OWN} || record.count == 7", create="auth != null", update=f"{OWN} && {OWN}",
                delete=OWN),
)  # fmt: skip
NUMBERED = Collection(name="numbered", fields={"name": Text(unique=True)}, rules=EVERYBODY, ids="integer")
LINES = Collection(name="lines", fields={"name": Text(unique=True)}, rules=EVERYBODY, parent="numbered")
COLLECTIONS = (users(), ITEMS, NUMBERED, LINES)
ITEMS_PATH = "/v1/records/items"
PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.fixture(params=["sqlite", "postgres"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A server with items on each database."""
    is_sqlite = request.param == "sqlite"
    dsn = "" if is_sqlite else request.getfixturevalue("postgres_dsn")
    storage = SqliteStorage(tmp_path / "data") if is_sqlite else PostgresStorage(dsn, connections=4)
    async with serving(storage, collections=COLLECTIONS) as api:
        yield api


async def upsert(api: Api, user: dict[str, Any], by: str, path: str = ITEMS_PATH, **body: Any) -> Any:
    """The response to an upsert of a single record."""
    return await api("POST", f"{path}?upsert={by}", json=body, headers=user["headers"])


# ---------------------------------------------------------------- upserts


async def test_an_upsert_creates_or_patches(shop: Api) -> None:
    """An upsert creates the record where no other has the value, and patches it else; 201 has a Location, and 200 keeps
    the fields that are not named."""
    ada = await shop.sign_up("ada")
    made = await upsert(shop, ada, "sku", sku="a", count=1)
    assert (made.status_code, "location" in made.headers) == (201, True)
    found = await upsert(shop, ada, "sku", sku="a", code=5)
    assert (found.status_code, "location" in found.headers, found.json()["id"]) == (200, False, made.json()["id"])
    assert (found.json()["count"], found.json()["code"]) == (1, 5)
    again = await shop("POST", f"{ITEMS_PATH}?upsert=code&existing=replace", json={"code": 5}, headers=ada["headers"])
    assert (again.status_code, again.json()["id"], again.json()["count"]) == (200, made.json()["id"], None)
    assert again.json()["owner"] == ada["user"]["id"]


async def test_an_upsert_by_id(shop: Api) -> None:
    """An upsert by id creates the record under this id, or patches it; where the server gives the ids, it only
    patches."""
    ada = await shop.sign_up("ada")
    first, second = [await upsert(shop, ada, "id", id="a", count=number) for number in (1, 2)]
    assert [(one.status_code, one.json()["count"]) for one in (first, second)] == [(201, 1), (200, 2)]
    problem(await upsert(shop, ada, "id", count=1), 400, "validation")
    problem(await upsert(shop, ada, "id", path="/v1/records/numbered", id=7, name="x"), 400, "validation")
    made = (await shop("POST", "/v1/records/numbered", json={"name": "x"})).json()
    found = await upsert(shop, ada, "id", path="/v1/records/numbered", id=made["id"], name="y")
    assert (found.status_code, found.json()["name"]) == (200, "y")


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("upsert=count", {"count": 1}, "validation"),
        ("upsert=nothing", {"count": 1}, "validation"),
        ("upsert=", {"count": 1}, "validation"),
        ("upsert=sku", {"count": 1}, "validation"),
        ("upsert=sku", {"sku": None}, "validation"),
        ("upsert=code", {"code": "x"}, "validation"),
        ("upsert=sku", {"sku": "a", "id": "b"}, "validation"),
        ("upsert=sku&existing=delete", {"sku": "a"}, "invalid_query"),
        ("existing=replace", {"sku": "a"}, "invalid_query"),
    ],
)
async def test_wrong_upserts(shop: Api, query: str, body: dict[str, Any], code: str) -> None:
    """An upsert names a unique field whose value is in its body; an error has the parameter's own name."""
    ada = await shop.sign_up("ada")
    found = problem(await shop("POST", f"{ITEMS_PATH}?{query}", json=body, headers=ada["headers"]), 400, code)
    assert "by=" not in found["message"]
    assert "by" not in found.get("errors", {})  # which is a batch's name of the parameter


async def test_an_upsert_says_nothing_of_hidden_records(shop: Api) -> None:
    """Where the value, or the id, is a record's that the caller can't see, or a field's that they can't read, the
    answer is that of a creation, and the record stays as it is."""
    ada, ben = await shop.sign_up("ada"), await shop.sign_up("ben")
    made = (await upsert(shop, ada, "id", id="x", sku="a", note="n", count=7)).json()
    hidden = (await upsert(shop, ada, "id", id="y", sku="b", count=1)).json()
    for body, by in (({"sku": "b"}, "sku"), ({"id": "y"}, "id"), ({"note": "n"}, "note")):
        plain = await shop("POST", ITEMS_PATH, json=body, headers=ben["headers"])
        tried = await upsert(shop, ben, by, **body)
        assert problem(tried, 409, "conflict")["message"] == plain.json()["message"]
    # This one is seen by both, so that the update rule answers.
    problem(await upsert(shop, ben, "sku", sku="a", count=1), 403, "forbidden")
    for record in (made, hidden):
        kept = await shop("GET", f"{ITEMS_PATH}/{record['id']}", headers=ada["headers"])
        assert kept.json() == record


async def test_an_upsert_is_decided_as_what_it_is(shop: Api) -> None:
    """The create rule decides a creation, the update rule a change; admin-only fields stay the administrators'."""
    ada = await shop.sign_up("ada")
    problem(await shop("POST", f"{ITEMS_PATH}?upsert=sku", json={"sku": "a"}), 401, "unauthorized")
    problem(await upsert(shop, ada, "sku", sku="a", price=1), 400, "validation")
    await shop("POST", f"{ITEMS_PATH}?upsert=sku", json={"sku": "a", "price": 1, "owner": ada["user"]["id"]},
               headers=shop.admin)  # fmt: skip
    problem(await upsert(shop, ada, "sku", sku="a", price=2), 400, "validation")
    assert (await upsert(shop, ada, "sku", sku="a", price=1, count=3)).json()["count"] == 3


async def test_an_upsert_stays_below_its_parent(shop: Api) -> None:
    """A record below another parent is not what an upsert finds: its value is taken."""
    parents = [(await shop("POST", "/v1/records/numbered", json={})).json()["id"] for _ in range(2)]
    paths = [f"/v1/records/numbered/{id}/lines?upsert=name" for id in parents]
    assert (await shop("POST", paths[0], json={"name": "a"})).status_code == 201
    assert (await shop("POST", paths[0], json={"name": "a"})).status_code == 200
    problem(await shop("POST", paths[1], json={"name": "a"}), 409, "conflict")


async def test_upserts_at_once(shop: Api) -> None:
    """Of upserts of one value at once, one creates the record and the others change it."""
    ada = await shop.sign_up("ada")
    answers = await asyncio.gather(*[upsert(shop, ada, "sku", sku="a", count=number) for number in range(8)])
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_upserts_of_two_processes(postgres_dsn: str) -> None:
    """Two servers on one database make one record of upserts of one value at once."""
    first, second = [PostgresStorage(postgres_dsn, connections=4) for _ in range(2)]
    async with serving(first, collections=COLLECTIONS) as one, serving(second, collections=COLLECTIONS) as other:
        ada = await one.sign_up("ada")
        for number in range(10):
            body = {"sku": f"s{number}"}
            answers = await asyncio.gather(*[upsert(api, ada, "sku", **body) for api in (one, other)])
            assert sorted(answer.status_code for answer in answers) == [200, 201]
            assert len({answer.json()["id"] for answer in answers}) == 1


async def test_an_upsert_with_a_key(shop: Api) -> None:
    """A repeated upsert with an idempotency key gets the first answer; the query is a part of the request."""
    headers = {**(await shop.sign_up("ada"))["headers"], "Idempotency-Key": "k"}
    body = {"sku": "a", "code": 1}
    first, again = [await shop("POST", f"{ITEMS_PATH}?upsert=sku", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    problem(await shop("POST", f"{ITEMS_PATH}?upsert=code", json=body, headers=headers), 422, "key_reused")


async def test_upserts_in_a_batch(shop: Api) -> None:
    """An upsert of a batch finds what an earlier write of it created, and its temporary id names the record that it
    finds or creates."""
    ada = await shop.sign_up("ada")
    old = (await upsert(shop, ada, "sku", sku="old")).json()
    at = {"collection": "items"}
    writes = [
        {"act": "upsert", **at, "id": "~1", "by": "sku", "body": {"sku": "old", "count": 1}},
        {"act": "patch", **at, "id": "~1", "body": {"code": 1}},
        {"act": "create", **at, "body": {"sku": "new"}},
        {"act": "upsert", **at, "id": "~2", "by": "sku", "body": {"sku": "new", "count": 2}},
        {"act": "upsert", **at, "id": "~3", "by": "sku", "body": {"sku": "third"}, "existing": "replace"},
        {"act": "delete", **at, "id": "~3"},
    ]
    answer = await shop("POST", "/v1/batch", json={"writes": writes}, headers=ada["headers"])
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [200, 200, 201, 200, 201, 204]
    assert results[0]["id"] == results[1]["id"] == old["id"]
    assert (results[0]["record"]["count"], results[0]["record"]["code"]) == (1, 1)
    assert (results[2]["id"], results[3]["record"]["count"]) == (results[3]["id"], 2)


async def test_hooks_of_upserts_and_patches(tmp_path: Path) -> None:
    """Before-hooks see an upsert as what it is, with the record that it finds, and a JSON Patch as the values that it
    gives; what they set is written."""
    seen: list[tuple[str, Any, Any]] = []

    def declare(app: App) -> None:
        @app.before("numbered", "create", "update")
        async def mark(backend: object, write: BeforeWrite) -> dict[str, Any]:
            seen.append((write.kind, write.body, write.old and write.old["name"]))
            return {"name": f"{write.body['name']}!"}

    async with serving(SqliteStorage(tmp_path), collections=COLLECTIONS, declare=declare) as api:
        path = "/v1/records/numbered"
        for name in ("a", "a!"):
            made = await api("POST", f"{path}?upsert=name", json={"name": name})
        assert (made.status_code, made.json()["name"]) == (200, "a!!")
        patch = [{"op": "replace", "path": "/name", "value": "b"}]
        patched = await api("PATCH", f"{path}/{made.json()['id']}", json=patch, headers=PATCH)
        assert patched.json()["name"] == "b!"
    assert seen == [
        ("create", {"name": "a"}, None), ("update", {"name": "a!"}, "a!"), ("update", {"name": "b"}, "a!!"),
    ]  # fmt: skip


# ---------------------------------------------------------------- JSON Patches


async def patched(api: Api, user: dict[str, Any], id: str, *operations: dict[str, Any], **headers: str) -> Any:
    """The response to a JSON Patch of an item."""
    given = {**user["headers"], **PATCH, **headers}
    return await api("PATCH", f"{ITEMS_PATH}/{id}", json=[*operations], headers=given)


async def item(api: Api, **body: Any) -> tuple[dict[str, Any], str]:
    """Ada, and the id of an item of hers."""
    ada = await api.sign_up("ada")
    return ada, (await upsert(api, ada, "id", **{"id": "x", **body})).json()["id"]


async def test_a_json_patch(shop: Api) -> None:
    """The operations work on the record as it is on the wire: null is a value, objects are not merged, and a removed
    field has no value."""
    ada, id = await item(shop, sku="a", count=1, meta={"a": {"b": [1, 2]}, "c": None})
    answer = await patched(
        shop, ada, id,
        {"op": "test", "path": "/meta/c", "value": None},
        {"op": "add", "path": "/meta/a/b/1", "value": {"$increment": 1}},
        {"op": "move", "from": "/meta/a", "path": "/meta/d"},
        {"op": "replace", "path": "/count", "value": 5},
        {"op": "add", "path": "/meta/e", "value": None},
        {"op": "remove", "path": "/sku"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    record = answer.json()
    assert record["meta"] == {"c": None, "d": {"b": [1, {"$increment": 1}, 2]}, "e": None}
    assert (record["count"], record["sku"]) == (5, None)
    assert answer.headers["etag"].startswith(f'"{record["revision"]}')


@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [
        ({"op": "test", "path": "/sku", "value": "b"}, 412, "stale"),
        ({"op": "remove", "path": "/nothing"}, 409, "conflict"),
        ({"op": "add", "path": "/nothing", "value": 1}, 400, "validation"),
        ({"op": "replace", "path": "/count", "value": "x"}, 400, "validation"),
        ({"op": "replace", "path": "/id", "value": "y"}, 400, "validation"),
        ({"op": "add", "path": "/parent", "value": "numbered/1"}, 400, "validation"),
        ({"op": "remove", "path": "/created_at"}, 400, "validation"),
        ({"op": "move", "from": "/revision", "path": "/count"}, 400, "validation"),
        ({"op": "replace", "path": "", "value": []}, 400, "validation"),
        ({"op": "replace", "path": "", "value": {"id": "y"}}, 400, "validation"),
        ({"op": "replace", "path": "/price", "value": 1}, 400, "validation"),
        ({"op": "spam", "path": "/sku"}, 400, "invalid_body"),
    ],
)
async def test_refused_patches(shop: Api, operation: dict[str, Any], status: int, code: str) -> None:
    """Where one operation is not possible nothing is changed: 412 for a test that fails, 409 where there is nothing to
    work on, 400 for a value, or a field, that can't be."""
    ada, id = await item(shop, sku="a", count=1)
    before = (await shop("GET", f"{ITEMS_PATH}/{id}", headers=ada["headers"])).json()
    problem(await patched(shop, ada, id, {"op": "add", "path": "/code", "value": 9}, operation), status, code)
    assert (await shop("GET", f"{ITEMS_PATH}/{id}", headers=ada["headers"])).json() == before


async def test_a_patch_of_the_whole_record(shop: Api) -> None:
    """The whole record can be tested and replaced; the new one need not say again what the server adds, nor can it
    change the fields of others."""
    ada, id = await item(shop, sku="a", count=1)
    before = (await shop("GET", f"{ITEMS_PATH}/{id}", headers=ada["headers"])).json()
    whole = {"op": "test", "path": "", "value": before}
    answer = await patched(
        shop, ada, id, whole, {"op": "replace", "path": "", "value": {"code": 3, "owner": before["owner"]}}
    )
    assert answer.status_code == 200, answer.text
    assert [answer.json()[name] for name in ("sku", "count", "code")] == [None, None, 3]


async def test_patches_of_hidden_fields(shop: Api) -> None:
    """A field that its caller can't read is as one that is not there: it can't be tested, copied, moved or removed,
    with the same answer whatever it holds."""
    ada, id = await item(shop, count=1, note="secret")
    answers = []
    for note in ("secret", "other"):
        await shop("PATCH", f"{ITEMS_PATH}/{id}", json={"note": note}, headers=shop.admin)
        for operation in (
            {"op": "test", "path": "/note", "value": "secret"},
            {"op": "copy", "from": "/note", "path": "/sku"},
            {"op": "move", "from": "/note", "path": "/sku"},
            {"op": "remove", "path": "/note"},
            {"op": "replace", "path": "/note", "value": "mine"},
        ):
            found = problem(await patched(shop, ada, id, operation), 409, "conflict")
            answers.append((operation["op"], found["message"]))
    assert answers[:5] == answers[5:]
    whole = (await shop("GET", f"{ITEMS_PATH}/{id}", headers=shop.admin)).json()
    assert (whole["note"], whole["sku"]) == ("other", None)
    admin = {"headers": shop.admin}
    assert (await patched(shop, admin, id, {"op": "move", "from": "/note", "path": "/sku"})).json()["sku"] == "other"


async def test_depth_bombs(shop: Api) -> None:
    """A patch that would nest the record deeper than any body can be is refused."""
    ada, id = await item(shop, meta={"a": {}})
    deeper = [{"op": "copy", "from": "/meta", "path": "/meta/a" + "/a" * number} for number in range(70)]
    found = problem(await patched(shop, ada, id, *deeper), 400, "invalid_body")
    assert "64 levels" in found["message"]


async def test_patches_in_a_batch_and_by_condition(shop: Api) -> None:
    """A JSON Patch is a write of a batch too; alone it is subject to If-Match as any write."""
    ada, id = await item(shop, count=1)
    write = {"act": "patch", "collection": "items", "id": id, "patch": [{"op": "test", "path": "/count", "value": 2}]}
    found = await shop("POST", "/v1/batch", json={"writes": [write]}, headers=ada["headers"])
    assert problem(found, 412, "stale")["details"] == {"operation": 0, "index": 0}
    write["patch"] = [{"op": "replace", "path": "/count", "value": 2}]
    done = await shop("POST", "/v1/batch", json={"writes": [write]}, headers=ada["headers"])
    assert done.json()["results"][0]["record"]["count"] == 2
    operation = {"op": "replace", "path": "/count", "value": 3}
    problem(await patched(shop, ada, id, operation, **{"If-Match": '"1"'}), 412, "stale")
    ben = await shop.sign_up("ben")
    problem(await patched(shop, ben, id, operation), 404, "not_found")


async def test_media_types_of_patches(shop: Api) -> None:
    """OPTIONS and a 415 name the media types of patches in Accept-Patch (RFC 5789 §3.1); a merge patch is one."""
    ada, id = await item(shop, count=1)
    path = f"{ITEMS_PATH}/{id}"
    for answer in (
        await shop("OPTIONS", path),
        await shop("PATCH", path, content=b"x", headers={**ada["headers"], "Content-Type": "text/plain"}),
    ):
        assert "application/json-patch+json" in answer.headers["accept-patch"]
    merge = {**ada["headers"], "Content-Type": "application/merge-patch+json"}
    assert (await shop("PATCH", path, json={"count": 4}, headers=merge)).json()["count"] == 4
    problem(await shop("PATCH", path, json={"op": "remove"}, headers={**ada["headers"], **PATCH}), 400, "invalid_body")
    charset = {"Content-Type": "application/json-patch+json; charset=utf-8"}
    assert (await patched(shop, ada, id, {"op": "remove", "path": "/count"}, **charset)).json()["count"] is None
