"""The blocks of code on the pages of the documentation are run as they are shown, against a server process."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland.client import Client
from hinterland.kit.clock import SystemClock
from hinterland.server.security import totp
from tests.support.pages import ROOT, Block, blocks, run_python, run_shell
from tests.support.required import require_program
from tests.support.server import ServerProcess

ADA = {"name": "Ada", "email": "ada@example.org", "password": "7 lean oysters"}
LONGEST = 30.0  # seconds


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The README's notes, where Ada has signed up."""
    folder = tmp_path_factory.mktemp("notes")
    app = folder / "app.py"
    app.write_text(blocks("README.md", "python")[0].text)
    with ServerProcess(app, folder / "data") as server:
        httpx2.post(f"{server.url}/v1/auth/signup", json=ADA, timeout=LONGEST).raise_for_status()
        yield server


async def test_the_page_on_the_client(
    notes: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The programs of the client's page run, and after them its other blocks in one client, in the page's order."""
    monkeypatch.chdir(tmp_path)
    whole, blocking, *rest = [block for block in blocks("docs/client.md", "python") if block.is_run]
    for program in (whole, blocking):
        await run_python(program, {"__name__": "__main__"}, notes.url)
    names: dict[str, Any] = {"__name__": "page"}
    printed = []
    async with asyncio.timeout(LONGEST), Client(notes.url, store="app.db") as names["client"]:
        recovery_codes = await with_second_factor(names["client"])
        names["input"] = lambda _: recovery_codes.pop()
        await names["client"].local.collection("notes").create({})
        await names["client"].sync.now()
        capsys.readouterr()
        for block in rest:
            running = asyncio.create_task(run_python(block, names, notes.url))
            if "stream" in block.marks:
                printed.append(await seen(running, names["client"], capsys))
            else:
                await running
                printed.append(capsys.readouterr().out)
    assert [text for text in printed if "create" in text and "Seen" in text]
    assert "{'title': ['is required']}\n" in printed
    assert [text for text in printed if "{'type': 'pong'} True" in text]
    assert len(recovery_codes) == 9
    assert [text for text in printed if text.startswith("Counts(") and " refused Problem(" in text]
    assert "{} title: is required\n" in printed
    assert [text for text in printed if "\napplied None []\n['" in text and "'Without a network'" in text]


async def with_second_factor(client: Client) -> list[str]:
    """Turn a second factor on for Ada; the recovery codes."""
    setup = await client.auth.enrol_totp(password=ADA["password"])
    return await client.auth.confirm_totp(code=totp.code_at(setup.secret, SystemClock().now()))


async def seen(stream: asyncio.Task[None], client: Client, capsys: pytest.CaptureFixture[str]) -> str:
    """What a block that follows live events prints of the notes that are made meanwhile."""
    printed = ""
    while not printed and not stream.done():
        await client.collection("notes").create({"title": "Seen"})
        printed = capsys.readouterr().out
    if stream.done():
        stream.result()
    stream.cancel()
    await asyncio.wait([stream])
    return printed


async def test_the_tests_that_the_client_page_shows(tmp_path: Path) -> None:
    """The tests on the client's page pass."""
    shown = [block for block in blocks("docs/client.md", "python") if "test" in block.marks]
    names: dict[str, Any] = {"__name__": "page"}
    for block in shown:
        await run_python(block, names, "")
    tests = [made for name, made in names.items() if name.startswith("test_")]
    for test in tests:
        await (test(tmp_path) if inspect.signature(test).parameters else test())
    assert len(tests) == 2


def answers(page: str) -> list[Any]:
    """The JSON that a page shows."""
    return [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)]


def has_members(shown: Any, answer: Any) -> bool:
    """Whether an answer has the members that a page shows, at every depth."""
    if isinstance(shown, dict):
        return all(name in answer and has_members(shown[name], answer[name]) for name in shown)
    if isinstance(shown, list):
        return all(has_members(*pair) for pair in zip(shown, answer, strict=True))
    return type(shown) is type(answer)


def test_the_error_that_the_page_on_http_shows(notes: ServerProcess) -> None:
    """A wrong body is answered with the error that the page shows."""
    shown = next(answer for answer in answers("docs/http.md") if "status" in answer)
    with httpx2.Client(base_url=notes.url, timeout=LONGEST) as http:
        _, by_ben = signed_up(http, name="Ben", email="ben@example.org")
        answer = http.post("/v1/records/notes", json={"titel": "First"}, headers=by_ben).json()
    assert {**answer, "request_id": ""} == {**shown, "request_id": ""}


def test_the_page_on_http(notes: ServerProcess, tmp_path: Path) -> None:
    """Each command of the page on HTTP succeeds, one after another in one shell."""
    require_program("curl", "install curl")
    shown = [block for block in blocks("docs/http.md", "sh", "console") if block.is_run]
    printed = run_shell(shown, tmp_path, notes.url)
    session, record, listed, related, *_, described = answers("docs/http.md")
    assert has_members(session, json.loads(printed[1]))
    assert has_members(record, json.loads(printed[4]))
    found = json.loads(next(text for text in printed if '"total":' in text))
    assert has_members(listed, found)
    assert found["total"] == listed["total"]
    searched = next(text for text in printed if "watertight" in text)
    made, _, searched = searched.partition("}{")
    assert [item["title"] for item in json.loads("{" + searched)["items"]] == [json.loads(made + "}")["title"]]
    _, _, expanded = next(text for text in printed if "_expand" in text).partition("}{")
    assert has_members(related, json.loads("{" + expanded))
    assert [text for text in printed if "\nevent: ready\n" in text]
    assert [text for text in printed if "idempotency-replayed: true" in text.lower()]
    assert has_members(described, json.loads(printed[-1]))
    outcome, _, pulled = printed[-2].partition("}{")
    assert '"status":"applied"' in outcome
    assert "From afar" in pulled


@pytest.fixture
def served(tmp_path: Path, server_process: Callable[..., ServerProcess]) -> Iterator[Callable[[Block], httpx2.Client]]:
    """`served(block)` serves the app that the block declares; an HTTP client of it."""
    with ExitStack() as stack:

        def serve(block: Block) -> httpx2.Client:
            app = tmp_path / "app.py"
            app.write_text(block.text)
            return stack.enter_context(httpx2.Client(base_url=server_process(app).url, timeout=LONGEST))

        yield serve


def signed_up(http: httpx2.Client, **person: str) -> tuple[str, dict[str, str]]:
    """Sign a person up; the id, and the header that signs a request."""
    session = http.post("/v1/auth/signup", json={**ADA, **person}).raise_for_status().json()
    return session["user"]["id"], {"authorization": f"Bearer {session['access_token']}"}


def test_the_page_on_rules(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's rules: members see a project, and only its owner creates, changes and deletes it."""
    projects, *_ = blocks("docs/rules.md")
    http = served(projects)
    ada, by_ada = signed_up(http)
    grace, by_grace = signed_up(http, name="Grace", email="grace@example.org")
    project = {"id": "p", "title": "Engine", "members": [ada]}
    path = "/v1/records/projects/p"
    stolen = http.post("/v1/records/projects", json={**project, "owner": grace}, headers=by_ada)
    made = http.post("/v1/records/projects", json=project, headers=by_ada)
    hidden = http.get(path, headers=by_grace)
    shared = http.patch(path, json={"members": [ada, grace]}, headers=by_ada)
    listed = http.get("/v1/records/projects", headers=by_grace).json()["items"]
    refused = http.patch(path, json={"owner": grace}, headers=by_grace)
    kept = http.delete(path, headers=by_grace)
    assert (stolen.status_code, made.status_code, hidden.status_code, shared.status_code) == (403, 201, 404, 200)
    assert [record["owner"] for record in listed] == [ada]
    assert (refused.status_code, kept.status_code) == (403, 403)
    assert http.delete(path, headers=by_ada).status_code == 204


def test_the_callers_fields_of_the_page_on_rules(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's rules that read fields of the caller: a user has a plan, which lists compare, and can't set it."""
    *_, guides = blocks("docs/rules.md")
    http = served(guides)
    ada, by_ada = signed_up(http)
    assert http.get(f"/v1/records/users/{ada}", headers=by_ada).json()["plan"] == "free"
    assert http.get("/v1/records/guides", headers=by_ada).json()["items"] == []
    raised = http.patch(f"/v1/records/users/{ada}", json={"plan": "pro"}, headers=by_ada)
    assert (raised.status_code, raised.json()["code"]) == (400, "validation")


def test_the_teams_of_the_page_on_rules(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's rules that ask another collection: the batch that the page shows makes a team with its first member,
    whose owner invites others; members write and edit posts, and who is no member of the team writes and sees none."""
    _, teams, _ = blocks("docs/rules.md")
    http = served(teams)
    ada, by_ada = signed_up(http)
    grace, by_grace = signed_up(http, name="Grace", email="grace@example.org")
    shown = next(answer for answer in answers("docs/rules.md") if "writes" in answer)
    team, _ = http.post("/v1/batch", json=shown, headers=by_ada).raise_for_status().json()["results"]
    post = {"team": team["id"], "title": "Steam"}
    made = http.post("/v1/records/posts", json=post, headers=by_ada).raise_for_status().json()
    path, invitation = f"/v1/records/posts/{made['id']}", {"team": team["id"], "email": "grace@example.org"}
    assert http.post("/v1/records/posts", json=post, headers=by_grace).status_code == 403
    for name in ("posts", "members", "teams"):
        assert http.get(f"/v1/records/{name}", headers=by_grace).json()["items"] == []
    joined = http.post("/v1/records/members", json={"team": team["id"]}, headers=by_grace)
    others = http.post("/v1/functions/teams.invite", json=invitation, headers=by_grace)
    assert (joined.status_code, others.status_code) == (403, 404)
    for email in ("grace@example.org", "grace@example.org", "nobody@example.org"):
        answer = http.post("/v1/functions/teams.invite", json={**invitation, "email": email}, headers=by_ada)
        assert answer.status_code == 204
    listed = http.get("/v1/records/members", headers=by_grace).json()["items"]
    assert {member["user"] for member in listed} == {ada, grace}
    assert len(listed) == 2
    assert http.patch(path, json={"title": "Steam engines"}, headers=by_grace).status_code == 200
    assert http.patch(path, json={"author": grace}, headers=by_grace).status_code == 403
    assert http.delete(path, headers=by_grace).status_code == 403
    assert http.delete(path, headers=by_ada).status_code == 204


def test_the_app_of_the_page_on_collections(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's app file is served: everybody lists products, only administrators create them, users have `about`."""
    shop, *_ = blocks("docs/collections.md")
    http = served(shop)
    _, by_ada = signed_up(http, about="Engines")
    product = http.post("/v1/records/products", json={"name": "Tent", "price": 90}, headers=by_ada)
    review = http.post("/v1/records/products/none/reviews", json={"stars": 5}, headers=by_ada)
    assert http.get("/v1/auth/me", headers=by_ada).json()["about"] == "Engines"
    assert (product.status_code, review.status_code) == (403, 404)
    assert http.get("/v1/records/products", params={"category": "gear", "sort": "price"}).json()["items"] == []


def test_the_references_of_the_page_on_collections(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's articles refer to their author, and to other articles, which can't be deleted then."""
    _, blog, *_ = blocks("docs/collections.md")
    http = served(blog)
    ada, by_ada = signed_up(http)
    made = http.post("/v1/records/articles", json={"id": "a", "title": "Engines"}, headers=by_ada)
    answer = http.post("/v1/records/articles", json={"title": "Yes", "answers": "a"}, headers=by_ada)
    lost = http.post("/v1/records/articles", json={"title": "No", "topic": "none"}, headers=by_ada)
    assert (made.json()["author"], answer.json()["answers"], [*lost.json()["errors"]]) == (ada, "a", ["topic"])
    assert http.delete("/v1/records/articles/a", headers=by_ada).json()["code"] == "conflict"
    assert http.delete(f"/v1/records/articles/{answer.json()['id']}", headers=by_ada).status_code == 204
    assert http.delete("/v1/records/articles/a", headers=by_ada).status_code == 204


def test_the_likes_of_the_page_on_collections(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's likes have an id of the post and the user: no other id is allowed, and the post must exist."""
    _, _, likes, *_ = blocks("docs/collections.md")
    http = served(likes)
    ada, by_ada = signed_up(http)
    for id in ("other", f"p:{ada}x"):
        answer = http.put(f"/v1/records/likes/{id}", json={"post": "p"}, headers={**by_ada, "if-none-match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    own = http.put(f"/v1/records/likes/p:{ada}", json={"post": "p"}, headers={**by_ada, "if-none-match": "*"})
    assert [*own.json()["errors"]] == ["post"]


def test_the_objects_of_the_page_on_collections(served: Callable[[Block], httpx2.Client]) -> None:
    """The page's orders have an address and lines, whose errors name the member."""
    _, _, _, orders, _ = blocks("docs/collections.md")
    http = served(orders)
    address = {"street": "Via Roma 1", "city": "Rome", "note": None}
    order = {"due": "2026-01-31", "address": address, "lines": [{"item": "tent", "count": 2}]}
    made = http.post("/v1/records/orders", json=order).json()
    wrong = {**order, "address": {"street": "Via Roma 1"}, "lines": [{"item": "tent", "count": 0}]}
    assert {name: made[name] for name in order} == order
    assert [*http.post("/v1/records/orders", json=wrong).json()["errors"]] == ["address.city", "lines.0.count"]
    question = {"filter": 'record.address.city == "Rome" && record.due < "2026-02-01"'}
    assert http.get("/v1/records/orders", params=question).json()["items"] == [made]


def test_the_kind_that_the_page_on_collections_adds(served: Callable[[Block], httpx2.Client]) -> None:
    """The kind of field that the page adds checks, stores and finds its values."""
    *_, kind = blocks("docs/collections.md")
    http = served(kind)
    made = http.post("/v1/records/walls", json={"color": "#FF8800"})
    refused = http.post("/v1/records/walls", json={"color": "orange"})
    assert made.json()["color"] == "#ff8800"
    assert refused.json()["errors"] == {"color": ["must be a colour such as #ff8800"]}
    assert http.get("/v1/records/walls", params={"color": "#ff8800"}).json()["items"] == [made.json()]


def test_the_command_of_the_page_on_own_operations(served: Callable[[Block], httpx2.Client], tmp_path: Path) -> None:
    """The page's call of its operation answers the sum of the caller's orders of the year."""
    require_program("curl", "install curl")
    http = served(blocks("docs/functions.md", "python")[0])
    _, by_ada = signed_up(http)
    for year, amount in ((2025, 1), (2026, 20), (2026, 22)):
        http.post("/v1/records/orders", json={"amount": amount, "year": year}, headers=by_ada).raise_for_status()
    shown = [block for block in blocks("docs/functions.md", "sh") if block.is_run]
    token = by_ada["authorization"].removeprefix("Bearer ")
    printed = run_shell(shown, tmp_path, str(http.base_url).rstrip("/"), TOKEN=token)
    assert [json.loads(text) for text in printed] == [{"amount": 42, "orders": 2}]
