"""The bodies of account operations on tutorials' paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Boolean, Integer, Text
from hinterland.contract.records import EVERYBODY, users
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

PERSON = {"name": "Ada L.", "email": "ada@example.org", "password": "correct horse & + battery"}
REPEATED = ("confirmPassword", "confirm_password", "passwordConfirmation", "password_confirmation")
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[Api]:
    """A server whose users have fields of several kinds."""
    fields = {"age": Integer(), "is_vip": Boolean(), "bio": Text()}
    async with serving(SqliteStorage(tmp_path / "data"), collections=[users(fields=fields, rules=EVERYBODY)]) as api:
        yield api


def multipart(fields: dict[str, str]) -> dict[str, Any]:
    """A call's arguments for a multipart body without files."""
    return {"files": {name: (None, value) for name, value in fields.items()}}


@pytest.mark.parametrize("path", ["/auth/register", "/api/signup", "/auth/register/"])
@pytest.mark.parametrize("is_multipart", [False, True])
async def test_signing_up_with_a_form(people: Api, path: str, is_multipart: bool) -> None:
    """A sign-up is taken as HTML forms send it, in both forms; texts become values of the declared kinds, and a field
    that was left empty has none."""
    given = {**PERSON, "name": "Ünal é", "age": "36", "is_vip": "", "bio": "a\r\nb"}
    made = await people("POST", path, **(multipart(given) if is_multipart else {"data": given}))
    assert made.status_code == 201, made.text
    user = made.json()["user"]
    assert (user["name"], user["age"], user["is_vip"], user["bio"]) == ("Ünal é", 36, None, "a\r\nb")
    logged_in = await people("POST", "/auth/login", data={key: PERSON[key] for key in ("email", "password")})
    assert logged_in.status_code == 200
    renewed = await people("POST", "/auth/refresh", data={"refresh_token": logged_in.json()["refresh_token"]})
    assert renewed.status_code == 200


@pytest.mark.parametrize("name", REPEATED)
async def test_a_repeated_password(people: Api, name: str) -> None:
    """A repeated password that equals the password is not kept; one that differs is refused by its name."""
    for wrong in ("other", "", None):
        refused = await people("POST", "/auth/register", json={**PERSON, name: wrong})
        assert problem(refused, 400, "validation")["errors"] == {name: ["differs from the password"]}
    made = await people("POST", "/auth/register", json={**PERSON, name: PERSON["password"]})
    assert (made.status_code, name in made.json()["user"]) == (201, False)
    strict = await people("POST", "/v1/auth/signup", json={**PERSON, name: PERSON["password"]})
    assert name in problem(strict, 400, "validation")["errors"]


async def test_a_repeated_password_without_a_password(people: Api) -> None:
    """Where the password itself is missing, that is what is reported."""
    refused = await people(
        "POST", "/auth/register", json={"name": "A", "email": "a@example.org", "confirmPassword": "x"}
    )
    assert problem(refused, 400, "validation")["message"] == "All fields are required"


async def test_a_declared_field_of_such_a_name(tmp_path: Path) -> None:
    """A field that users have is kept, whatever its name means elsewhere."""
    declared = [users(fields={"confirm_password": Text()}, rules=EVERYBODY)]
    async with serving(SqliteStorage(tmp_path / "data"), collections=declared) as api:
        made = await api("POST", "/auth/register", json={**PERSON, "confirm_password": "x"})
        assert made.json()["user"]["confirm_password"] == "x"


async def test_problems_of_a_form(people: Api) -> None:
    """A form's fields are checked as those of JSON are."""
    body = problem(await people("POST", "/api/signup", data={"email": ""}), 400, "validation")
    assert (body["message"], body["errors"].keys()) == ("All fields are required", {"name", "email", "password"})
    body = problem(await people("POST", "/api/signup", data={**PERSON, "age": "old"}), 400, "validation")
    assert body["errors"].keys() == {"age"}
    problem(await people("POST", "/api/signup", content=b"", headers={"Content-Type": URLENCODED}), 400, "validation")


PART = 'Content-Disposition: form-data; name="{}"\r\n\r\nx'
TORN: list[tuple[str, bytes, int, str]] = [
    (URLENCODED, b"name=%ff", 400, "invalid_body"),
    (URLENCODED, b"name=\xff", 400, "invalid_body"),
    (URLENCODED, b"name=a&name=b", 400, "invalid_body"),
    (URLENCODED, b"name=a%00", 400, "invalid_body"),
    (URLENCODED, b"&".join(b"a%d=1" % n for n in range(101)), 400, "invalid_body"),
    (URLENCODED, b"a=" + b"x" * 65_536, 413, "too_large"),
    ("multipart/form-data", b"--a\r\n", 400, "invalid_body"),
    ("multipart/form-data; boundary=a", b"", 400, "invalid_body"),
    ("multipart/form-data; boundary=a", b"nothing", 400, "invalid_body"),
    ("multipart/form-data; boundary=a", b"--a\r\n" + PART.format("name").encode(), 400, "invalid_body"),
    ("multipart/form-data; boundary=a", b"--a\r\nx: y\r\n\r\nz\r\n--a--\r\n", 400, "invalid_body"),
    ("multipart/form-data; boundary=a",
     b'--a\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--a--\r\n', 400, "invalid_body"),
    ("multipart/form-data; boundary=a",
     b'--a\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\nx\r\n--a--\r\n', 400, "invalid_body"),
    ("text/plain", b"name=a", 415, "unsupported_media_type"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "status", "code"), TORN)
async def test_forms_that_are_none(people: Api, kind: str, body: bytes, status: int, code: str) -> None:
    """What is no form, or not in UTF-8, or has a file, is refused."""
    answer = await people("POST", "/auth/register", content=body, headers={"Content-Type": kind})
    problem(answer, status, code)


async def test_where_no_form_is_taken(people: Api) -> None:
    """Canonical paths take JSON alone, and so do records."""
    for path in ("/v1/auth/signup", "/v1/auth/login", "/users", "/v1/records/users"):
        problem(await people("POST", path, data=PERSON), 415, "unsupported_media_type")
    coded = {"Content-Type": URLENCODED, "Content-Encoding": "gzip"}
    problem(await people("POST", "/auth/login", content=b"a=b", headers=coded), 415, "unsupported_media_type")


async def test_a_form_of_another_origins_page(people: Api) -> None:
    """A browser sends a form without asking first; a page that is not listed signs nobody up."""
    page = {"Origin": "https://evil.example"}
    problem(await people("POST", "/auth/register", data=PERSON, headers=page), 403, "forbidden")
    assert (await people("GET", "/users", headers=people.admin)).json() == []
