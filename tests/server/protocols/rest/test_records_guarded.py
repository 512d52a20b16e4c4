"""Fields that only administrators set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

PLANS = users(fields={"plan": Text(write="admin", default="free"), "credit": Integer(write="admin"), "about": Text()})
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
    """Only an administrator changes such a field; whoever sends the record back as it was changes the rest of it."""
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
