"""An app's hooks, through every way in which its records are written."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Json, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.declaration import App, load
from hinterland.server.hooks import BeforeWrite, Hooks, Refuse
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.house.tree import ROOT
from tests.server.api import Api, problem, serving

POSTS = Collection(
    name="posts",
    fields={
        "title": Text(), "slug": Text(write="admin"), "state": Text(), "note": Text(read="false"),
        "rank": Text(write="admin"), "more": Json(),
    },
    rules=EVERYBODY,
)  # fmt: skip
VALUES = {"nul": "a\0b", "infinite": [math.inf], "half": "\ud800", "object": object()}
"""What is not JSON as a store must keep it, by the titles of posts for which a hook returns it."""
TASKS = Collection(name="tasks", fields={"text": Text()}, rules=EVERYBODY, ids="integer")


def declare_mistakes(app: App) -> None:
    """Hooks that fail, return something else than fields, and never end."""

    @app.before("posts")
    async def broken(write: BeforeWrite) -> None:
        if write.body.get("title") == "broken":
            raise ZeroDivisionError

    @app.before("posts", "create")
    async def unfit(write: BeforeWrite) -> dict[str, Any] | None:
        return {"more": VALUES[write.body["title"]]} if write.body.get("title") in VALUES else None

    @app.before("posts", "create")
    async def mistaken(write: BeforeWrite) -> Any:
        return True if write.body.get("title") == "mistaken" else None

    @app.before("posts", "create")
    async def slow(write: BeforeWrite) -> None:
        if write.body.get("title") == "slow":
            await asyncio.Event().wait()


def declare(app: App) -> None:
    """The hooks of a blog: a slug from the title, no title with spam, and published posts stay as they are."""
    declare_mistakes(app)

    @app.before("posts", "create", "update")
    async def with_slug(write: BeforeWrite) -> dict[str, Any] | None:
        title = write.body.get("title")
        return None if title is None else {**write.body, "slug": title.lower().replace(" ", "-")}

    @app.before("posts", "create", "update")
    async def trimmed(write: BeforeWrite) -> dict[str, Any]:
        return {name: value.strip() if isinstance(value, str) else value for name, value in write.body.items()}

    @app.before("posts", "create", "update")
    async def without_spam(write: BeforeWrite) -> None:
        if "spam" in (write.body.get("slug") or ""):
            raise Refuse(errors={"title": ["looks like spam"]})

    @app.before("posts", "update", "delete")
    async def published(write: BeforeWrite) -> None:
        assert write.old is not None
        if write.old["state"] == "published" and write.body.get("state") != "draft":
            raise Refuse("published posts can't be changed", code="conflict")

    @app.before("tasks", "update")
    async def longer(write: BeforeWrite) -> dict[str, Any] | None:
        assert write.old is not None
        return {"text": f"{write.old['text']}, {write.body['text']}"}

    @app.before("users", "create")
    async def members_only(write: BeforeWrite) -> None:
        if write.body["name"] == "stranger":
            raise Refuse("ask a member to invite you", code="forbidden")


@pytest.fixture(params=["sqlite", "postgres"])
async def blog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The blog's server on each database."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if request.param == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    async with serving(storage, collections=(users(), POSTS, TASKS), declare=declare) as api:
        yield api


HANGING = 120.0  # seconds, which nothing takes on the busiest machine


async def push(api: Api, headers: dict[str, str], *mutations: dict[str, Any]) -> list[dict[str, Any]]:
    """The outcomes of a device's mutations."""
    numbered = [{"id": f"m{one['seq']}", **one} for one in mutations]
    answer = await api("POST", "/v1/sync/push", json={"device": "d", "mutations": numbered}, headers=headers)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def test_a_hook_changes_a_write(blog: Api) -> None:
    """What a before-hook returns is written, a field that only administrators set included: the same through REST and
    sync."""
    made = await blog("POST", "/v1/records/posts", json={"id": "a", "title": "First Post"})
    assert (made.status_code, made.json()["slug"]) == (201, "first-post")
    changed = await blog("PATCH", "/v1/records/posts/a", json={"title": "Other"})
    assert (changed.status_code, changed.json()["slug"]) == (200, "other")
    whole = await blog("PUT", "/v1/records/posts/a", json={"title": "A Whole"})
    assert (whole.status_code, whole.json()["slug"]) == (200, "a-whole")
    sent = await blog("PATCH", "/v1/records/posts/a", json={"slug": "mine"})
    problem(sent, 400, "validation")
    ada = (await blog.sign_up("ada"))["headers"]
    create = {"act": "create", "collection": "posts", "id": "b", "body": {"title": "From Away"}}
    patch = {"act": "patch", "collection": "posts", "id": "b", "body": {"title": "Again"}}
    pushed = await push(blog, ada, {"seq": 1, "writes": [create]}, {"seq": 2, "writes": [patch]})
    assert [result["status"] for result in pushed] == ["applied", "applied"]
    assert (await blog("GET", "/v1/records/posts/b")).json()["slug"] == "again"


async def test_what_a_hook_makes_of_admin_only_fields(blog: Api) -> None:
    """A hook sets fields that only administrators set; what the caller sends in them is refused, also where a hook
    makes another value of it."""
    refused = await blog("POST", "/v1/records/posts", json={"id": "a", "title": "A", "rank": " first "})
    assert [*problem(refused, 400, "validation")["errors"]] == ["rank"]
    both = await blog("POST", "/v1/records/posts", json={"id": "a", "title": " A ", "slug": "mine"})
    assert [*problem(both, 400, "validation")["errors"]] == ["slug"]
    made = await blog("POST", "/v1/records/posts", json={"id": "a", "title": " A "})
    assert (made.json()["title"], made.json()["slug"]) == ("A", "-a-")
    for method in ("PATCH", "PUT"):
        answer = await blog(method, "/v1/records/posts/a", json={"title": "A", "rank": "first "})
        assert [*problem(answer, 400, "validation")["errors"]] == ["rank"]
    repeated = await blog("PATCH", "/v1/records/posts/a", json={"title": "B", "slug": made.json()["slug"]})
    assert (repeated.status_code, repeated.json()["slug"]) == (200, "b")
    ada = (await blog.sign_up("ada"))["headers"]
    write = {"act": "patch", "collection": "posts", "id": "a", "body": {"rank": " first"}}
    assert [one["status"] for one in await push(blog, ada, {"seq": 1, "writes": [write]})] == ["refused"]
    by_admin = await blog("PATCH", "/v1/records/posts/a", json={"rank": " first"}, headers=blog.admin)
    assert by_admin.json()["rank"] == "first"


async def test_what_is_not_json(blog: Api, caplog: pytest.LogCaptureFixture) -> None:
    """What a hook returns is kept as JSON, as what callers send is; what no store keeps alike is the hook's mistake."""
    for title in VALUES:
        problem(await blog("POST", "/v1/records/posts", json={"title": title}), 500, "internal")
    assert caplog.text.count("the before-hook unfit of posts failed") == len(VALUES)
    assert (await blog("GET", "/v1/records/posts?filter=has(record.more.x)")).status_code == 200


async def test_a_hook_refuses_a_write(blog: Api) -> None:
    """What a before-hook refuses is not written: REST answers with its problem, and a device gets the outcome `refused`
    with the same, while its other mutations go on."""
    refused = await blog("POST", "/v1/records/posts", json={"title": "Buy Spam"})
    body = problem(refused, 400, "validation")
    assert (body["message"], body["errors"]) == ("title: looks like spam", {"title": ["looks like spam"]})
    ada = (await blog.sign_up("ada"))["headers"]
    writes = [{"act": "create", "collection": "posts", "body": {"title": title}} for title in ("spam", "fine")]
    pushed = await push(blog, ada, *({"seq": n, "writes": [write]} for n, write in enumerate(writes, 1)))
    assert [result["status"] for result in pushed] == ["refused", "applied"]
    assert (pushed[0]["problem"]["code"], pushed[0]["problem"]["errors"]) == ("validation", body["errors"])
    assert await push(blog, ada, {"seq": 1, "writes": [writes[0]]}) == pushed[:1]
    listed = (await blog("GET", "/v1/records/posts")).json()["items"]
    assert [post["title"] for post in listed] == ["fine"]


async def test_hooks_see_what_is_written_over(blog: Api) -> None:
    """A hook sees the record as the write finds it: after the caller's earlier mutations, in one push and in one
    mutation, and after the writes of others, however they come together."""
    ada = (await blog.sign_up("ada"))["headers"]
    create = {"act": "create", "collection": "posts", "id": "p", "body": {"title": "T", "state": "published"}}
    delete = {"act": "delete", "collection": "posts", "id": "p"}
    redraft = {"act": "patch", "collection": "posts", "id": "p", "body": {"state": "draft"}}
    first = await push(blog, ada, {"seq": 1, "writes": [create, delete]})
    assert [result["status"] for result in first] == ["refused"]
    rest = ({"seq": n, "writes": writes} for n, writes in enumerate(([create], [delete], [redraft, delete]), 2))
    assert [result["status"] for result in await push(blog, ada, *rest)] == ["applied", "refused", "applied"]
    made = await blog("POST", "/v1/records/tasks", json={"text": "a"})
    path = f"/v1/records/tasks/{made.json()['id']}"
    answers = await asyncio.gather(*(blog("PATCH", path, json={"text": text}) for text in "bcde"))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted((await blog("GET", path)).json()["text"].split(", ")) == [*"abcde"]


async def test_hooks_of_records_with_stand_ins(blog: Api) -> None:
    """A device that names a record by its temporary id gets it before the hooks as everybody does."""
    ada = (await blog.sign_up("ada"))["headers"]
    create = {"act": "create", "collection": "tasks", "id": "~t", "body": {"text": "one"}}
    patch = {"act": "patch", "collection": "tasks", "id": "~t", "body": {"text": "two"}}
    pushed = await push(blog, ada, {"seq": 1, "writes": [create]}, {"seq": 2, "writes": [patch]})
    assert [result["status"] for result in pushed] == ["applied", "applied"]
    path = f"/v1/records/tasks/{pushed[0]['ids']['0']}"
    assert (await blog("GET", path)).json()["text"] == "one, two"
    assert await push(blog, ada, {"seq": 2, "writes": [patch]}) == pushed[1:]
    assert (await blog("GET", path)).json()["text"] == "one, two"


async def test_hooks_of_sign_up_and_imports(blog: Api) -> None:
    """Account operations and imports pass before-hooks as all writes do."""
    person = {"name": "stranger", "email": "s@example.org", "password": "correct horse"}
    refused = problem(await blog("POST", "/v1/auth/signup", json=person), 403, "forbidden")
    assert refused["message"] == "ask a member to invite you"
    rows = {"rows": [{"title": "One"}, {"title": "spam"}, {"title": "Two"}]}
    for rehearsal in (True, False):
        answer = await blog(
            "POST", "/v1/admin/import/posts", json={**rows, "is_rehearsal": rehearsal}, headers=blog.admin
        )
        assert (answer.json()["created"], [row["row"] for row in answer.json()["refused"]]) == (2, [1])
    listed = (await blog("GET", "/v1/records/posts")).json()["items"]
    assert [post["slug"] for post in listed] == ["one", "two"]


async def test_hidden_and_missing_records(blog: Api) -> None:
    """A write to a record that the caller can't see runs no hook: the answer is the one without hooks."""
    problem(await blog("PATCH", "/v1/records/posts/none", json={"title": "spam"}), 404, "not_found")
    problem(await blog("DELETE", "/v1/records/posts/none", headers={"If-Match": "*"}), 412, "stale")


async def test_a_hook_that_fails(blog: Api, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that fails ends its own write with an error of the server, which is logged with the hook's name, and
    as the cause in the line that has the request's id; a device's mutation keeps its place."""
    with caplog.at_level(logging.ERROR, "hinterland.hooks"):
        broken, fine = await asyncio.gather(
            *(blog("POST", "/v1/records/posts", json={"title": title}) for title in ("broken", "fine"))
        )
    problem(broken, 500, "internal")
    assert fine.status_code == 201
    assert "the before-hook broken of posts failed" in caplog.text
    [line] = [record for record in caplog.records if broken.json()["request_id"] in record.getMessage()]
    assert line.exc_info is not None
    assert line.exc_info[1] is not None
    assert isinstance(line.exc_info[1].__cause__, ZeroDivisionError)
    problem(await blog("POST", "/v1/records/posts", json={"title": "mistaken"}), 500, "internal")
    assert "it returned bool; return a dict of fields, or None" in caplog.text
    ada = (await blog.sign_up("ada"))["headers"]
    write = {"act": "create", "collection": "posts", "body": {"title": "broken"}}
    mutations = [{"seq": 1, "id": "m", "writes": [write]}]
    answer = await blog("POST", "/v1/sync/push", json={"device": "d", "mutations": mutations}, headers=ada)
    problem(answer, 500, "internal")
    [withdrawn] = await push(blog, ada, {"seq": 1, "id": "m", "writes": []})
    assert withdrawn["status"] == "withdrawn"


async def test_a_hook_that_takes_long(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that takes longer than the setting is ended, and its write with it; others are not kept waiting."""
    async with serving(SqliteStorage(tmp_path), collections=(users(), POSTS, TASKS), declare=declare) as blog:
        slow = asyncio.create_task(blog("POST", "/v1/records/posts", json={"title": "slow"}))
        assert (await blog("POST", "/v1/records/posts", json={"title": "fast"})).status_code == 201
        clock = blog.backend.clock
        assert isinstance(clock, ManualClock)
        while not slow.done():
            await clock.advance(1.0)
    problem(await slow, 500, "internal")
    assert "the before-hook slow of posts took longer than 5 s" in caplog.text


async def test_a_key_outlives_its_hooks(blog: Api) -> None:
    """A repetition with an idempotency key gets the kept answer, whatever a hook makes of it now."""
    await blog("POST", "/v1/records/posts", json={"id": "a", "title": "A"})
    keyed = {"json": {"state": "published"}, "headers": {"Idempotency-Key": "k"}}
    first = await blog("PATCH", "/v1/records/posts/a", **keyed)
    again = await blog("PATCH", "/v1/records/posts/a", **keyed)
    assert (again.status_code, again.content) == (200, first.content)
    problem(await blog("PATCH", "/v1/records/posts/a", json={"state": "x"}), 409, "conflict")


async def test_the_documented_hooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The app file of the page on hooks does what the page says."""
    page = (ROOT / "docs" / "hooks.md").read_text()
    (tmp_path / "app.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    loaded = load(tmp_path / "app.py")
    async with serving(
        SqliteStorage(tmp_path), collections=loaded.collections, declare=lambda app: setattr(app, "hooks", loaded.hooks)
    ) as api:
        post = {"id": "p", "title": "Hello World", "state": "published"}
        made = await api("POST", "/v1/records/posts", json=post)
        assert made.json()["slug"] == "hello-world"
        problem(await api("DELETE", "/v1/records/posts/p"), 409, "conflict")
        for invalid in ({}, {"title": 42}, {"title": ["a"]}):
            problem(await api("POST", "/v1/records/posts", json=invalid), 400, "validation")
        printed = ""
        async with asyncio.timeout(HANGING):
            while not printed:
                await api("GET", "/health")
                printed = capsys.readouterr().out
    assert printed == "new post hello-world\n"


async def test_the_address_of_a_sign_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A hook may write an e-mail address in another form, but not put another one into a sign-up or a change of the
    address: what the record says would not sign in."""

    def declare(app: App) -> None:
        @app.before("users", "create", "update")
        async def rewrite(write: BeforeWrite) -> dict[str, Any] | None:
            given = write.body.get("email", "")
            swapped = {"swap": "other@example.org", "drop": None, "bad": "no address"}.get(given.partition("@")[0])
            return {**write.body, "email": swapped if given[:4] in ("swap", "drop", "bad@") else given.upper()}

    async with serving(SqliteStorage(tmp_path), collections=(users(),), declare=declare) as api:
        person = {"name": "x", "password": "correct horse"}
        for name, status in (("swap", 500), ("drop", 500), ("bad", 400), ("ada", 201)):
            made = await api("POST", "/v1/auth/signup", json={**person, "email": f"{name}@example.org"})
            assert made.status_code == status, made.text
        change = {"email": "swap@example.org", "password": "correct horse"}
        headers = {"Authorization": f"Bearer {made.json()['token']}"}
        problem(await api("POST", "/v1/auth/email", json=change, headers=headers), 500, "internal")
        assert (await api("GET", "/v1/auth/me", headers=headers)).json()["email"] == "ada@example.org"
    assert caplog.text.count("the before-hooks of users changed the e-mail address that signs in") == 3


def test_what_a_hook_refuses_with() -> None:
    """A refusal takes one message of a field as it takes several, and has one of three codes."""
    assert Refuse(errors={"title": "is bad", "text": ["a", "b"]}).errors == {"title": ["is bad"], "text": ["a", "b"]}
    assert Refuse(errors={"title": "is bad"}).message == "title: is bad"
    with pytest.raises(ValueError, match="a hook refuses with the code validation, forbidden, conflict, not 'teapot'"):
        Refuse("no", code="teapot")  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgres"])
async def counting(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The second app file of the page on hooks, whose hooks read and write, on each database."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if request.param == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    page = (ROOT / "docs" / "hooks.md").read_text()
    (tmp_path / "app.py").write_text(page.partition("```python counting\n")[2].partition("```")[0])
    loaded = load(tmp_path / "app.py")
    async with serving(
        storage, collections=loaded.collections, declare=lambda app: setattr(app, "hooks", loaded.hooks)
    ) as api:
        yield api


async def likes_after_a_turn(api: Api) -> int:
    """The likes of the post p once the loop has turned, in which hooks run."""
    await asyncio.sleep(0)
    counted: int = (await api("GET", "/v1/records/posts/p")).json()["likes"]
    return counted


async def likes(api: Api, wanted: int) -> None:
    """Wait until the post p has so many likes."""
    async with asyncio.timeout(HANGING):
        while await likes_after_a_turn(api) != wanted:
            pass


async def test_hooks_that_read_and_write(counting: Api) -> None:
    """A before-hook reads other records, and an after-hook writes them as an administrator: also fields that callers
    can't set, and after a record that is gone."""
    assert (await counting("POST", "/v1/records/posts", json={"id": "p", "title": "a"})).status_code == 201
    assert (await counting("POST", "/v1/records/posts", json={"id": "q", "title": "b"})).status_code == 201
    refused = problem(await counting("POST", "/v1/records/posts", json={"title": "a"}), 409, "conflict")
    assert refused["message"] == "post p has this title"
    problem(await counting("PATCH", "/v1/records/posts/p", json={"likes": 5}), 400, "validation")
    for invalid in ({}, {"title": 5}, {"title": None}):  # which before-hooks get as they were sent
        assert (
            "title" in problem(await counting("POST", "/v1/records/posts", json=invalid), 400, "validation")["errors"]
        )
    made = await counting("POST", "/v1/records/posts/p/likes", json={"id": "l"})
    await likes(counting, 1)
    await counting("POST", "/v1/records/posts/q/likes", json={})
    await counting("DELETE", "/v1/records/posts/q")
    await counting("DELETE", "/v1/records/posts/p/likes/l", headers={"If-Match": made.headers["etag"]})
    await likes(counting, 0)


def test_declarations() -> None:
    """A hook that can't run is refused where it is declared, with what to do."""

    async def hook(write: BeforeWrite) -> None: ...

    async def greedy(backend: object, write: BeforeWrite, more: object) -> None: ...

    def plain(write: BeforeWrite) -> None: ...

    with pytest.raises(ValueError, match=r"unknown collection 'post' of a hook; declared are users"):
        App().before("post")
    with pytest.raises(ValueError, match=r"unknown writes 'remove'; use create, update or delete"):
        App().before("users", "remove")(hook)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the hook plain is not async; declare it with async def"):
        Hooks().add_before("users", (), plain)
    with pytest.raises(ValueError, match=r"the hook greedy must take \(write\), or \(backend, write\)"):
        Hooks().add_after("users", greedy)
