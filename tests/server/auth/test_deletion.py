"""Delete your own account."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hinterland.contract.fields import Field, Reference
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App
from hinterland.server.hooks import AfterWrite
from hinterland.server.protocols.sse import SSE
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import SYSTEM_TABLES
from tests.server.api import Api, problem, serving

PASSWORD = {"password": "correct horse"}


async def delete(api: Api, ada: dict[str, Any], password: object = PASSWORD["password"]) -> Any:
    """The answer of a deletion."""
    return await api("POST", "/v1/auth/delete", json={"password": password}, headers=ada["headers"])


async def leave_traces(api: Api, ada: dict[str, Any]) -> None:
    """Do what leaves system rows behind: a keyed write, a push, a ticket, a second session."""
    headers = ada["headers"]
    made = await api("POST", "/v1/records/things", json={"text": "t"}, headers={**headers, "Idempotency-Key": "k"})
    write = {"act": "create", "collection": "things", "body": {"text": "pushed"}}
    push = {"device": "d", "mutations": [{"seq": 1, "id": "m1", "writes": [write]}]}
    pushed = await api("POST", "/v1/sync/push", json=push, headers=headers)
    ticket = await api("POST", "/v1/events/ticket", headers=headers)
    again = await api("POST", "/v1/auth/login", json={"email": "ada@example.org", **PASSWORD})
    assert [answer.status_code for answer in (made, pushed, ticket, again)] == [201, 200, 200, 200]


async def test_everything_of_the_account_goes(each_api: Api) -> None:
    """With the password your own account is deleted at once, though no rule lets anybody delete users: record,
    sessions, streams, tickets, devices and the answers of idempotency keys; others keep theirs, and the e-mail is free.
    Maintenance then takes it out of the log."""
    ada, ben = await each_api.sign_up("ada"), await each_api.sign_up("ben")
    await leave_traces(each_api, ada)
    caller = await each_api.backend.tokens.verify(ada["token"].encode())
    stream = await each_api.backend.feed.subscribe(caller, ["things"], SSE)
    answer = await delete(each_api, ada)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(await each_api("GET", "/v1/auth/me", headers=ada["headers"]), 401, "unauthorized")
    await asyncio.wait_for(stream.ended, 20)
    storage, id = each_api.backend.storage, str(ada["user"]["id"])
    await storage.prune(0.0)
    kept = {table.name: await storage.rows(table.name, {}) for table in SYSTEM_TABLES}
    named = [name for name, rows in kept.items() for row in rows if id in map(str, row.values())]
    assert named == []
    assert (await each_api("GET", "/v1/auth/me", headers=ben["headers"])).status_code == 200
    gone = await each_api("GET", f"/v1/records/users/{id}", headers=each_api.admin)
    problem(gone, 404, "not_found")
    assert (await each_api.sign_up("ada"))["user"]["id"] != ada["user"]["id"]


async def test_a_wrong_password_deletes_nothing(each_api: Api) -> None:
    """With another password, or without one, nothing goes."""
    ada = await each_api.sign_up("ada")
    for password in ("wrong horse", "", None, 7):
        refused = problem(await delete(each_api, ada, password), 400, "validation")
        assert refused["errors"].keys() == {"password"}
    problem(await each_api("POST", "/v1/auth/delete", json=PASSWORD), 401, "unauthorized")
    assert (await each_api("GET", "/v1/auth/me", headers=ada["headers"])).status_code == 200


async def test_the_last_administrator_stays(api: Api) -> None:
    """An administrator deletes their own account, unless it is the last one."""
    sessions = []
    for name in ("one", "two"):
        root = {"email": f"{name}@example.org", **PASSWORD}
        await api("POST", "/v1/admin/admins", json=root, headers=api.admin)
        token = (await api("POST", "/v1/admin/login", json=root)).json()["token"]
        sessions.append({"headers": {"Authorization": f"Bearer {token}"}})
    assert (await delete(api, sessions[0])).status_code == 204
    problem(await delete(api, sessions[1]), 409, "conflict")
    assert (await api("GET", "/v1/auth/me", headers=sessions[1]["headers"])).status_code == 200


async def test_what_refers_to_the_account(tmp_path: Path) -> None:
    """With an account goes what refers to its record by cascade, and by set_null it loses the reference; after-hooks
    follow both. While a record restricts it, nothing goes, and the answer names no collection of others."""
    fields: dict[str, Field] = {
        "by": Reference(to="users", fill="auth.id", on_delete="cascade"),
        "about": Reference(to="users", on_delete="set_null"),
        "under": Reference(to="cards", on_delete="cascade"),
    }
    cards = Collection(name="cards", fields=fields, rules=EVERYBODY)
    audits = Collection(name="audits", fields={"of": Reference(to="users")})
    seen: list[tuple[str, Any]] = []
    followed = asyncio.Event()

    async def follow(write: AfterWrite) -> None:
        seen.append((write.kind, write.id))
        if seen[-1] == ("delete", "own"):
            followed.set()

    def declare(app: App) -> None:
        app.after("cards")(follow)

    async with serving(SqliteStorage(tmp_path), collections=(cards, audits), declare=declare) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        bodies: dict[str, Any] = {"own": {}, "below": {"under": "own"}, "other": {"about": ada["user"]["id"]}}
        for id, body in bodies.items():
            headers = api.admin if id == "other" else ada["headers"]
            made = await api("POST", "/v1/records/cards", json={"id": id, **body}, headers=headers)
            assert made.status_code == 201
        audit = await api("POST", "/v1/records/audits", json={"id": "x", "of": ada["user"]["id"]}, headers=api.admin)
        assert audit.status_code == 201
        refused = problem(await delete(api, ada), 409, "conflict")
        assert "audits" not in refused["message"]
        assert (await api("GET", "/v1/records/cards/own", headers=ada["headers"])).status_code == 200
        await api("DELETE", "/v1/records/audits/x", headers=api.admin)
        assert (await delete(api, ada)).status_code == 204
        left = (await api("GET", "/v1/records/cards", headers=ben["headers"])).json()["items"]
        assert [(card["id"], card["about"]) for card in left] == [("other", None)]
        await asyncio.wait_for(followed.wait(), 20)
    assert seen[3:] == [("update", "other"), ("delete", "below"), ("delete", "own")]
