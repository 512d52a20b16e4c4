"""Two `hinterland serve` on one PostgreSQL: second factors, roles, keys, declarations and memberships of one hold at
the other, also under load."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import httpx2
import msgspec
import pytest

from hinterland.cli.reaching import app_of
from hinterland.contract.events import Commit
from hinterland.kit.event_stream import EventStreamParser
from hinterland.server.app import opened
from hinterland.server.auth.login import log_in
from hinterland.server.declaration import App
from hinterland.server.security import totp
from hinterland.server.storage.postgres import PostgresStorage
from tests.support.command import hinterland
from tests.support.postgres import PostgresCluster
from tests.support.server import ServerProcess
from tests.support.waiting import until

APP = """
from hinterland.contract import EVERYBODY, Collection, Reference, Rules, Text
from hinterland.server import App

is_member = "members.exists(m, m.team == record.team && m.user == auth.id)"
app = App(collections=[
    Collection(name="teams", fields={}, is_open=True, rules=EVERYBODY),
    Collection(name="members", fields={"team": Text(index=True), "user": Text(index=True)}, rules=EVERYBODY),
    Collection(name="posts", fields={"team": Text(index=True), "text": Text()},
               rules=Rules(list=is_member, view=is_member, create="true", update="true", delete="true")),
    Collection(name="drafts", fields={"text": Text()},
               rules=Rules(list="'editor' in auth.roles", view="'editor' in auth.roles")),
])
"""
ROOT = {"email": "root@example.org", "password": "a long one to remember"}
PASSWORD = "correct horse 7"
PATIENCE = 60.0  # seconds


class Nodes:
    """Two servers on the database `dsn`, with an administrator."""

    def __init__(self, dsn: str, app: App, clients: list[httpx2.Client]) -> None:
        self.dsn = dsn
        self.app = app
        self.both = one, two = clients
        self.one, self.two = one, two
        env = {"HINTERLAND_DATABASE_URL": dsn, "HINTERLAND_ADMIN_PASSWORD": ROOT["password"]}
        created = hinterland("admin", "create", ROOT["email"], env=env)
        assert created.code == 0, created
        self.admin = {"authorization": f"Bearer {one.post('/v1/admin/login', json=ROOT).json()['token']}"}

    def signed_up(self, name: str) -> tuple[str, dict[str, str]]:
        """The id and the headers of a new user."""
        form = {"name": name, "email": f"{name}@example.org", "password": PASSWORD}
        grant = self.one.post("/v1/auth/signup", json=form).json()
        headers = {"authorization": f"Bearer {grant['access_token']}"}
        return self.two.get("/v1/auth/me", headers=headers).json()["id"], headers


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, postgres_cluster: PostgresCluster) -> Iterator[Nodes]:
    """Two servers for all tests, each of which has users and teams of its own."""
    folder = tmp_path_factory.mktemp("nodes")
    app = folder / "app.py"
    app.write_text(APP)
    with ExitStack() as stack:
        dsn = stack.enter_context(postgres_cluster.database())
        env = {"HINTERLAND_DATABASE_URL": dsn}
        servers = [ServerProcess(app, folder / f"data{number}", env=env) for number in range(2)]
        urls = [stack.enter_context(server).url for server in servers]
        yield Nodes(dsn, app_of(app), [stack.enter_context(httpx2.Client(base_url=url, timeout=30)) for url in urls])


def test_a_challenge_is_answered_elsewhere(nodes: Nodes) -> None:
    """A log-in that begins at one server ends at the other, once; a code that was used at one is refused at the other,
    whichever are asked at the same time; wrong codes at both use up one challenge."""
    _, headers = nodes.signed_up("ada")
    login = {"email": "ada@example.org", "password": PASSWORD}
    secret = nodes.one.post("/v1/auth/totp", json={"password": PASSWORD}, headers=headers).json()["secret"]
    code = totp.code_at(secret, time.time() - totp.INTERVAL)
    assert nodes.two.post("/v1/auth/totp/confirm", json={"code": code}, headers=headers).status_code == 200

    def challenge(node: httpx2.Client) -> str:
        return str(node.post("/v1/auth/login", json=login).json()["details"]["challenge"])

    challenges, code = [challenge(nodes.one), challenge(nodes.two)], totp.code_at(secret, time.time())
    barrier = threading.Barrier(4)

    def answered(number: int) -> int:
        barrier.wait()
        form = {"challenge": challenges[number // 2], "code": code}
        return nodes.both[number % 2].post("/v1/auth/challenge", json=form).status_code

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(answered, range(4))]
    assert sorted(found)[0] == 200
    assert found.count(200) == 1, found
    last = challenge(nodes.one)
    wrong = [nodes.both[n % 2].post("/v1/auth/challenge", json={"challenge": last, "code": "wrong"}) for n in range(6)]
    assert [answer.json()["code"] for answer in wrong] == ["validation"] * 5 + ["invalid_challenge"], wrong


def test_a_role_counts_everywhere(nodes: Nodes) -> None:
    """A role that is granted at one server counts at the other for the next request and ends the streams there; so does
    its revocation."""
    _, headers = nodes.signed_up("bea")
    assert nodes.one.post("/v1/records/drafts", json={"text": "x"}, headers=nodes.admin).status_code == 201

    def seen() -> int:
        return len(nodes.two.get("/v1/records/drafts", headers=headers).json()["items"])

    for change, before in (("grant", 0), ("revoke", 1)):
        assert seen() == before
        with nodes.two.stream("GET", "/v1/events?collection=teams", headers=headers) as stream:
            assert stream.status_code == 200
            body = {"user": "bea@example.org", change: ["editor"]}
            assert nodes.one.post("/v1/admin/roles", json=body, headers=nodes.admin).status_code == 200
            stream.read()  # it ends
        assert seen() == 1 - before


async def test_a_new_signing_key(nodes: Nodes) -> None:
    """A token that another server signs with a new key is accepted at once, and listed; those signed before stay
    valid."""
    _, before = nodes.signed_up("cem")
    async with opened(nodes.app, PostgresStorage(nodes.dsn)) as third:
        await third.keys.rotate()
        form = {"email": "cem@example.org", "password": PASSWORD}
        session = await log_in(third.accounts, form, "192.0.2.1")
        new, kid = session.access_token, third.keys.signing.kid
    for node in nodes.both:
        for headers in ({"authorization": f"Bearer {new}"}, before):
            assert node.get("/v1/auth/me", headers=headers).status_code == 200
        assert kid in {key["kid"] for key in node.get("/.well-known/jwks.json").json()["keys"]}


def declare(nodes: Nodes, number: int) -> None:
    """Add a collection and a field at one server, and write both at the other."""
    here, there = nodes.both[number % 2], nodes.both[(number + 1) % 2]
    rules = dict.fromkeys(("list", "view", "create", "update", "delete"), "true")
    fields = {f"field{n}": {"kind": "text"} for n in range(number + 1)}
    growing = {"name": "growing", "fields": fields, "rules": rules}
    extra = {"name": f"extra{number}", "fields": {}, "rules": rules, "is_open": True}
    answer = here.post("/v1/admin/schema", json={"collections": [growing, extra]}, headers=nodes.admin)
    assert answer.status_code == 200, answer.text
    path = f"/v1/records/extra{number}"
    until(lambda: there.get(path).status_code == 200, "the other server does not serve it")
    assert there.post(path, json={"id": "a"}).status_code == 201
    made = there.post("/v1/records/growing", json={f"field{number}": "kept"})
    assert made.status_code == 201, made.text
    assert here.get(f"/v1/records/growing/{made.json()['id']}").json() == made.json()


def test_a_declaration_under_writes(nodes: Nodes) -> None:
    """While both servers write, collections and fields are added at both: each serves what the other declared, no write
    fails, none is lost, and values of a new field are kept by both."""
    written: list[str] = []
    is_over = threading.Event()

    def write(number: int) -> None:
        turn = 0
        while not is_over.is_set():
            turn += 1
            body = {"id": f"{number}-{turn}"}
            answer = nodes.both[number % 2].post("/v1/records/teams", json=body)
            assert answer.status_code == 201, answer.text
            written.append(body["id"])

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        try:
            for number in range(6):
                declare(nodes, number)
        finally:
            is_over.set()
        for writer in writers:
            writer.result()
    found = set[str]()
    cursor = ""
    while True:
        page = nodes.one.get(f"/v1/records/teams?limit=1000&cursor={cursor}").json()
        found |= {item["id"] for item in page["items"]}
        if not (cursor := page.get("next", "")):
            break
    assert len(written) == len(set(written))
    assert found >= set(written)


@asynccontextmanager
async def follower(url: str, headers: dict[str, str]) -> AsyncIterator[Callable[[], dict[str, Any]]]:
    """Follows the posts that a user sees, and comes back where the stream ends; gives what it has seen last."""
    seen: dict[str, Any] = {}
    cursor = ""

    async def follow() -> dict[str, Any]:
        nonlocal cursor
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE, headers=headers) as client:
            while True:
                path = f"/v1/events?collection=posts&cursor={cursor}"
                async with client.stream("GET", path) as answer:
                    assert answer.status_code == 200, await answer.aread()
                    parser = EventStreamParser()
                    async for data in answer.aiter_bytes():
                        for message in parser.feed(data):
                            assert message.event != "resync", message.data
                            cursor = message.id or cursor
                            if message.event == "ready":
                                ready.set()
                            if message.event == "commit":
                                for change in msgspec.json.decode(message.data, type=Commit).changes:
                                    if change.record is None:
                                        seen.pop(str(change.id), None)
                                    else:
                                        seen[str(change.id)] = change.record

    ready = asyncio.Event()
    task = asyncio.create_task(follow())
    await asyncio.wait_for(ready.wait(), PATIENCE)
    try:
        yield lambda: task.result() if task.done() else seen
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_memberships_under_load(nodes: Nodes) -> None:
    """Memberships and posts change at both servers at once: streams at either show at the end exactly the posts that a
    list shows, of teams that the user is in."""
    chance = random.Random(9)
    people = [await asyncio.to_thread(nodes.signed_up, name) for name in ("dan", "eve")]
    teams = [f"t{number}" for number in range(3)]

    async def change(number: int) -> None:
        async with httpx2.AsyncClient(base_url=nodes.both[number % 2].base_url, timeout=PATIENCE) as client:
            for turn in range(40):
                team, (user, _) = chance.choice(teams), chance.choice(people)
                member = f"{team}-{user}"
                if chance.random() < 0.5:
                    body = {"team": team, "text": f"{number}-{turn}"}
                    if chance.random() < 0.5:
                        answer = await client.post("/v1/records/posts", json={"id": f"{number}-{turn}", **body})
                        assert answer.status_code == 201, answer.text
                    else:  # a post moves, with everybody who is in the teams
                        await client.patch(f"/v1/records/posts/{number}-{chance.randrange(40)}", json=body)
                elif chance.random() < 0.5:
                    await client.delete(f"/v1/records/members/{member}")
                else:
                    body = {"id": member, "team": team, "user": user}
                    assert (await client.post("/v1/records/members", json=body)).status_code in (201, 409)

    async with (
        follower(str(nodes.one.base_url), people[0][1]) as first,
        follower(str(nodes.two.base_url), people[0][1]) as second,
        follower(str(nodes.one.base_url), people[1][1]) as third,
        follower(str(nodes.two.base_url), people[1][1]) as fourth,
    ):
        await asyncio.gather(*(change(number) for number in range(4)))
        for (_, headers), pair in zip(people, ((first, second), (third, fourth)), strict=True):
            items = nodes.one.get("/v1/records/posts?limit=1000", headers=headers).json()["items"]
            listed = {item["id"]: item for item in items}
            for seen in pair:
                await asyncio.to_thread(until, partial(is_shown, seen, listed), "a stream shows something else")


def is_shown(seen: Callable[[], dict[str, Any]], listed: dict[str, Any]) -> bool:
    """Whether a stream shows what the list does."""
    return seen() == listed
