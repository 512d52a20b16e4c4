"""Collections and fields that an administrator declares on a running server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.channels import Channel
from hinterland.contract.identity import SIGNED_OUT
from hinterland.contract.records import users
from hinterland.server.operations.schema import described as described_app
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import NOTES, POSTS, Api, problem, serving

MOODS = {
    "name": "moods",
    "fields": {"text": {"kind": "text", "required": True}},
    "rules": {"list": "true", "create": "true"},
}


async def described(api: Api, name: str) -> dict[str, Any]:
    """A collection as the server describes it."""
    schema = (await api("GET", "/v1/admin/schema", headers=api.admin)).json()
    [found] = [collection for collection in schema["collections"] if collection["name"] == name]
    return found  # type: ignore[no-any-return]


async def test_additions(each_api: Api) -> None:
    """A collection and a field that an administrator adds are there at once, for every operation and in the API's
    description; what was stored stays."""
    await each_api("POST", "/v1/records/posts", json={"title": "old"})
    version = (await each_api("GET", "/v1/admin/schema", headers=each_api.admin)).json()["version"]
    posts = await described(each_api, "posts")
    posts["fields"]["mood"] = {"kind": "text"}
    answer = await each_api("POST", "/v1/admin/schema", json={"collections": [posts, MOODS]}, headers=each_api.admin)
    assert (answer.status_code, answer.json()["version"] != version) == (200, True)
    made = await each_api("POST", "/v1/records/posts", json={"title": "new", "mood": "good"})
    assert (made.status_code, made.json()["mood"]) == (201, "good")
    assert (await each_api("POST", "/v1/records/moods", json={"text": "fine"})).status_code == 201
    problem(await each_api("POST", "/v1/records/moods", json={}), 400, "validation")
    listed = (await each_api("GET", "/v1/records/posts?sort=id")).json()["items"]
    assert [post.get("mood") for post in listed] == [None, "good"]
    assert "/v1/records/moods" in str((await each_api("GET", "/openapi.json")).json())
    assert await described(each_api, "moods") == {**await described(each_api, "moods"), **MOODS}


async def test_added_fields_of_users(api: Api) -> None:
    """A field that is added to users can be given at sign-up, and a field with a read rule is hidden."""
    people = await described(api, "users")
    people["fields"] |= {"city": {"kind": "text"}, "score": {"kind": "integer", "read": "false"}}
    answer = await api("POST", "/v1/admin/schema", json={"collections": [people]}, headers=api.admin)
    assert answer.status_code == 200
    person = {"name": "a", "email": "a@example.org", "password": "correct horse", "city": "Rome", "score": 1}
    session = (await api("POST", "/v1/auth/signup", json=person)).json()
    assert session["user"]["city"] == "Rome"
    assert "score" not in session["user"]


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"name": "moods", "fields": {"text": {"kind": "txt"}}}, "validation", "txt"),
        ({"name": "Moods", "fields": {}}, "validation", "collection names"),
        ({"name": "more", "fields": {}, "parent": "none"}, "validation", "its parent 'none' is not declared"),
        ({"name": "posts", "fields": {}, "ids": "integer"}, "conflict", "stored records: posts.title is gone"),
        ({"fields": {}}, "validation", "name: is required"),
        ({"name": "more", "is_open": "x"}, "validation", "is_open: must be true or false, is text"),
        ({"name": "more", "ids": "uuid"}, "validation", "ids"),
        ({"name": "moods", "fields": {"x": {"kind": "text"}}}, "validation", "collection 'moods' is declared twice"),
        ({"name": "more", "parent": "more"}, "validation", "collection 'more': its parent 'more' is below itself"),
        ({"name": "more", "fields": {"a": {"kind": "integer", "minimum": "x"}}}, "validation", "more.a: "),
    ],
)
async def test_what_can_not_be_declared(api: Api, wrong: dict[str, Any], code: str, words: str) -> None:
    """What can't be declared, or would touch stored records, is refused with the reason; nothing has changed."""
    before = await described(api, "posts")
    answer = await api("POST", "/v1/admin/schema", json={"collections": [MOODS, wrong]}, headers=api.admin)
    assert words in problem(answer, 400 if code == "validation" else 409, code)["message"]
    assert await described(api, "posts") == before
    problem(await api("GET", "/v1/records/moods"), 404, "unknown_collection")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fields": {"a": {"kind": "text", "raed": "false"}}}, "more.a: unknown member 'raed'; known: read, "),
        ({"fields": {"a": {"kind": "list", "of": {"kind": "text", "max": 1}}}}, "more.a.of: unknown member 'max'"),
        ({"rules": {"lsit": "true"}}, "more.rules: unknown member 'lsit'; known: list, "),
        ({"feilds": {}}, "more: unknown member 'feilds'; known: fields, "),
    ],
)
async def test_misspelt_members(api: Api, wrong: dict[str, Any], words: str) -> None:
    """A member that is not known is refused, so that a misspelt read rule declares no field that everybody sees."""
    answer = await api("POST", "/v1/admin/schema", json={"collections": [{"name": "more", **wrong}]}, headers=api.admin)
    assert words in problem(answer, 400, "validation")["message"]
    problem(await api("GET", "/v1/records/more"), 404, "unknown_collection")


async def test_only_administrators(tmp_path: Path) -> None:
    """Nobody but administrators sees or changes the schema."""
    async with serving(SqliteStorage(tmp_path), collections=(users(), NOTES, POSTS)) as api:
        ada = (await api.sign_up("ada"))["headers"]
        for headers, status, code in (({}, 401, "unauthorized"), (ada, 403, "forbidden")):
            problem(await api("GET", "/v1/admin/schema", headers=headers), status, code)
            problem(await api("POST", "/v1/admin/schema", json={"collections": []}, headers=headers), status, code)


async def test_the_description_of_the_app(each_api: Api) -> None:
    """Everybody gets the description of the app, and nobody but administrators finds in it what the rules don't give
    others."""
    found = await each_api("GET", "/v1/schema")
    assert found.status_code == 200
    assert (found.json()["name"], found.json()["api"], found.json()["audience"]) == ("tests", 1, "everybody")
    assert [each["name"] for each in found.json()["collections"]] == ["users", "notes", "things", "posts", "comments"]
    assert "'staff'" not in found.text
    ada = await each_api.sign_up("ada")
    assert (await each_api("GET", "/v1/schema", headers=ada["headers"])).content == found.content
    whole = (await each_api("GET", "/v1/schema", headers=each_api.admin)).json()
    assert whole["audience"] == "admin"
    assert [each["name"] for each in whole["collections"]][-1] == "closed"
    assert whole["collections"][1]["fields"]["secret"]["read"] == "'staff' in auth.roles"
    problem(await each_api("GET", "/v1/schema", headers={"Authorization": "Bearer no"}), 401, "unauthorized")


@pytest.mark.parametrize("ending", ["", "-gzip"])
async def test_a_description_that_is_known(api: Api, ending: str) -> None:
    """Who has the description is answered that it is the same, also where a proxy has changed its tag, until something
    is declared: then it is another."""
    found = await api("GET", "/v1/schema")
    tag = found.headers["etag"][:-1] + ending + '"'
    assert found.headers["cache-control"] == "private, max-age=0"
    assert "Authorization" in found.headers["vary"]
    known = await api("GET", "/v1/schema", headers={"If-None-Match": f'"other", {tag}'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", found.headers["etag"])
    assert (await api("GET", "/v1/schema", headers={"If-None-Match": '"other"'})).status_code == 200
    assert (await api("GET", "/v1/schema", headers={"If-None-Match": tag} | api.admin)).status_code == 200
    await api("POST", "/v1/admin/schema", json={"collections": [MOODS]}, headers=api.admin)
    after = await api("GET", "/v1/schema", headers={"If-None-Match": tag})
    assert (after.status_code, after.json()["collections"][-1]["name"]) == (200, "moods")
    before = {each["name"]: each["fingerprint"] for each in found.json()["collections"]}
    assert before.items() <= {each["name"]: each["fingerprint"] for each in after.json()["collections"]}.items()


async def test_it_is_made_once(api: Api) -> None:
    """The description is made for each version of the schema, not for each request."""
    await api("GET", "/v1/schema")
    first = described_app(api.backend, SIGNED_OUT)
    assert described_app(api.backend, SIGNED_OUT) is first
    await api("POST", "/v1/admin/schema", json={"collections": [MOODS]}, headers=api.admin)
    assert described_app(api.backend, SIGNED_OUT) is not first


async def test_the_channels_of_the_app(tmp_path: Path) -> None:
    """The description has the channels of the app with whom their rules let pass, without those for administrators
    alone, and for administrators with the rules themselves; it changes with them."""
    room = Channel("room/{id:int}/{side}", join="auth != null", send="channel.id > 3", history=5, shows=("name",))
    channels = [room, Channel("staff", presence=False), Channel("news", join="true")]
    async with serving(SqliteStorage(tmp_path), declare=lambda app: setattr(app, "channels", channels)) as api:
        found = (await api("GET", "/v1/schema")).json()
        assert found["channels"] == [
            {"path": "news", "parameters": {}, "history": 0, "history_days": 30.0, "presence": True, "shows": [],
             "access": {"join": "everybody", "send": "admin"}},
            {"path": "room/{id:int}/{side}", "parameters": {"id": "integer", "side": "text"}, "history": 5,
             "history_days": 30.0, "presence": True, "shows": ["name"],
             "access": {"join": "signed_in", "send": "rule"}},
        ]  # fmt: skip
        whole = (await api("GET", "/v1/schema", headers=api.admin)).json()
        assert [(each["path"], each["rules"]["send"]) for each in whole["channels"]] == [
            ("news", ""), ("room/{id:int}/{side}", "channel.id > 3"), ("staff", ""),
        ]  # fmt: skip
        assert (await api("GET", "/openapi.json")).json()["x-hinterland"]["channels"] == found["channels"]
