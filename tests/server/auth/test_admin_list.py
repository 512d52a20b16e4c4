"""List the administrators."""

from __future__ import annotations

from hinterland.kit.clock import ManualClock
from tests.server.api import Api, problem

PASSWORD = {"password": "correct horse"}


async def test_administrators_are_listed(each_api: Api) -> None:
    """An administrator sees all administrators, the oldest first, without anything of their passwords; nobody else
    does."""
    ada = await each_api.sign_up("ada")
    for name in ("two", "one"):
        form = {"email": f"{name}@example.org", **PASSWORD}
        assert (await each_api("POST", "/v1/admin/admins", json=form, headers=each_api.admin)).status_code == 201
        assert isinstance(each_api.server.clock, ManualClock)
        each_api.server.clock.jump(1)
    answer = await each_api("GET", "/v1/admin/admins", headers=each_api.admin)
    assert answer.headers["cache-control"] == "no-store"
    items = answer.json()["items"]
    assert [item["email"] for item in items] == ["two@example.org", "one@example.org"]
    assert {name for item in items for name in item} == {"id", "email", "created_at"}
    assert all(item["id"].startswith("admin/") and item["created_at"].endswith("Z") for item in items)
    problem(await each_api("GET", "/v1/admin/admins"), 401, "unauthorized")
    problem(await each_api("GET", "/v1/admin/admins", headers=ada["headers"]), 403, "forbidden")
