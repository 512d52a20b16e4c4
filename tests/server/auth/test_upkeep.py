"""What happens to an account when its users record changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.records import EVERYBODY, Rules, users
from hinterland.server.auth.upkeep import keep_account
from hinterland.server.data.subscription import Subscription
from hinterland.server.protocols.sse import SSE
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import THINGS, Api, problem, serving

NEW = {"email": "New@Example.org"}
PASSWORD = {"password": "correct horse"}
OWN = Rules(view="auth.id == record.id", delete="auth.id == record.id")
HOW = "is changed by POST /v1/auth/email with the current password"
KEPT = ["_devices", "_results", "_mutations", "_answers"]
WAYS = ["person", "administrator", "push", "importer"]


async def log_in(api: Api, email: str) -> int:
    """The status of a log-in."""
    return (await api("POST", "/v1/auth/login", json={"email": email, **PASSWORD})).status_code


async def delete_by(api: Api, way: str, ada: dict[str, Any]) -> None:
    """Delete a user by one of the ways to the write path."""
    id = ada["user"]["id"]
    write = {"act": "delete", "collection": "users", "id": id}
    if way == "push":
        push = {"device": "d", "mutations": [{"seq": 1, "id": "m1", "writes": [write]}]}
        pushed = await api("POST", "/v1/sync/push", json=push, headers=ada["headers"])
        assert pushed.json()["results"][0]["status"] == "applied"
    elif way == "importer":
        await api.write(msgspec.convert(write, Write))
    else:
        headers = ada["headers"] | {"Idempotency-Key": "k"} if way == "person" else api.admin
        assert (await api("DELETE", f"/v1/records/users/{id}", headers=headers)).status_code == 204


async def stream(api: Api, ada: dict[str, Any]) -> Subscription:
    """A stream of a user, opened with the access token, which the process knows from then on."""
    caller = await api.backend.tokens.verify(ada["token"].encode())
    return await api.backend.feed.subscribe(caller, ["things"], SSE)


async def refused(api: Api, ada: dict[str, Any]) -> list[int]:
    """The statuses of a read and a write with the access token."""
    read = await api("GET", "/v1/records/things", headers=ada["headers"])
    written = await api("POST", "/v1/records/things", json={"text": "late"}, headers=ada["headers"])
    return [read.status_code, written.status_code]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_a_deleted_user_is_out_at_once(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, way: str
) -> None:
    """Deleting a user, in whatever way, ends every token and stream as a log-out does: before it is answered."""
    postgres = database == "postgres"
    storage = PostgresStorage(request.getfixturevalue("postgres_dsn")) if postgres else SqliteStorage(tmp_path)
    async with serving(storage, collections=[users(rules=OWN), THINGS]) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        hers, his = await stream(api, ada), await stream(api, ben)
        await delete_by(api, way, ada)
        assert await refused(api, ada) == [401, 401]
        await asyncio.wait_for(hers.ended, 20)
        assert await refused(api, ben) == [200, 201]
        assert not his.has_ended
        kept = [row for name in KEPT for row in await api.backend.storage.rows(name, {})]
        assert kept == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_deleted_user_is_out_on_every_node(postgres_dsn: str, way: str) -> None:
    """The other processes on the database hear of it at once: no clock is turned here."""
    people = [users(rules=OWN), THINGS]
    one, two = (serving(PostgresStorage(postgres_dsn), collections=people) for _ in range(2))
    async with one as here, two as there:
        ada = await here.sign_up("ada")
        hers = await stream(there, ada)
        assert await refused(there, ada) == [200, 201]
        await delete_by(here, way, ada)
        await asyncio.wait_for(hers.ended, 20)
        assert await refused(there, ada) == [401, 401]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_new_email_signs_in(each_api: Api, method: str) -> None:
    """An administrator who changes a user's e-mail changes what signs in; the old one is free."""
    ada = await each_api.sign_up("ada")
    body = NEW if method == "PATCH" else {"name": "Ada", **NEW}
    changed = await each_api(method, f"/v1/records/users/{ada['user']['id']}", json=body, headers=each_api.admin)
    assert (changed.status_code, changed.json()["email"]) == (200, "new@example.org")
    assert [await log_in(each_api, email) for email in ("new@example.org", "ada@example.org")] == [200, 401]
    assert (await each_api("GET", "/v1/auth/me", headers=ada["headers"])).status_code == 200
    assert (await each_api.sign_up("ada"))["user"]["id"] != ada["user"]["id"]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "push"])
async def test_ones_own_email_needs_the_password(each_api: Api, method: str) -> None:
    """Nobody changes the e-mail that signs in with an access token alone: the records' own paths and a push refuse it
    and name the operation that asks for the password; other letters of the same address are not a change."""
    ada = await each_api.sign_up("ada")
    for email in ("new@example.org", "ADA@example.org"):
        user = {"name": "Ada L.", "email": email}
        path, headers = f"/v1/records/users/{ada['user']['id']}", ada["headers"]
        if method == "push":
            write = {"act": "patch", "collection": "users", "id": ada["user"]["id"], "body": user}
            push = {"device": email[:3], "mutations": [{"seq": 1, "id": "m1", "writes": [write]}]}
            pushed = await each_api("POST", "/v1/sync/push", json=push, headers=headers)
            [result] = pushed.json()["results"]
            errors = result.get("problem", {}).get("errors")
            status = {"applied": 200, "refused": 403}[result["status"]]
        else:
            answer = await each_api(method, path, json=user, headers=headers)
            status, errors = answer.status_code, answer.json().get("errors")
        if email == "new@example.org":
            assert (status, errors) == (403, {"email": [HOW]})
            assert (await each_api("GET", path, headers=headers)).json()["name"] == "ada"
        else:
            assert status == 200
    assert [await log_in(each_api, email) for email in ("ada@example.org", "new@example.org")] == [200, 401]


async def test_a_tutorials_patch_changes_the_profile(api: Api) -> None:
    """A tutorial's `PATCH /users/{id}` may carry an e-mail and answers with the whole record: users change their own
    there in the profile alone; an administrator's changes what signs in."""
    ada = await api.sign_up("ada")
    path = f"/users/{ada['user']['id']}"
    for headers, email, signs_in in ((ada["headers"], "a@example.org", 401), (api.admin, "b@example.org", 200)):
        changed = await api("PATCH", path, json={"email": email}, headers=headers)
        assert (changed.status_code, changed.json()["email"]) == (200, email)
        assert await log_in(api, email) == signs_in


async def test_what_is_no_change_of_the_email(api: Api) -> None:
    """An edit that leaves the e-mail alone leaves the account alone."""
    ada = await api.sign_up("ada")
    path = f"/v1/records/users/{ada['user']['id']}"
    assert (await api("PATCH", path, json={"name": "A"}, headers=ada["headers"])).status_code == 200
    assert await log_in(api, "ada@example.org") == 200


async def test_the_email_of_another_account(each_api: Api) -> None:
    """An e-mail that signs somebody else in, be it an administrator, is a conflict; nothing is changed."""
    ada, _ = await each_api.sign_up("ada"), await each_api.sign_up("ben")
    root = {"email": "root@example.org", "password": "correct horse"}
    assert (await each_api("POST", "/v1/admin/admins", json=root, headers=each_api.admin)).status_code == 201
    path = f"/v1/records/users/{ada['user']['id']}"
    for email in ("ben@example.org", "root@example.org"):
        refused = await each_api("PATCH", path, json={"email": email}, headers=each_api.admin)
        assert problem(refused, 409, "conflict")["errors"] == {"email": ["is already in use"]}
    assert await log_in(each_api, "ada@example.org") == 200


async def test_a_clash_is_one_mutations_outcome(each_api: Api) -> None:
    """An administrator's pushed change to an e-mail that signs somebody else in, written in other letters, is refused
    with its reason, and what comes after it goes on."""
    ada, _ = await each_api.sign_up("ada"), await each_api.sign_up("ben")
    users = {"collection": "users", "id": ada["user"]["id"]}
    writes = [
        [{"act": "patch", **users, "body": {"email": "Ben@Example.org"}}],
        [{"act": "patch", **users, "body": {"name": "Ada L."}}],
    ]
    mutations = [{"seq": seq, "id": f"m{seq}", "writes": some} for seq, some in enumerate(writes, 1)]
    push = {"device": "d", "mutations": mutations}
    pushed = (await each_api("POST", "/v1/sync/push", json=push, headers=each_api.admin)).json()
    refused, applied = pushed["results"]
    assert (refused["status"], refused["problem"]["code"]) == ("refused", "conflict")
    assert refused["problem"]["errors"] == {"email": ["is already in use"]}
    assert applied["status"] == "applied"
    assert await log_in(each_api, "ada@example.org") == 200


async def test_an_email_that_is_passed_on(each_api: Api) -> None:
    """In one mutation an administrator gives a user another e-mail, and a second user the one that is free by then:
    both sign in with what they have now. The other way round it is a conflict, and nothing is changed."""
    ada, ben = await each_api.sign_up("ada"), await each_api.sign_up("ben")
    moves = [
        {"act": "patch", "collection": "users", "id": user["user"]["id"], "body": {"email": email}}
        for user, email in ((ada, "new@example.org"), (ben, "ada@example.org"))
    ]
    mutations = [{"seq": seq, "id": f"m{seq}", "writes": some} for seq, some in ((1, moves[::-1]), (2, moves))]
    push = {"device": "d", "mutations": mutations}
    pushed = (await each_api("POST", "/v1/sync/push", json=push, headers=each_api.admin)).json()
    assert [result["status"] for result in pushed["results"]] == ["refused", "applied"]
    for email, user in (("new@example.org", ada), ("ada@example.org", ben)):
        login = await each_api("POST", "/v1/auth/login", json={"email": email, **PASSWORD})
        assert login.json()["user"]["id"] == user["user"]["id"]
    assert await log_in(each_api, "ben@example.org") == 401


async def test_strangers_change_the_profile_alone(tmp_path: Path) -> None:
    """Where the rules let everybody write users, nobody takes another's account by its e-mail."""
    people = users(rules=EVERYBODY, email_read="true", ids="integer")
    async with serving(SqliteStorage(tmp_path), collections=[people]) as api:
        ada, mallory = await api.sign_up("ada"), await api.sign_up("mallory")
        for number, headers in enumerate([{}, mallory["headers"]]):
            taken = {"email": f"mine{number}@example.org"}
            changed = await api("PATCH", f"/users/{ada['user']['id']}", json=taken, headers=headers)
            assert (changed.status_code, changed.json()["email"]) == (200, taken["email"])
            assert [await log_in(api, email) for email in ("ada@example.org", taken["email"])] == [200, 401]


async def test_a_profile_without_an_account(tmp_path: Path) -> None:
    """A profile that nobody signed up for never signs in, whatever its e-mail becomes."""
    people = users(rules=EVERYBODY, email_read="true", ids="integer")
    async with serving(SqliteStorage(tmp_path), collections=[people]) as api:
        made = await api("POST", "/users", json={"name": "Ghost", "email": "ghost@example.org"})
        changed = await api("PATCH", f"/users/{made.json()['id']}", json=NEW, headers=api.admin)
        assert changed.status_code == 200
        assert [await log_in(api, email) for email in ("ghost@example.org", "new@example.org")] == [401, 401]
        assert await api.backend.storage.rows("_accounts", {}) == []


@pytest.mark.parametrize("email", [None, 7, "a@b.org"])
def test_emails_that_sign_nobody_in(email: object) -> None:
    """An e-mail that is emptied, is not text or is as before leaves what signs in as it is."""
    assert keep_account("a", {"email": "a@b.org"}, {"email": email}, "system") == ()
