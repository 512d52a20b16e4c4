"""Sign up."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.login import log_in
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.security.sessions import erasing
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import RowAct
from tests.server.api import problem, serving
from tests.server.auth.process import ADA, CREDENTIALS, FAST, HERE, delete_user, everything, opened, refusal, rows


async def test_a_person_signs_up(accounts: Accounts) -> None:
    """Sign-up makes the user and a session: the answer has the record, never a password, and the tokens."""
    session = await sign_up(accounts, {**ADA, "age": 36}, HERE)
    assert session.message == "User registered successfully"
    assert session.user.keys() == {
        "id", "created_at", "updated_at", "revision", "name", "email", "age", "motto",
    }  # fmt: skip
    assert (session.user["name"], session.user["email"], session.user["age"]) == ("Ada", "ada@example.org", 36)
    assert session.token == session.access_token
    assert (session.token_type, session.expires_in) == ("Bearer", 900)
    assert len(session.refresh_token) == 12 + 1 + 43  # the mark of the database, and 256 bits
    caller = await accounts.tokens.verify(session.token.encode())
    assert caller.id == session.user["id"]
    assert type(caller.id) is (int if accounts.users.collection.ids == "integer" else str)
    assert not caller.is_admin


async def test_log_in_works_at_once(accounts: Accounts) -> None:
    """Log-in works at once after sign-up."""
    session = await sign_up(accounts, ADA, HERE)
    assert (await log_in(accounts, CREDENTIALS, HERE)).user == session.user


@pytest.mark.parametrize(
    "value", [None, "", "  ", "\u200b\u2060\ufeff\ufe0f" * 3], ids=["null", "empty", "blank", "invisible"]
)
@pytest.mark.parametrize("name", ["name", "email", "password"])
async def test_all_fields_are_required(lite: Accounts, name: str, value: object) -> None:
    """A missing, null, empty or invisible field → 400 with "All fields are required" and errors by field."""
    for body in (ADA | {name: value}, {key: text for key, text in ADA.items() if key != name}):
        refused = await refusal(sign_up(lite, body, HERE))
        assert (refused.code, refused.status, refused.message) == ("validation", 400, "All fields are required")
        assert refused.errors == {name: ["is required"]}
    refused = await refusal(sign_up(lite, {}, HERE))
    assert refused.errors.keys() == {"name", "email", "password"}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"password": "1234567"}, {"password": ["must have at least 8 characters"]}),
        ({"password": 12345678}, {"password": ["must be text"]}),
        ({"email": ["ada@example.org"]}, {"email": ["must be text"]}),
        ({"email": "ada"}, {"email": ["must be an e-mail address such as ada@example.org"]}),
        ({"age": -1, "motto": 7, "password": "short"}, {"age", "motto", "password"}),
        ({"role": "admin"}, {"role"}),
        ({"roles": ["admin"], "is_admin": True}, {"roles", "is_admin"}),
    ],
)
async def test_every_field_is_checked(lite: Accounts, change: dict[str, Any], errors: Any) -> None:
    """Fields that are not valid → 400 with the messages of all of them; a role can't be given to oneself."""
    refused = await refusal(sign_up(lite, ADA | change, HERE))
    assert (refused.code, refused.status) == ("validation", 400)
    assert (refused.errors.keys() if isinstance(errors, set) else refused.errors) == errors
    assert await rows(lite, "_accounts") == []


async def test_fields_of_the_server_are_ignored(accounts: Accounts) -> None:
    """id, revision and times in a sign-up are never applied."""
    first = await sign_up(accounts, ADA, HERE)
    body = {
        **ADA,
        "email": "bo@example.org",
        "id": first.user["id"],
        "revision": 77,
        "created_at": "2001-01-01T00:00:00Z",
    }
    second = await sign_up(accounts, body, HERE)
    assert second.user["id"] != first.user["id"]
    assert second.user["revision"] != 77
    assert second.user["created_at"] == first.user["created_at"]


@pytest.mark.parametrize("email", ["Ada@Example.org", "  ada@example.org ", "ADA@EXAMPLE.ORG"])
async def test_a_taken_email_is_refused(accounts: Accounts, email: str) -> None:
    """A taken e-mail, in whatever case → 409 with a message and errors.email; nothing but the try is written."""
    await sign_up(accounts, ADA, HERE)
    before = await everything(accounts, "_limits")
    refused = await refusal(sign_up(accounts, ADA | {"email": email}, HERE))
    assert (refused.code, refused.status) == ("conflict", 409)
    assert refused.message
    assert refused.errors == {"email": ["is already in use"]}
    assert await everything(accounts, "_limits") == before


async def test_the_email_of_a_profile_is_released(accounts: Accounts) -> None:
    """A profile that nobody signed up for gives its e-mail to the person who does, on each database and kind of id."""
    made = await accounts.submit(
        [Write(act="create", collection="users", body={"name": "A", "email": ADA["email"]})], []
    )
    assert made[0] is not None
    session = await sign_up(accounts, ADA, HERE)
    assert [row["id"] for row in await rows(accounts, "_accounts")] == [str(session.user["id"])]
    assert session.user["id"] != made[0].id
    async with accounts.storage.snapshot() as snapshot:
        emails = dict(tuple(row) for row in await snapshot.fetch("SELECT id, email FROM users"))
    assert emails == {session.user["id"]: "ada@example.org", made[0].id: f"{made[0].id}@released.invalid"}


def racing(accounts: Accounts, bodies: Iterable[dict[str, Any]], id: Any) -> Accounts:
    """The same accounts, where before each write somebody else has changed the user `id` to the next of `bodies`."""
    changes = iter(bodies)

    async def submit(writes: Sequence[Write], acts: Sequence[RowAct]) -> Sequence[StoredRecord | None]:
        for body in islice(changes, 1):
            await accounts.submit([Write(act="patch", collection="users", id=id, body=body)], [])
        return await accounts.submit(writes, acts)

    return dataclasses.replace(accounts, submit=submit)


async def test_a_profile_that_gave_the_email_up_itself_keeps_its_own(accounts: Accounts) -> None:
    """A profile that changes to another address while somebody signs up with its first one keeps the other; where it
    changes without end the sign-up → 503, and nothing is made."""
    body = {"name": "A", "email": "ada@example.org"}
    [made] = await accounts.submit([Write(act="create", collection="users", body=body)], [])
    assert made is not None
    restless = racing(accounts, [{"name": f"A {n}"} for n in range(10)], made.id)
    refused = await refusal(sign_up(restless, ADA, HERE))
    assert (refused.code, refused.retry_after) == ("unavailable", 1.0)
    assert await rows(accounts, "_accounts") == []
    session = await sign_up(racing(accounts, [{"email": "other@example.org"}], made.id), ADA, HERE)
    async with accounts.storage.snapshot() as snapshot:
        emails = dict(tuple(row) for row in await snapshot.fetch("SELECT id, email FROM users"))
    assert emails == {session.user["id"]: "ada@example.org", made.id: "other@example.org"}


async def test_one_of_many_sign_ups_wins(accounts: Accounts) -> None:
    """Of sign-ups with one e-mail at the same time one makes the account, the others → 409."""
    tries = [sign_up(accounts, ADA | {"email": email}, HERE) for email in ["ada@example.org", "ADA@example.org"] * 4]
    results = await asyncio.gather(*tries, return_exceptions=True)
    codes = sorted(result.code if isinstance(result, Refusal) else "made" for result in results)
    assert codes == ["conflict"] * 7 + ["made"]
    assert len(await rows(accounts, "_accounts")) == len(await rows(accounts, "_sessions")) == 1


async def test_one_of_many_sign_ups_wins_across_processes(nodes: list[Accounts]) -> None:
    """Processes that share a database never make two accounts of one e-mail."""
    tries = [
        sign_up(node, ADA | {"email": email}, HERE) for node in nodes for email in ("a@example.org", "A@example.org")
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert {result.code for result in results if isinstance(result, Refusal)} == {"conflict"}
    assert len(await rows(nodes[0], "_accounts")) == 1


@pytest.mark.parametrize("password", ["password1", "x" * 1_025])
async def test_the_password_policy(lite: Accounts, password: str) -> None:
    """A common password or an absurd length → 422."""
    refused = await refusal(sign_up(lite, ADA | {"password": password}, HERE))
    assert (refused.code, refused.status) == ("password_policy", 422)


async def test_a_practice_app_takes_short_passwords(tmp_path: Path, clock: ManualClock) -> None:
    """The least length is a setting; at 6 a password of 5 → 400 errors.password."""
    lax = msgspec.structs.replace(FAST, password_min_length=6, refuse_common_passwords=False)
    async with opened(SqliteStorage(tmp_path / "data"), clock, lax) as accounts:
        refused = await refusal(sign_up(accounts, ADA | {"password": "12345"}, HERE))
        assert (refused.status, refused.errors) == (400, {"password": ["must have at least 6 characters"]})
        await sign_up(accounts, ADA | {"password": "123456"}, HERE)


async def test_sign_ups_from_one_address_are_limited(tmp_path: Path, clock: ManualClock) -> None:
    """Sign-ups from one address → 429 with Retry-After beyond the setting."""
    strict = msgspec.structs.replace(FAST, address_signups=2)
    async with opened(SqliteStorage(tmp_path / "data"), clock, strict) as accounts:
        for number in range(2):
            await sign_up(accounts, ADA | {"email": f"{number}@example.org"}, HERE)
        refused = await refusal(sign_up(accounts, ADA, HERE))
        assert (refused.code, refused.retry_after) == ("rate_limited", 1.0)
        await sign_up(accounts, ADA, "192.0.2.99")


async def test_a_deleted_users_email_may_sign_up_again(accounts: Accounts) -> None:
    """Who was deleted may sign up anew, and gets nothing of the old account."""
    first = await sign_up(accounts, ADA, HERE)
    await delete_user(accounts, first.user["id"])
    again = await sign_up(accounts, ADA | {"password": "another battery"}, HERE)
    assert again.user["id"] != first.user["id"]
    assert (await refusal(log_in(accounts, CREDENTIALS, HERE))).code == "invalid_credentials"
    assert [row["id"] for row in await rows(accounts, "_accounts")] == [str(again.user["id"])]
    assert [row["account"] for row in await rows(accounts, "_sessions")] == [str(again.user["id"])]


async def test_an_account_goes_with_its_record(accounts: Accounts) -> None:
    """What goes with a user's record: the account and its sessions."""
    session = await sign_up(accounts, ADA, HERE)
    await accounts.submit([], erasing(str(session.user["id"])))
    assert await rows(accounts, "_accounts") == await rows(accounts, "_sessions") == []


async def test_users_need_not_keep_their_email(tmp_path: Path, clock: ManualClock) -> None:
    """An app whose users declare no e-mail has it in the account alone; it must still be one, and be free."""
    nameless = Collection(name="users", fields={"nick": Text()})
    async with opened(SqliteStorage(tmp_path / "data"), clock, collection=nameless) as accounts:
        body = {"nick": "a", "email": ADA["email"], "password": ADA["password"]}
        assert (await refusal(sign_up(accounts, body | {"email": "ada"}, HERE))).errors.keys() == {"email"}
        session = await sign_up(accounts, body, HERE)
        assert "email" not in session.user
        assert (await refusal(sign_up(accounts, body, HERE))).code == "conflict"
        assert (await log_in(accounts, CREDENTIALS, HERE)).user == session.user


async def test_another_conflict_is_reported_as_it_is(lite: Accounts) -> None:
    """A refusal of the write path that is not about the e-mail reaches the caller unchanged."""

    async def full(writes: Any, acts: Any) -> Any:
        raise Refusal("storage_full")

    broken = dict(zip(lite.__slots__, (getattr(lite, name) for name in lite.__slots__), strict=True)) | {"submit": full}
    assert (await refusal(sign_up(Accounts(**broken), ADA, HERE))).code == "storage_full"


async def test_a_profile_never_squats_an_address(tmp_path: Path) -> None:
    """Where everybody may write profiles, one that nobody signed up for neither keeps the owner of its e-mail from
    signing up nor is linked to that account; the same e-mail twice is a conflict all the same."""
    people = users(rules=EVERYBODY, email_read="true", ids="integer")
    async with serving(SqliteStorage(tmp_path), collections=[people]) as api:
        ghost = {"name": "Ghost", "email": "ada@example.org"}
        made = await api("POST", "/users", json=ghost)
        assert problem(await api("POST", "/users", json=ghost), 409, "conflict")["errors"]["email"]
        ada = await api.sign_up("ada")
        assert (ada["user"]["email"], ada["user"]["id"] != made.json()["id"]) == ("ada@example.org", True)
        left = (await api("GET", f"/users/{made.json()['id']}")).json()
        assert (left["name"], left["email"]) == ("Ghost", f"{made.json()['id']}@released.invalid")
        credentials = {"email": "ada@example.org", "password": "correct horse"}
        answer = await api("POST", "/v1/auth/login", json=credentials)
        assert answer.json()["user"]["id"] == ada["user"]["id"]
        assert problem(await api("POST", "/users", json=ghost), 409, "conflict")["errors"]["email"]


async def test_a_changed_profile_never_squats_an_address(tmp_path: Path) -> None:
    """A stranger who writes somebody's e-mail into the profile of another account keeps nobody from signing up: that
    profile gets the e-mail of its account back."""
    people = users(rules=EVERYBODY, email_read="true")
    async with serving(SqliteStorage(tmp_path), collections=[people]) as api:
        ben = await api.sign_up("ben")
        path = f"/users/{ben['user']['id']}"
        assert (await api("PATCH", path, json={"email": "ada@example.org"})).status_code == 200
        assert (await api.sign_up("ada"))["user"]["email"] == "ada@example.org"
        assert (await api("GET", path)).json()["email"] == "ben@example.org"
