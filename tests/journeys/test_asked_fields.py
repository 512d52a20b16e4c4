"""Fields whose read rules ask another collection: hidden and shown alike by every way of reading and writing, on each
database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Integer, Reference, Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.server.operations.records import each_record
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

IS_MEMBER = "members.exists(m, m.team == record.team && m.user == auth.id)"
IS_OWNER = "members.exists(m, m.team == record.team && m.user == auth.id && m.role == 'owner')"
IS_MATE = (
    "auth.id == record.id || members.exists(m, m.user == record.id "
    "&& members.exists(o, o.team == m.team && o.user == auth.id))"
)
MEMBERS = Collection(
    name="members",
    fields={"team": Text(index=True), "user": Text(index=True), "role": Text()},
    rules=EVERYBODY,
)
POSTS = Collection(
    name="posts",
    fields={
        "team": Text(index=True),
        "title": Text(search=True),
        "note": Text(read=IS_MEMBER, search=True),
        "budget": Integer(read=IS_OWNER, maximum=1_000),
        "code": Text(unique=True, read=IS_OWNER),
    },
    rules=EVERYBODY,
)
COMMENTS = Collection(name="comments", fields={"post": Reference(to="posts", on_delete="cascade")}, rules=EVERYBODY)
LABELS = Collection(
    name="labels",
    fields={
        "post": Reference(to="posts", read=IS_MEMBER),
        "team": Text(index=True),
    },
    rules=EVERYBODY,
)
PEOPLE = users(fields={"phone": Text(read=IS_MATE)})
POST: dict[str, Any] = {"team": "red", "title": "one", "note": "quiet", "budget": 7, "code": "c1"}
PUBLIC: dict[str, Any] = {"team": "red", "title": "one"}


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "postgres":
        return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    return SqliteStorage(tmp_path / "data")


class Teams:
    """A server, and who asks it: Ada owns the team red, Ben is a member, Eve is in no team."""

    def __init__(self, api: Api, people: dict[str, dict[str, Any]]) -> None:
        self.api = api
        self.people = people

    def id(self, name: str) -> str:
        """A user's id."""
        return str(self.people[name]["user"]["id"])

    async def ask(self, name: str, method: str, path: str, **more: Any) -> Any:
        """The answer to a user, or to an administrator."""
        given = self.api.admin if name == "admin" else self.people[name]["headers"]
        return await self.api(method, path, **{**more, "headers": {**given, **more.get("headers", {})}})

    async def fields(self, name: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The fields of the record in an answer."""
        answer = await self.ask(name, method, path, **more)
        assert answer.status_code in (200, 201), answer.text
        return _fields(answer.json())

    async def join(self, name: str, role: str = "member", team: str = "red") -> str:
        """Make a user a member."""
        body = {"team": team, "user": self.id(name), "role": role}
        return str((await self.ask("admin", "POST", "/v1/records/members", json=body)).json()["id"])


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("id", "created_at", "updated_at", "revision")}


def _declare(app: App) -> None:
    @app.before("posts", "update")
    async def see(backend: object, write: BeforeWrite) -> None:
        """With a hook, patches and upserts are resolved before the writer sees them."""


@pytest.fixture
async def teams(request: pytest.FixtureRequest, storage: Storage) -> AsyncIterator[Teams]:
    """The teams; with the parameter True the app has a hook."""
    declare = _declare if getattr(request, "param", False) else _nothing
    async with serving(storage, collections=(PEOPLE, MEMBERS, POSTS, COMMENTS, LABELS), declare=declare) as api:
        teams = Teams(api, {name: await api.sign_up(name) for name in ("ada", "ben", "eve")})
        await teams.join("ada", "owner")
        await teams.join("ben")
        await api.write(Write(act="create", collection="posts", id="p", body=POST))
        yield teams


def _nothing(app: App) -> None:
    pass


OF: dict[str, dict[str, Any]] = {"ada": POST, "ben": PUBLIC | {"note": "quiet"}, "eve": PUBLIC}


async def test_reads(teams: Teams) -> None:
    """A list, a single read, a projection and an expansion show each caller what the rules of the fields allow, and so
    does the code of apps; administrators see all."""
    await teams.api.write(Write(act="create", collection="comments", id="c", body={"post": "p"}))
    for name, expected in {**OF, "admin": POST}.items():
        assert await teams.fields(name, "GET", "/v1/records/posts/p") == expected
        listed = (await teams.ask(name, "GET", "/v1/records/posts?total=true")).json()
        assert ([*map(_fields, listed["items"])], listed["total"]) == ([expected], 1)
        lines = await teams.ask(name, "GET", "/v1/records/posts", headers={"Accept": "application/jsonl"})
        assert _fields(msgspec.json.decode(lines.text.splitlines()[0])) == expected
        projected = await teams.fields(name, "GET", "/v1/records/posts/p?fields=title,note,budget")
        assert projected == {field: expected[field] for field in ("title", "note", "budget") if field in expected}
        comment = await teams.fields(name, "GET", "/v1/records/comments/c?expand=post")
        assert _fields(comment["_expand"]["post"]) == expected
        caller = Principal(id=teams.id(name)) if name != "admin" else Principal(id="admin/x", is_admin=True)
        found = [_fields(record) async for record in each_record(teams.api.backend, caller, "posts")]
        assert [{field: value for field, value in found[0].items() if field != "parent"}] == [expected]


async def test_what_cannot_be_asked_for(teams: Teams) -> None:
    """Such a field can't be filtered, sorted or grouped by, since it is not shown of every record; a search finds its
    words where it is shown."""
    for query in ("posts?filter=record.budget>5", "posts?sort=budget", "posts?note=quiet",
                  "posts/aggregate?group=note", "posts/aggregate?sum=budget", "posts?distinct=note"):  # fmt: skip
        for name in ("ada", "eve"):
            answer = await teams.ask(name, "GET", f"/v1/records/{query}")
            assert answer.status_code in (400, 403), (query, answer.text)
            assert answer.json()["code"] in ("forbidden", "invalid_query")
    for name, count in {"ada": 1, "ben": 1, "eve": 0}.items():
        found = await teams.ask(name, "GET", "/v1/records/posts?search=quiet")
        assert len(found.json()["items"]) == count
    tag = (await teams.ask("eve", "GET", "/v1/records/posts/p")).headers["etag"]
    known = await teams.ask("eve", "GET", "/v1/records/posts/p", headers={"If-None-Match": tag})
    assert known.status_code == 304
    await teams.join("eve")
    again = await teams.ask("eve", "GET", "/v1/records/posts/p", headers={"If-None-Match": tag})
    assert _fields(again.json()) == OF["ben"], "the same revision, of which more is shown"


async def test_answers_to_writes(teams: Teams) -> None:
    """The response to a write shows what a read would, also when a keyed request is repeated, and by what the same
    request wrote of the other collection."""
    for name, expected in OF.items():
        patched = await teams.fields(name, "PATCH", "/v1/records/posts/p", json={"title": name})
        assert patched == expected | {"title": name}
    headers = {"Idempotency-Key": "k1"}
    for _ in range(2):
        keyed = await teams.fields("ben", "PATCH", "/v1/records/posts/p", json={"title": "k"}, headers=headers)
        assert keyed == OF["ben"] | {"title": "k"}
    made = await teams.fields("ben", "POST", "/v1/records/posts", json={**POST, "code": "c2"})
    assert made == OF["ben"]
    blue = {**POST, "team": "blue", "code": "c3"}
    writes = [
        {"act": "create", "collection": "posts", "body": blue},
        {"act": "create", "collection": "members", "body": {"team": "blue", "user": teams.id("eve"), "role": "owner"}},
        {"act": "patch", "collection": "posts", "id": "p", "body": {"title": "b"}},
    ]
    batch = await teams.ask("eve", "POST", "/v1/batch", json={"writes": writes})
    records = [_fields(result["record"]) for result in batch.json()["results"]]
    assert (records[0], records[2]) == (blue, PUBLIC | {"title": "b"}), "as it is after the batch"


@pytest.mark.parametrize("teams", [False, True], ids=["", "hooked"], indirect=True)
async def test_writes_over_what_is_hidden(teams: Teams) -> None:
    """A replacement keeps a hidden field, a transform and a JSON Patch can't reveal it, and an upsert does not find a
    record by it."""
    path = "/v1/records/posts/p"
    assert await teams.fields("eve", "PUT", path, json=PUBLIC | {"title": "e"}) == PUBLIC | {"title": "e"}
    assert await teams.fields("admin", "GET", path) == POST | {"title": "e"}
    assert await teams.fields("ben", "PUT", path, json=PUBLIC) == PUBLIC | {"note": None}, "it is theirs to clear"
    assert await teams.fields("admin", "GET", path) == POST | {"note": None}
    bump = {"budget": {"$increment": 1}}
    problem(await teams.ask("eve", "PATCH", path, json=bump), 400, "validation")
    assert (await teams.fields("ada", "PATCH", path, json=bump))["budget"] == 8
    tested: list[dict[str, Any]] = [
        {"op": "test", "path": "/budget", "value": 8},
        {"op": "replace", "path": "/title", "value": "t"},
    ]
    headers = {"Content-Type": "application/json-patch+json"}
    hidden = await teams.ask("ben", "PATCH", path, json=tested, headers=headers)
    wrong = await teams.ask("ben", "PATCH", path, json=[{**tested[0], "value": 9}, tested[1]], headers=headers)
    assert hidden.status_code == wrong.status_code >= 400
    assert hidden.json()["message"] == wrong.json()["message"]
    assert (await teams.fields("ada", "PATCH", path, json=tested, headers=headers))["title"] == "t"
    upsert = "/v1/records/posts?upsert=code"
    problem(await teams.ask("ben", "POST", upsert, json={"code": "c1", "title": "found"}), 409, "conflict")
    assert (await teams.ask("ada", "POST", upsert, json={"code": "c1", "title": "found"})).status_code == 200


async def test_a_reference_that_is_hidden(teams: Teams) -> None:
    """A deletion that a record prevents names it only to who may read the field that refers."""
    await teams.api.write(Write(act="create", collection="labels", id="l", body={"post": "p", "team": "red"}))
    seen = problem(await teams.ask("ben", "DELETE", "/v1/records/posts/p"), 409, "conflict")
    unseen = problem(await teams.ask("eve", "DELETE", "/v1/records/posts/p"), 409, "conflict")
    assert "labels" in seen["message"]
    assert "labels" not in unseen["message"]


async def test_users(teams: Teams) -> None:
    """A user's own record has such fields too: in the answer to sign-up and log-in, in /me, and for team mates."""
    path = f"/v1/records/users/{teams.id('ada')}"
    await teams.ask("admin", "PATCH", path, json={"phone": "1"})
    person = {"email": "ada@example.org", "password": "correct horse"}
    assert (await teams.api("POST", "/v1/auth/login", json=person)).json()["user"]["phone"] == "1"
    assert (await teams.ask("ada", "GET", "/v1/auth/me")).json()["phone"] == "1"
    assert "phone" in (await teams.ask("ada", "GET", path)).json()


async def test_explanations(teams: Teams) -> None:
    """Administrators are answered whether a field of a record is shown to a user, and why."""
    path, asked = "/v1/admin/rules/explain", {"collection": "posts", "action": "read", "id": "p"}

    async def explained(name: str, field: str) -> Any:
        body = {**asked, "user": teams.id(name), "field": field}
        return (await teams.ask("admin", "POST", path, json=body)).json()

    assert await explained("ben", "note") == {"allowed": True, "rule": IS_MEMBER, "values": {IS_MEMBER: True}}
    assert await explained("ben", "budget") == {
        "allowed": False, "rule": IS_OWNER, "part": IS_OWNER, "values": {IS_OWNER: False},
    }  # fmt: skip
    assert await explained("eve", "title") == {"allowed": True}
    for wrong in ({**asked, "field": "notes"}, asked, {**asked, "action": "view", "field": "note"}):
        refused = problem(await teams.ask("admin", "POST", path, json=wrong), 400, "invalid_body")
        assert "field" in refused["message"]
