"""The roles of accounts."""

from __future__ import annotations

import asyncio

import pytest

from hinterland.contract.accounts import MAX_ROLES, Roles
from hinterland.server.auth import roles
from hinterland.server.auth.admin import create_admin
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.roles import change_roles, list_roles
from hinterland.server.auth.signup import sign_up
from hinterland.server.protocols.sse import SSE
from tests.server.api import Api, problem
from tests.server.auth.process import ADA, CREDENTIALS, HERE, refusal
from tests.server.data.world import HANGING

PATH = "/v1/admin/roles"
ADDRESS = CREDENTIALS["email"]


async def test_roles_count_at_once(each_api: Api) -> None:
    """Rules see a granted role at the account's next request with the same token, and a revoked one no longer."""
    ada = await each_api.sign_up("ada")
    note = {"text": "one", "owner": ada["user"]["id"], "secret": "hidden"}
    made = await each_api("POST", "/v1/records/notes", json=note, headers=each_api.admin)
    place = f"/v1/records/notes/{made.json()['id']}"
    change = {"user": "Ada@example.org", "grant": ["staff", "a:b"]}
    for _ in range(2):
        assert "secret" not in (await each_api("GET", place, headers=ada["headers"])).json()
        granted = await each_api("POST", PATH, json=change, headers=each_api.admin)
        assert granted.json() == {"id": ada["user"]["id"], "email": ADDRESS, "roles": ["a:b", "staff"]}
        assert (await each_api("GET", place, headers=ada["headers"])).json()["secret"] == "hidden"
        listed = await each_api("GET", PATH, headers=each_api.admin)
        assert listed.json() == {"items": [granted.json()], "next": ""}
        revocation = {"user": ada["user"]["id"], "revoke": ["staff", "a:b", "none"]}
        assert (await each_api("POST", PATH, json=revocation, headers=each_api.admin)).json()["roles"] == []
    assert (await each_api("GET", PATH, headers=each_api.admin)).json() == {"items": [], "next": ""}


async def test_streams_end(each_api: Api) -> None:
    """A granted role ends the streams of the account at once, before any clock goes on; those of others stay."""
    streams = []
    for name in ("ada", "ben"):
        token = (await each_api.sign_up(name))["token"].encode()
        caller = await each_api.backend.tokens.verify(token)
        streams.append(await each_api.backend.feed.subscribe(caller, ("notes",), SSE))
    change = {"user": ADDRESS, "grant": ["staff"]}
    assert (await each_api("POST", PATH, json=change, headers=each_api.admin)).status_code == 200
    await asyncio.wait_for(streams[0].ended, HANGING)
    assert [stream.has_ended for stream in streams] == [True, False]


async def test_only_administrators(api: Api) -> None:
    """Nobody but administrators grants or lists roles; bodies that don't fit are refused."""
    ada = await api.sign_up("ada")
    body = {"user": "ada@example.org", "grant": ["staff"]}
    for method, more in (("GET", {}), ("POST", {"json": body})):
        problem(await api(method, PATH, **more), 401, "unauthorized")
        problem(await api(method, PATH, headers=ada["headers"], **more), 403, "forbidden")
    for wrong in ({}, {"user": 1}, body | {"grant": "staff"}, body | {"grant": [1]}):
        problem(await api("POST", PATH, json=wrong, headers=api.admin), 400, "invalid_body")
    problem(await api("POST", PATH, json=body | {"user": "nobody@example.org"}, headers=api.admin), 404, "not_found")
    problem(await api("POST", PATH, json=body | {"user": "nobody"}, headers=api.admin), 404, "not_found")
    problem(await api("POST", PATH, json=body | {"grant": ["a b"]}, headers=api.admin), 400, "validation")


@pytest.mark.parametrize("role", ["", " ", "a b", "a\n", "é", "x" * 65, "a,b"])
async def test_names(lite: Accounts, role: str) -> None:
    """A name that is blank, too long or has other characters is refused under the list that it is in."""
    await sign_up(lite, ADA, HERE)
    for at, lists in (("grant", ([role], [])), ("revoke", ([], [role]))):
        refused = await refusal(change_roles(lite, ADDRESS, *lists))
        assert (refused.code, [*refused.errors]) == ("validation", [at])


async def test_how_many(lite: Accounts) -> None:
    """An account has 32 roles at most; more are refused, and nothing is changed."""
    await sign_up(lite, ADA, HERE)
    names = [f"role{number:02}" for number in range(MAX_ROLES)]
    assert (await change_roles(lite, ADDRESS, names, [])).roles == names
    for more in (["another"], [*names, "another"]):
        assert (await refusal(change_roles(lite, ADDRESS, more, []))).code == "validation"
    assert (await change_roles(lite, ADDRESS, ["another"], names[:1])).roles == ["another", *names[1:]]


async def test_both_lists(accounts: Accounts) -> None:
    """A role that is granted and revoked at once is revoked; administrators can have roles."""
    await create_admin(accounts, "root@example.org", CREDENTIALS["password"])
    assert (await change_roles(accounts, "root@example.org", ["a", "b"], ["b"])).roles == ["a"]


async def test_pages(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts with roles are listed in pages, each account once."""
    monkeypatch.setattr(roles, "_PAGE", 2)
    people = []
    for name in ("one", "two", "three"):
        await sign_up(accounts, ADA | {"email": f"{name}@example.org"}, HERE)
        people.append(await change_roles(accounts, f"{name}@example.org", [name], []))
    await sign_up(accounts, ADA, HERE)
    found: list[Roles] = []
    after = ""
    while len(found) < len(people):
        page = await list_roles(accounts, after)
        found, after = [*found, *page.items], page.next
    assert after == ""
    assert found == sorted(people, key=lambda one: one.id)


async def test_two_at_once(nodes: list[Accounts]) -> None:
    """Of two processes that grant at once, both roles stay."""
    await sign_up(nodes[0], ADA, HERE)
    await asyncio.gather(*(change_roles(node, ADDRESS, [f"r{at}"], []) for at, node in enumerate(nodes)))
    assert (await list_roles(nodes[0])).items[0].roles == [f"r{at}" for at in range(len(nodes))]
