"""Fields that only administrators set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import Collection, Rules, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

PLANS = users(fields={"plan": Text(write="admin", default="free"), "credit": Integer(write="admin"), "about": Text()})
OWN = "auth.id == record.owner"
ROOMS = Collection(
    name="rooms",
    fields={"owner": Text(), "code": Text(unique=True), "price": Integer(read=OWN, maximum=100)},
    rules=Rules(list=OWN, view=OWN, create="auth != null", update="auth != null"),
)
OPEN_ROOMS = Collection(name="halls", fields=ROOMS.fields, rules=Rules(view="true", update="auth != null"))
MESSAGES = Collection(
    name="messages", fields={"text": Text()}, parent="rooms", rules=Rules(list="true", view="true", create="true")
)
PERSON = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "postgres":
        return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    return SqliteStorage(tmp_path / "data")


@pytest.mark.parametrize("field", [{"plan": "gold"}, {"credit": 9}])
async def test_signing_up_with_more_rights(storage: Storage, field: dict[str, Any]) -> None:
    """Fields that a client may not set (role, owner …) are refused, at sign-up too: nobody is made."""
    async with serving(storage, collections=(PLANS,)) as api:
        refused = problem(await api("POST", "/v1/auth/signup", json={**PERSON, **field}), 400, "validation")
        assert refused["errors"].keys() == field.keys()
        made = await api("POST", "/v1/auth/signup", json=PERSON)
        assert (made.json()["user"]["plan"], made.json()["user"]["credit"]) == ("free", None)


async def test_giving_oneself_more_rights(storage: Storage) -> None:
    """Only an administrator changes such a field; a caller who sends the record back as it was changes the rest of
    it."""
    async with serving(storage, collections=(PLANS,)) as api:
        ada = await api.sign_up("ada")
        path, signed = f"/v1/records/users/{ada['user']['id']}", ada["headers"]
        for body in ({"plan": "gold"}, {"credit": {"$increment": 1}}, {"plan": None}):
            problem(await api("PATCH", path, json=body, headers=signed), 400, "validation")
        promoted = await api("PATCH", path, json={"plan": "gold", "credit": 5}, headers=api.admin)
        assert promoted.status_code == 200
        same = await api("PUT", path, json={**promoted.json(), "about": "me"}, headers=signed)
        assert (same.json()["plan"], same.json()["credit"], same.json()["about"]) == ("gold", 5, "me")
        left_out = await api("PUT", path, json={"name": "Ada", "email": "ada@example.org"}, headers=signed)
        assert (left_out.json()["plan"], left_out.json()["credit"], left_out.json()["about"]) == ("gold", 5, None)
        problem(await api("PUT", path, json={**promoted.json(), "credit": 6}, headers=signed), 400, "validation")


async def test_a_replacement_keeps_what_the_server_filled_in(each_api: Api) -> None:
    """The owner replaces a record without naming the field that the server filled in; naming another is refused."""
    ada = await each_api.sign_up("ada")
    made = (await each_api("POST", "/v1/records/notes", json={"text": "a"}, headers=ada["headers"])).json()
    path = f"/v1/records/notes/{made['id']}"
    replaced = await each_api("PUT", path, json={"text": "b"}, headers=ada["headers"])
    assert (replaced.status_code, replaced.json()["owner"]) == (200, ada["user"]["id"])
    problem(await each_api("PUT", path, json={"text": "b", "owner": "x"}, headers=ada["headers"]), 403, "forbidden")


# ---------------------------------------------------------------- what rules don't guard


async def test_read_does_not_guard_writing(storage: Storage) -> None:
    """A caller who may update a record sets a field that they can't read; no answer tells its value."""
    async with serving(storage, collections=(users(), OPEN_ROOMS)) as api:
        ada = await api.sign_up("ada")
        path = "/v1/records/halls/h"
        put = await api("PUT", path, json={"owner": "x", "price": 99}, headers=api.admin | {"If-None-Match": "*"})
        assert put.status_code == 201
        for count in (1, 2):
            body = {"price": {"$increment": count}}
            refused = problem(await api("PATCH", path, json=body, headers=ada["headers"]), 400, "validation")
            assert refused["message"] == "price: can't be transformed; it is hidden from you, so send a value"
        assert "price" not in (await api("PATCH", path, json={"price": 7}, headers=ada["headers"])).json()
        assert (await api("GET", path, headers=api.admin)).json()["price"] == 7


async def test_a_parents_rules_do_not_guard_its_children(storage: Storage) -> None:
    """Records below one that a user can't see are shown by their own collection's rules; creating there needs the right
    to view the parent."""
    async with serving(storage, collections=(users(), ROOMS, MESSAGES)) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        room = await api("POST", "/v1/records/rooms", json={"owner": ada["user"]["id"]}, headers=ada["headers"])
        place = f"/v1/records/rooms/{room.json()['id']}/messages"
        assert (await api("POST", place, json={"text": "hello"}, headers=ada["headers"])).status_code == 201
        problem(await api("POST", place, json={"text": "hello"}, headers=ben["headers"]), 404, "not_found")
        assert [each["text"] for each in (await api("GET", place, headers=ben["headers"])).json()["items"]] == ["hello"]


async def test_unique_values_and_ids_are_not_secret(storage: Storage) -> None:
    """A conflict tells that a hidden record has the unique value, or the id, and nothing more of it."""
    async with serving(storage, collections=(users(), ROOMS)) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        first = {"id": "r1", "owner": ada["user"]["id"], "code": "c1", "price": 5}
        assert (await api("POST", "/v1/records/rooms", json=first, headers=ada["headers"])).status_code == 201
        for body in ({"code": "c1"}, {"id": "r1"}):
            refused = problem(
                await api("POST", "/v1/records/rooms", json=body, headers=ben["headers"]), 409, "conflict"
            )
            assert ada["user"]["id"] not in str(refused)


async def test_an_answer_is_replayed_after_a_right_was_lost(storage: Storage) -> None:
    """The answer of a key is given again to the same user, though they can no longer see the record; to nobody else,
    and not after their session ended."""
    async with serving(storage, collections=(users(), ROOMS)) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        call = {"json": {"owner": ada["user"]["id"], "code": "c"}}
        keyed = [person["headers"] | {"Idempotency-Key": "k1"} for person in (ada, ben)]
        first = await api("POST", "/v1/records/rooms", **call, headers=keyed[0])
        path = f"/v1/records/rooms/{first.json()['id']}"
        await api("PATCH", path, json={"owner": "somebody else"}, headers=api.admin)
        problem(await api("GET", path, headers=ada["headers"]), 404, "not_found")
        again = await api("POST", "/v1/records/rooms", **call, headers=keyed[0])
        assert (again.status_code, again.content) == (201, first.content)
        problem(await api("POST", "/v1/records/rooms", **call, headers=keyed[1]), 409, "conflict")
        await api("POST", "/v1/auth/logout", headers=ada["headers"])
        problem(await api("POST", "/v1/records/rooms", **call, headers=keyed[0]), 401, "unauthorized")
