"""Questions of administrators about rules, for each action."""

from __future__ import annotations

from typing import Any

from tests.server.api import OWN, Api, problem

PATH = "/v1/admin/rules/explain"


async def explained(api: Api, **asked: Any) -> dict[str, Any]:
    """An explanation of a rule of notes."""
    answer = await api("POST", PATH, json={"collection": "notes", **asked}, headers=api.admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def noted(api: Api, owner: str) -> str:
    """The id of a new note."""
    note = {"text": "one", "owner": owner, "secret": "hidden"}
    id: str = (await api("POST", "/v1/records/notes", json=note, headers=api.admin)).json()["id"]
    return id


async def test_each_action_on_a_record(each_api: Api) -> None:
    """Reads and deletes are explained for a user, by id or e-mail address, and for nobody, with what was read."""
    ada, ben = [(await each_api.sign_up(name))["user"]["id"] for name in ("ada", "ben")]
    id = await noted(each_api, ada)
    for action in ("list", "view", "delete"):
        asked = {"action": action, "id": id}
        assert await explained(each_api, user="ada@example.org", **asked) == {
            "allowed": True, "rule": OWN, "values": {"auth.id": ada, "record.owner": ada},
        }  # fmt: skip
        assert await explained(each_api, user=ben, **asked) == {
            "allowed": False, "rule": OWN, "part": OWN, "values": {"auth.id": ben, "record.owner": ada},
        }  # fmt: skip
        assert await explained(each_api, **asked) == {
            "allowed": False, "rule": OWN, "part": OWN, "reason": "auth is null",
            "values": {"auth.id": None, "record.owner": ada},
        }  # fmt: skip


async def test_an_update(each_api: Api) -> None:
    """An update is explained with the record before it and after the PATCH; nothing is written."""
    ada = (await each_api.sign_up("ada"))["user"]["id"]
    id = await noted(each_api, ada)
    asked = {"action": "update", "id": id, "user": ada}
    assert (await explained(each_api, **asked, body={"secret": "new"}))["allowed"]
    refused = await explained(each_api, **asked, body={"owner": "other"})
    assert (refused["allowed"], refused["part"]) == (False, OWN)
    assert refused["values"] == {"auth.id": ada, "old.owner": ada, "record.owner": "other"}
    stored = await each_api("GET", f"/v1/records/notes/{id}", headers=each_api.admin)
    assert (stored.json()["owner"], stored.json()["secret"]) == (ada, "hidden")
    body = {"collection": "notes", **asked, "body": {"text": 1}}
    problem(await each_api("POST", PATH, json=body, headers=each_api.admin), 400, "validation")


async def test_a_creation(each_api: Api) -> None:
    """A draft is explained as it would be created: fields that the server fills have the user's id."""
    ada = (await each_api.sign_up("ada"))["user"]["id"]
    asked = {"action": "create", "user": ada}
    assert (await explained(each_api, **asked, body={"text": "a"}))["values"] == {"auth.id": ada, "record.owner": ada}
    assert not (await explained(each_api, **asked, body={"text": "a", "owner": "other"}))["allowed"]
    assert (await explained(each_api, action="create", collection="posts", body={})) == {
        "allowed": True, "rule": "true",
    }  # fmt: skip
    assert await explained(each_api, action="create", collection="closed", user=ada) == {"allowed": False}
    body = {"collection": "notes", **asked, "body": {}}
    problem(await each_api("POST", PATH, json=body, headers=each_api.admin), 400, "validation")


async def test_who_may_ask_and_what(api: Api) -> None:
    """Only administrators may ask; unknown collections, records and users are refused."""
    ada = await api.sign_up("ada")
    body = {"collection": "notes", "action": "view", "id": await noted(api, "x")}
    problem(await api("POST", PATH, json=body), 401, "unauthorized")
    problem(await api("POST", PATH, json=body, headers=ada["headers"]), 403, "forbidden")
    for wrong, status, code in (
        ({"collection": "none"}, 404, "unknown_collection"),
        ({"parent": "posts/1"}, 404, "unknown_collection"),
        ({"id": "none"}, 404, "not_found"),
        ({"user": "none"}, 404, "not_found"),
        ({"id": ""}, 400, "invalid_body"),
        ({"action": "grow"}, 400, "invalid_body"),
        ({"action": "read"}, 400, "invalid_body"),
    ):
        found = problem(await api("POST", PATH, json=body | wrong, headers=api.admin), status, code)
    assert found["message"] == "field: is required for the action read"
