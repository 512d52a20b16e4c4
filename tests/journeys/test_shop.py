"""The shop's own rules, over plain HTTP against a real server process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.command import hinterland
from tests.support.server import ServerProcess

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A shop with products on its shelves."""
    with ServerProcess(SHOP / "app.py", tmp_path_factory.mktemp("shop") / "data") as server:
        place = ("--data", server.data, "--app", SHOP / "app.py")
        assert hinterland("import", "products", SHOP / "products.json", *place).code == 0
        with httpx2.Client(base_url=server.url, timeout=30) as client:
            yield client


def member(http: httpx2.Client, name: str) -> dict[str, Any]:
    """Sign up: the user, and the headers that sign a request."""
    form = {"name": name, "email": f"{name}@example.org", "password": "over the moor"}
    answer = http.post("/v1/auth/signup", json=form)
    assert answer.status_code == 201, answer.text
    return {**answer.json()["user"], "headers": {"Authorization": f"Bearer {answer.json()['access_token']}"}}


def test_orders(http: httpx2.Client) -> None:
    """An order is of a product that there is, of 1 to 100 pieces, and is seen by its buyer alone."""
    ada, ben = member(http, "ada"), member(http, "ben")
    product = http.get("/v1/records/products", params={"limit": 1}).json()["items"][0]["id"]
    orders = f"/v1/records/products/{product}/orders"
    placed = http.post(orders, json={"quantity": 2}, headers=ada["headers"])
    assert (placed.status_code, placed.json()["buyer"]) == (201, ada["id"])
    unknown = http.post("/v1/records/products/none/orders", json={"quantity": 1}, headers=ada["headers"])
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    for quantity in (0, -1, 101, 10**9, None):
        refused = http.post(orders, json={"quantity": quantity}, headers=ada["headers"])
        assert (refused.status_code, [*refused.json()["errors"]]) == (400, ["quantity"])
    assert http.post(orders, json={"quantity": 1}).status_code == 401
    assert http.post(orders, json={"quantity": 1, "buyer": ben["id"]}, headers=ada["headers"]).status_code == 403
    for person, count in ((ada, 1), (ben, 0)):
        assert len(http.get(orders, headers=person["headers"]).json()["items"]) == count


def test_members_find_each_other_by_id(http: httpx2.Client) -> None:
    """Who has a member's id sees the name and no e-mail; nobody lists the members, and guests see nothing."""
    cleo, dan = member(http, "cleo"), member(http, "dan")
    path = f"/v1/records/users/{dan['id']}"
    seen = http.get(path, headers=cleo["headers"]).json()
    assert seen["name"] == "dan"
    assert "email" not in seen
    assert http.get(path, headers=dan["headers"]).json()["email"] == "dan@example.org"
    assert http.get(path).status_code in (401, 404)
    listed = http.get("/v1/records/users", headers=cleo["headers"]).json()["items"]
    assert [user["id"] for user in listed] == [cleo["id"]]
