"""Rules that read fields of the caller's user record: `auth.plan` decides alike in every protocol, and a change of it
counts at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Date,
    Field,
    Instant,
    Int64,
    Integer,
    List,
    Number,
    Reference,
    Text,
)
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.server.protocols.sse import SSE
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving
from tests.server.data.world import HANGING

PLAN = "auth.plan == record.plan || record.id in auth.shared"
GUIDES = Collection(
    name="guides",
    fields={"plan": Text(index=True), "text": Text(), "hint": Text(read="auth.level > 2")},
    rules=Rules(list=PLAN, view=PLAN, create="auth.plan == record.plan", update=f"{PLAN} || auth.risk == 'none'"),
)
TEAMS = Collection(name="teams", fields={"name": Text()}, rules=EVERYBODY)
DEEDS = Collection(name="deeds", fields={"team": Text(index=True)}, rules=Rules(list="auth.team == record.team"))
FIELDS: dict[str, Field] = {
    "plan": Text(write="admin", default="free"),
    "shared": List(of=Text(), write="admin"),
    "level": Integer(write="admin"),
    "risk": Text(write="admin", read="false"),
    "team": Reference(to="teams", write="admin", on_delete="set_null"),
}
APP: dict[str, Any] = {"collections": (users(fields=FIELDS), GUIDES, TEAMS, DEEDS), "auth_fields": tuple(FIELDS)}
VALUES: dict[str, tuple[Field, Any, Any]] = {
    "text": (Text(write="admin"), "é'\"", "e"),
    "whole": (Integer(write="admin"), 2**53 - 1, 0),
    "big": (Int64(write="admin"), "9223372036854775807", "-1"),
    "number": (Number(write="admin"), 0.1, 0.2),
    "flag": (Boolean(write="admin"), False, True),
    "at": (Instant(write="admin"), "2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:05.000007Z"),
    "day": (Date(write="admin"), "2026-01-02", "2026-01-03"),
    "raw": (Bytes(write="admin"), "aGk=", "aGg="),
}


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "sqlite":
        return SqliteStorage(tmp_path)
    return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)


@asynccontextmanager
async def guided(database: Storage) -> AsyncIterator[Api]:
    """A server whose rules read the plan of the caller."""
    async with serving(database, **APP) as api:
        for id, plan in (("a", "free"), ("b", "pro"), ("c", "pro")):
            await make(api, "guides", id=id, plan=plan, text="text", hint="hint")
        yield api


async def make(api: Api, collection: str, **body: Any) -> None:
    """Create a record as an administrator."""
    made = await api("POST", f"/v1/records/{collection}", json=body, headers=api.admin)
    assert made.status_code == 201, made.text


async def change(api: Api, session: Mapping[str, Any], **fields: Any) -> None:
    """Change fields of a user as an administrator does."""
    changed = await api("PATCH", f"/v1/records/users/{session['user']['id']}", json=fields, headers=api.admin)
    assert changed.status_code == 200, changed.text


async def pulled(api: Api, headers: Mapping[str, str], cursor: str = "") -> dict[str, Any]:
    """The answer to a pull of guides."""
    body = {"collections": ["guides"], "cursor": cursor}
    answer: dict[str, Any] = (await api("POST", "/v1/sync/pull", json=body, headers=dict(headers))).json()
    return answer


async def seen(api: Api, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """The ids of guides that each way of reading shows."""

    async def got(path: str) -> Any:
        return (await api("GET", f"/v1/records/guides{path}", headers=dict(headers))).json()

    listed = await got("?total=true&sort=id")
    assert listed["total"] == len(listed["items"])
    single = [found["id"] for id in "abc" if "id" in (found := await got(f"/{id}"))]
    ways = {"list": listed["items"], "aggregate": (await got("/aggregate?group=text,plan&count=*"))["items"]}
    assert sum(group["count"] for group in ways.pop("aggregate")) == len(single)
    pull = sorted(each["id"] for each in (await pulled(api, headers))["changes"])
    return {"read": single, "pull": pull, **{way: [item["id"] for item in items] for way, items in ways.items()}}


async def test_every_protocol(database: Storage) -> None:
    """List, read, count, aggregate and pull show what the plan allows, and what a changed plan allows from the next
    request on, with the same token. Nobody has a plan who is signed out."""
    async with guided(database) as api:
        ada = await api.sign_up("ada")
        for fields, shown in (({}, "a"), ({"plan": "pro"}, "bc"), ({"shared": ["a"]}, "abc"), ({"plan": None}, "a")):
            await change(api, ada, **fields)
            every = [*shown]
            assert await seen(api, ada["headers"]) == {"read": every, "pull": every, "list": every}
        assert await seen(api, {}) == {"read": [], "pull": [], "list": []}


async def test_writes_and_fields(database: Storage) -> None:
    """Create rules and read rules of fields read the caller's fields, in single writes and in batches."""
    async with guided(database) as api:
        ada = await api.sign_up("ada")
        write = {"act": "create", "collection": "guides", "body": {"plan": "pro"}}
        for _ in range(2):
            batch = await api("POST", "/v1/batch", json={"writes": [write]}, headers=ada["headers"])
            problem(batch, 403, "forbidden")
            await change(api, ada, level=2)
        await change(api, ada, plan="pro")
        batch = await api("POST", "/v1/batch", json={"writes": [write]}, headers=ada["headers"])
        assert batch.status_code == 200, batch.text
        assert "hint" not in (await api("GET", "/v1/records/guides/b", headers=ada["headers"])).json()
        await change(api, ada, level=3)
        assert (await api("GET", "/v1/records/guides/b", headers=ada["headers"])).json()["hint"] == "hint"


async def test_streams(database: Storage) -> None:
    """A change of the user's field ends their streams before any clock goes on, and those of others stay; the cursor
    then leads to all that is shown now. Another field of the user ends nothing."""
    async with guided(database) as api:
        sessions = [await api.sign_up(name) for name in ("ada", "ben")]
        callers = [await api.backend.tokens.verify(session["token"].encode()) for session in sessions]
        streams = [await api.backend.feed.subscribe(caller, ("guides",), SSE) for caller in callers]
        cursor = (await pulled(api, sessions[0]["headers"]))["cursor"]
        await change(api, sessions[0], name="Ada the first")
        await api.backend.feed.rights.check()
        assert [stream.has_ended for stream in streams] == [False, False]
        await change(api, sessions[0], plan="pro")
        await asyncio.wait_for(streams[0].ended, HANGING)
        assert [stream.has_ended for stream in streams] == [True, False]
        again = await pulled(api, sessions[0]["headers"], cursor)
        assert (again["restart"], sorted(each["id"] for each in again["changes"])) == (["guides"], ["b", "c"])


async def test_cascades(database: Storage) -> None:
    """A field that a deletion sets to null is not read as it was."""
    async with guided(database) as api:
        ada = await api.sign_up("ada")
        await make(api, "teams", id="red")
        await make(api, "deeds", id="d", team="red")
        for team, count in (("red", 1), (None, 0)):
            if team is None:
                gone = await api("DELETE", "/v1/records/teams/red", headers=api.admin)
                assert gone.status_code == 204, gone.text
            else:
                await change(api, ada, team=team)
            listed = await api("GET", "/v1/records/deeds", headers=ada["headers"])
            assert len(listed.json()["items"]) == count


async def test_two_nodes(postgres_dsn: str) -> None:
    """A change by one node counts on the other, for requests and for streams."""
    async with (
        serving(PostgresStorage(postgres_dsn), **APP) as one,
        serving(PostgresStorage(postgres_dsn), **APP) as two,
    ):
        await make(one, "guides", id="b", plan="pro")
        ada = await one.sign_up("ada")
        listed = (await two("GET", "/v1/records/guides", headers=ada["headers"])).json()
        assert listed["items"] == []
        caller = await two.backend.tokens.verify(ada["token"].encode())
        stream = await two.backend.feed.subscribe(caller, ("guides",), SSE)
        await change(one, ada, plan="pro")
        await asyncio.wait_for(stream.ended, HANGING)
        listed = (await two("GET", "/v1/records/guides", headers=ada["headers"])).json()
        assert [item["id"] for item in listed["items"]] == ["b"]


async def test_users_do_not_set_them(database: Storage) -> None:
    """Nobody gives themselves a plan: not at sign-up, not by a PATCH, a PUT or a batch, and not by a push."""
    async with guided(database) as api:
        person = {"name": "Eve", "email": "eve@example.org", "password": "correct horse", "plan": "pro"}
        problem(await api("POST", "/v1/auth/signup", json=person), 400, "validation")
        ada = await api.sign_up("ada")
        place, more = f"/v1/records/users/{ada['user']['id']}", {"headers": ada["headers"]}
        problem(await api("PATCH", place, json={"plan": "pro"}, **more), 400, "validation")
        problem(await api("PUT", place, json={**ada["user"], "plan": "pro"}, **more), 400, "validation")
        write = {"act": "patch", "collection": "users", "id": ada["user"]["id"], "body": {"plan": "pro"}}
        problem(await api("POST", "/v1/batch", json={"writes": [write]}, **more), 400, "validation")
        push = {"device": "d", "mutations": [{"seq": 1, "id": "m1", "writes": [write]}]}
        await api("POST", "/v1/sync/push", json=push, **more)
        assert (await seen(api, ada["headers"]))["list"] == ["a"]


async def test_filters_of_callers(database: Storage) -> None:
    """A caller's filter reads of the caller what every caller reads of themselves, and no field with a read rule."""
    async with guided(database) as api:
        ada = await api.sign_up("ada")
        await change(api, ada, risk="high", plan="pro")
        path, more = "/v1/records/guides?filter=", {"headers": ada["headers"]}
        assert len((await api("GET", f"{path}auth.plan == record.plan", **more)).json()["items"]) == 2
        for condition in ("auth.risk == 'high'", "has(auth.risk)"):
            refusal = problem(await api("GET", path + condition, **more), 400, "invalid_query")
            assert 'auth has no field "risk"; known: ' in refusal["message"]


async def test_explained(database: Storage) -> None:
    """An explanation has the values of the user's fields."""
    async with guided(database) as api:
        ada = await api.sign_up("ada")
        await change(api, ada, risk="none")
        asked = {"collection": "guides", "action": "view", "user": ada["user"]["id"], "id": "b"}
        answer = (await api("POST", "/v1/admin/rules/explain", json=asked, headers=api.admin)).json()
        assert (answer["allowed"], answer["values"]["auth.plan"]) == (False, "free")
        asked = {**asked, "action": "update", "body": {"text": "new"}}
        assert (await api("POST", "/v1/admin/rules/explain", json=asked, headers=api.admin)).json()["allowed"]


async def test_each_kind(database: Storage) -> None:
    """Values of each kind are compared with records alike by the database and by us."""
    fields = {name: field for name, (field, _, _) in VALUES.items()}
    made = [
        Collection(name=f"{name}s", fields={name: type(field)()}, rules=Rules(list=rule, view=rule))
        for name, field in fields.items()
        if (rule := f"auth.{name} == record.{name}")
    ]
    async with serving(database, collections=(users(fields=fields), *made), auth_fields=[*fields]) as api:
        ada = await api.sign_up("ada")
        await change(api, ada, **{name: value for name, (_, value, _) in VALUES.items()})
        for name, (_, same, other) in VALUES.items():
            for id, value in (("same", same), ("other", other), ("none", None)):
                await make(api, f"{name}s", id=id, **{name: value})
            path, more = f"/v1/records/{name}s", {"headers": ada["headers"]}
            listed = [item["id"] for item in (await api("GET", path, **more)).json()["items"]]
            read = [(await api("GET", f"{path}/{id}", **more)).status_code for id in ("same", "other", "none")]
            assert (name, listed, read) == (name, ["same"], [200, 404, 404])
