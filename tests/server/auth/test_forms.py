"""One e-mail address has one form, whatever the way in."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.imports import Import
from tests.server.api import Api, problem

PASSWORD = "correct horse"
ADDRESS = "ada@xn--bcher-kva.example"
SPELLINGS = ["ada@bücher.example", "Ada@BÜCHER.example", "ADA@xn--bcher-kva.EXAMPLE", " ada@bücher.example "]


def form(email: str) -> dict[str, Any]:
    """A sign-up."""
    return {"name": "Ada", "email": email, "password": PASSWORD}


async def test_one_address_is_one_account(each_api: Api) -> None:
    """However an address is written, in another case or with its domain in Unicode or Punycode, it is one account, at
    sign-up, log-in, an administrator's creation, import and change of a record."""
    first = await each_api("POST", "/v1/auth/signup", json=form(SPELLINGS[0]))
    assert (first.status_code, first.json()["user"]["email"]) == (201, ADDRESS)
    ben = await each_api.sign_up("ben")
    for email in SPELLINGS:
        again = await each_api("POST", "/v1/auth/signup", json=form(email))
        assert problem(again, 409, "conflict")["errors"] == {"email": ["is already in use"]}
        answer = await each_api("POST", "/v1/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200
        admin = {"email": email, "password": PASSWORD}
        made = await each_api("POST", "/v1/admin/admins", json=admin, headers=each_api.admin)
        assert problem(made, 409, "conflict")["errors"] == {"email": ["is already in use"]}
    for email in SPELLINGS[:3]:
        imported = await each_api.backend.importer.run("users", Import(rows=[{"name": "Ada", "email": email}]))
        assert imported.refused[0].errors == {"email": ["is already in use"]}
        path = f"/v1/records/users/{ben['user']['id']}"
        changed = await each_api("PATCH", path, json={"email": email}, headers=each_api.admin)
        assert problem(changed, 409, "conflict")["errors"] == {"email": ["is already in use"]}


@pytest.mark.parametrize("email", [".ada@x.org", "a..b@x.org", "<ada@x.org>", "a,b@x.org", "a;b@x.org", "аda@x.org"])
async def test_what_no_mail_server_takes(api: Api, email: str) -> None:
    """An address that no mail server takes, or that poses as another, is refused by every operation."""
    answers = [
        await api("POST", "/v1/auth/signup", json=form(email)),
        await api("POST", "/auth/register", json=form(email)),
        await api("POST", "/v1/admin/admins", json={"email": email, "password": PASSWORD}, headers=api.admin),
        await api("POST", "/v1/records/users", json={"name": "Ada", "email": email}, headers=api.admin),
    ]
    for answer in answers:
        assert "such as ada@example.org" in problem(answer, 400, "validation")["errors"]["email"][0]
    imported = await api.backend.importer.run("users", Import(rows=[{"name": "Ada", "email": email}]))
    assert [*imported.refused[0].errors] == ["email"]


async def test_letters_are_not_folded_into_others(api: Api) -> None:
    """Addresses that differ in more than the case of ASCII letters are different mailboxes: each has its account."""
    for email in ("straße@x.org", "strasse@x.org"):
        assert (await api("POST", "/v1/auth/signup", json=form(email))).status_code == 201
