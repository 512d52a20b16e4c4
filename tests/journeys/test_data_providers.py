"""Data providers of admin frameworks, as npm has them, against `examples/tutorial`: made by Node, and by a page of
another origin in Chromium."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.page.driver import require_browser
from tests.journeys.page.host import WEB, served_page
from tests.support.npm import install
from tests.support.required import require_node
from tests.support.server import ServerProcess

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).with_name("providers")
APP = Path(__file__).parents[2] / "examples" / "tutorial" / "app.py"
WITHIN = 120.0  # seconds for all calls of a test
Calls = list[list[Any]]
Caller = Callable[[str, str, Calls], list[Any]]
POSTS = 25
FIRST = {"pagination": {"page": 1, "perPage": 10}, "sort": {"field": "id", "order": "ASC"}}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a page with the packages."""
    require_browser()
    install(WEB)
    install(FOLDER)
    built = tmp_path_factory.mktemp("providers")
    words = ["node", str(WEB / "node_modules/vite/bin/vite.js"), "build", str(FOLDER), "--outDir", str(built)]
    run([*words, "--emptyOutDir", "--logLevel", "error"])
    with served_page(built, "") as origin:
        yield origin


@pytest.fixture(params=["node", "chromium"])
def call(request: pytest.FixtureRequest) -> Caller:
    """Makes calls of a package's data provider to a server."""
    if request.param == "node":
        install(FOLDER)
        script = [str(require_node()), str(FOLDER / "node.mjs")]
        return lambda package, url, calls: list(json.loads(run([*script, package, url], json.dumps(calls))))
    setting = {"page": request.getfixturevalue("page"), "web": str(WEB)}

    def by_page(package: str, url: str, calls: Calls) -> list[Any]:
        node, chromium = require_browser()
        asked = json.dumps({**setting, "package": package, "api": url, "chromium": str(chromium)})
        return list(json.loads(run([str(node), str(FOLDER / "chromium.mjs"), asked], json.dumps(calls))))

    return by_page


def run(words: list[str], given: str = "") -> str:
    """What a program prints."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server with two users and 25 posts, every second one of which is of the first user."""
    with ServerProcess(APP, tmp_path / "data") as server, httpx2.Client(base_url=server.url) as client:
        for name in ("Ada", "Bob"):
            client.post("/users", json={"name": name, "email": f"{name}@example.org"}).raise_for_status()
        for number in range(1, POSTS + 1):
            post = {"title": f"Post {number:02}", "body": f"About {'cats' if number > 20 else 'DOGS'}"}
            client.post("/posts", json={**post, "user_id": 1 + number % 2}).raise_for_status()
        yield server.url


def ids(result: dict[str, Any]) -> list[Any]:
    return [record["id"] for record in result["data"]]


def listed(number: int, field: str, order: str, filters: dict[str, Any]) -> list[Any]:
    paging = {"page": number, "perPage": 10}
    return ["getList", "posts", {"pagination": paging, "sort": {"field": field, "order": order}, "filter": filters}]


@pytest.mark.parametrize("package", ["ra-data-json-server", "ra-data-simple-rest"])
def test_what_react_admin_reads(call: Caller, url: str, package: str) -> None:
    """Lists have the right part, order and total, records are found by their ids and below others."""
    third, dogs, large, by_two, one, many, below, wrong, nobody = call(package, url, [
        listed(3, "title", "DESC", {}),
        listed(1, "id", "DESC", {"q": "dogs"}),
        listed(1, "id", "ASC", {"id_gte": 20, "title_like": "POST"}),
        listed(1, "id", "ASC", {"user_id": 2, "title": ["Post 01", "Post 03", "Post 04"]}),
        ["getOne", "posts", {"id": 3}],
        ["getMany", "posts", {"ids": [3, 1, 99]}],
        ["getManyReference", "posts", {**FIRST, "target": "user_id", "id": 2, "filter": {"title_like": "post 1"}}],
        listed(1, "nothing", "ASC", {}),
        ["getOne", "posts", {"id": 99}],
    ])  # fmt: skip
    assert (ids(third), third["total"]) == ([5, 4, 3, 2, 1], POSTS)
    assert (ids(dogs), dogs["total"]) == ([*range(20, 10, -1)], 20)
    assert (ids(large), large["total"]) == ([*range(20, 26)], 6)
    assert (ids(by_two), by_two["total"]) == ([1, 3], 2)
    assert (one["data"]["title"], ids(many)) == ("Post 03", [1, 3])
    assert (ids(below), below["total"]) == ([11, 13, 15, 17, 19], 5)
    assert wrong["status"] == 400
    assert "unknown sort field 'nothing'; allowed: " in wrong["error"]
    assert nobody["status"] == 404


@pytest.mark.parametrize("package", ["ra-data-json-server", "ra-data-simple-rest"])
def test_what_react_admin_writes(call: Caller, url: str, package: str) -> None:
    """Records are created, changed and deleted, one and several."""
    made, changed, several, gone, both, after, left = call(package, url, [
        ["create", "posts", {"data": {"title": "New", "user_id": 1}}],
        ["update", "posts", {"id": 1, "data": {"id": 1, "title": "Changed", "revision": 1}, "previousData": {"id": 1}}],
        ["updateMany", "posts", {"ids": [2, 3], "data": {"title": "Same"}}],
        ["delete", "posts", {"id": 4, "previousData": {"id": 4}}],
        ["deleteMany", "posts", {"ids": [5, 6]}],
        listed(1, "id", "ASC", {}),
        ["getOne", "posts", {"id": 5}],
    ])  # fmt: skip
    assert (made["data"]["id"], made["data"]["title"]) == (POSTS + 1, "New")
    assert (changed["data"]["id"], changed["data"]["title"]) == (1, "Changed")
    assert (several["data"], gone["data"]["id"], both["data"]) == ([2, 3], 4, [5, 6])
    assert after["total"] == POSTS + 1 - 3
    assert [post["title"] for post in after["data"][:3]] == ["Changed", "Same", "Same"]
    assert left["status"] == 404


def test_what_refine_reads(call: Caller, url: str) -> None:
    """Lists have the right part, order and total; its filters mean what they say; records are found by their ids."""

    def asked(*filters: tuple[str, str, Any], sort: str = "id", page: int = 1) -> list[Any]:
        given = [{"field": field, "operator": operator, "value": value} for field, operator, value in filters]
        sorters = [{"field": "user_id", "order": "desc"}] * (sort == "user_id") + [{"field": "id", "order": "desc"}]
        paging = {"currentPage": page, "pageSize": 10}
        return ["getList", {"resource": "posts", "pagination": paging, "sorters": sorters, "filters": given}]

    third, by_user, large, dogs, others, plain, one, many, custom = call("@refinedev/simple-rest", url, [
        asked(page=3),
        asked(sort="user_id"),
        asked(("id", "gte", 20), ("id", "lte", 24), ("title", "contains", "POST")),
        asked(("q", "contains", "dogs"), ("user_id", "eq", 2)),
        asked(("user_id", "ne", 2)),
        ["getList", {"resource": "posts", "pagination": {"mode": "off"}}],
        ["getOne", {"resource": "posts", "id": 3}],
        ["getMany", {"resource": "posts", "ids": [3, 1, 99]}],
        ["custom", {"url": f"{url}/posts", "method": "get", "sorters": [{"field": "id", "order": "desc"}],
                    "filters": [{"field": "id", "operator": "lte", "value": 2}], "query": {"_limit": 5}}],
    ])  # fmt: skip
    assert (ids(third), third["total"]) == ([5, 4, 3, 2, 1], POSTS)
    assert (ids(by_user), by_user["total"]) == ([*range(25, 5, -2)], POSTS)
    assert (ids(large), large["total"]) == ([24, 23, 22, 21, 20], 5)
    assert (ids(dogs), dogs["total"]) == ([*range(19, 0, -2)], 10)
    assert (ids(others), others["total"]) == ([*range(24, 4, -2)], 12)
    assert len(plain["data"]) == plain["total"] == POSTS
    assert (one["data"]["title"], ids(many), ids(custom)) == ("Post 03", [1, 3], [2, 1])


def test_what_refine_writes(call: Caller, url: str) -> None:
    """Records are created, changed and deleted, and errors have their message and status."""
    made, changed, gone, after, wrong = call("@refinedev/simple-rest", url, [
        ["create", {"resource": "posts", "variables": {"title": "New", "user_id": 1}}],
        ["update", {"resource": "posts", "id": 1, "variables": {"title": "Changed"}}],
        ["deleteOne", {"resource": "posts", "id": 4}],
        ["getList", {"resource": "posts", "pagination": {"currentPage": 1, "pageSize": 3}}],
        ["create", {"resource": "posts", "variables": {"titel": "New"}}],
    ])  # fmt: skip
    assert (made["data"]["id"], made["data"]["title"]) == (POSTS + 1, "New")
    assert (changed["data"]["title"], changed["data"]["body"]) == ("Changed", "About DOGS")
    assert gone["data"]["id"] == 4
    assert (ids(after), after["total"]) == ([1, 2, 3], POSTS)
    assert wrong["status"] == 400
    assert "title" in wrong["error"]
