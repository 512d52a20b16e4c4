"""Updates and deletes by filter: what they find, how they go on, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.server.operations import filtered
from tests.server.api import Api, problem

UPDATE = "/v1/admin/records/things/update"
DELETE = "/v1/admin/records/things/delete"


async def filled(api: Api, count: int) -> None:
    """Things with the numbers from 0."""
    await api.write(*(Write(act="create", collection="things", body={"whole": n, "text": "old"}) for n in range(count)))


async def done(api: Api, path: str, **asked: Any) -> dict[str, Any]:
    """The result of a call of the administrator that must succeed."""
    answer = await api("POST", path, json=asked, headers=api.admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def numbers(api: Api, filter: str = "true") -> list[int]:
    """The numbers of the things that a filter finds."""
    answer = await api("GET", "/v1/records/things", params={"filter": filter, "limit": "1000"})
    return [one["whole"] for one in answer.json()["items"]]


async def test_an_update_by_filter(each_api: Api) -> None:
    """All records that the filter and the values find are patched, transforms included; each change is in the log with
    the administrator as its author."""
    api = each_api
    await filled(api, 10)
    body = {"text": "new", "whole": {"$increment": 100}}
    result = await done(api, UPDATE, filter="record.whole >= 6", where={"text": "old"}, body=body)
    assert (result["found"], result["changed"], result.get("next", "")) == (4, 4, "")
    assert await numbers(api, "record.text == 'new'") == [106, 107, 108, 109]
    rows = await api.backend.storage.fetch("SELECT actor, count(*) FROM _log WHERE kind = 'update' GROUP BY actor")
    assert [(actor.startswith("admin/"), count) for actor, count in rows] == [(True, 4)]


async def test_a_dry_run(each_api: Api) -> None:
    """A dry run counts all records, shows the first three, and changes nothing."""
    api = each_api
    await filled(api, 10)
    result = await done(api, DELETE, filter="record.whole > 3", limit=1, dry_run=True)
    assert (result["found"], [one["whole"] for one in result["sample"]]) == (6, [4, 5, 6])
    assert len(await numbers(api)) == 10


async def test_it_goes_on_at_a_cursor(each_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call ends at its limit, in several commits, and the next one goes on at its cursor: each record is changed
    once."""
    api = each_api
    monkeypatch.setattr(filtered, "_AT_ONCE", 2)
    await filled(api, 7)
    step = {"filter": "true", "body": {"whole": {"$increment": 10}}, "limit": 3}
    first = await done(api, UPDATE, **step)
    second = await done(api, UPDATE, **step, cursor=first["next"])
    third = await done(api, UPDATE, **step, cursor=second["next"])
    assert [one["changed"] for one in (first, second, third)] == [3, 3, 1]
    assert "next" not in third
    assert await numbers(api) == [10, 11, 12, 13, 14, 15, 16]


async def test_records_below_a_record(each_api: Api) -> None:
    """Records of a nested collection are found below their parent, and deleting a record deletes those below it."""
    api = each_api
    post = (await api("POST", "/v1/records/posts", json={"title": "a"})).json()["id"]
    await api("POST", f"/v1/records/posts/{post}/comments/bulk", json=[{"text": "a"}, {"text": "b"}])
    path = "/v1/admin/records/comments/delete"
    result = await done(api, path, parent=f"posts/{post}", where={"text": "a"})
    assert result["changed"] == 1
    problem(await api("POST", path, json={"filter": "true"}, headers=api.admin), 404, "unknown_collection")
    await done(api, "/v1/admin/records/posts/delete", filter="true")
    assert (await api.backend.storage.fetch("SELECT count(*) FROM comments"))[0][0] == 0


async def test_refused_records(each_api: Api) -> None:
    """A record to which the change can't be made is reported, and the others are changed."""
    api = each_api
    ada = await api.sign_up("ada")
    await api("POST", "/v1/records/notes/bulk", json=[{"text": "a"}, {"text": "b"}], headers=ada["headers"])
    result = await done(api, "/v1/admin/records/notes/update", filter="true", body={"slug": "same"})
    assert (result["found"], result["changed"]) == (2, 1)
    assert [one["code"] for one in result["refused"]] == ["conflict"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"body": {}}, "invalid_body"),
        ({"filter": "true"}, "invalid_body"),
        ({"filter": "true", "body": {}, "limit": 10_001}, "invalid_body"),
        ({"filter": "true", "body": {}, "limit": 0}, "invalid_body"),
        ({"filter": "record.nothing == 1", "body": {}}, "invalid_query"),
        ({"where": {"whole": "x"}, "body": {}}, "invalid_query"),
        ({"filter": "true", "body": {}, "cursor": "x"}, "invalid_cursor"),
    ],
)
async def test_wrong_calls(api: Api, asked: dict[str, Any], code: str) -> None:
    """What is no question, or says nothing of which records are meant, is refused."""
    await filled(api, 1)
    problem(await api("POST", UPDATE, json=asked, headers=api.admin), 400, code)


async def test_for_administrators_alone(api: Api) -> None:
    """Nobody else may, signed in or not."""
    ada = await api.sign_up("ada")
    problem(await api("POST", DELETE, json={"filter": "true"}), 401, "unauthorized")
    problem(await api("POST", DELETE, json={"filter": "true"}, headers=ada["headers"]), 403, "forbidden")
