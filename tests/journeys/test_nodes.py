"""Two `hinterland serve` on one PostgreSQL: what counts at one counts at the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.support.marks import marks_app
from tests.support.server import ServerProcess
from tests.support.waiting import until

Nodes = tuple[httpx2.Client, httpx2.Client]
ADA = {"name": "Ada", "email": "ada@example.org", "password": "correct horse 7"}
END_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


@pytest.fixture
def nodes(server_process: Callable[..., ServerProcess], tmp_path: Path, postgres_dsn: str) -> Iterator[Nodes]:
    """Two servers."""
    app, env = marks_app(tmp_path), {"HINTERLAND_DATABASE_URL": postgres_dsn, "HINTERLAND_AUTH_ACCOUNT_GUESSES": "4"}
    urls = [server_process(app, tmp_path / f"data{number}", env=env).url for number in range(2)]
    with ExitStack() as stack:
        one, two = (stack.enter_context(httpx2.Client(base_url=url, timeout=30)) for url in urls)
        yield one, two


def signed_up(node: httpx2.Client) -> dict[str, str]:
    """The headers of a new user."""
    grant = node.post("/v1/auth/signup", json=ADA).json()
    return {"authorization": f"Bearer {grant['access_token']}"}


def test_a_ticket_counts_once(nodes: Nodes) -> None:
    """A ticket of one server opens one stream, whichever servers are asked at the same time."""
    one, two = nodes
    headers = signed_up(one)
    barrier = threading.Barrier(4)

    def opened(number: int, ticket: str) -> int:
        barrier.wait()
        with nodes[number % 2].stream("GET", f"/v1/events?collection=marks&ticket={ticket}") as answer:
            return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            ticket = two.post("/v1/events/ticket", headers=headers).json()["ticket"]
            found = sorted(pool.map(opened, range(4), [ticket] * 4))
            assert found == [200, 401, 401, 401]


def test_a_key_runs_once(nodes: Nodes) -> None:
    """Requests with one idempotency key at both servers at once create one record, and get its answer."""
    barrier = threading.Barrier(4)

    def posted(number: int, mark: str) -> httpx2.Response:
        barrier.wait()
        headers = {"idempotency-key": mark}
        while (
            answer := nodes[number % 2].post("/v1/records/marks", json={"mark": mark}, headers=headers)
        ).status_code == 409:
            pass  # the other one of this server is still running
        return answer

    with ThreadPoolExecutor(4) as pool:
        for turn in range(5):
            answers = [*pool.map(posted, range(4), [f"m{turn}"] * 4)]
            assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(201, answers[0].json()["id"])}
    assert nodes[0].get("/v1/records/marks?total=true").json()["total"] == 5


async def test_a_session_ends_everywhere(nodes: Nodes, postgres_dsn: str) -> None:
    """A session that ended at one server is refused by the other at its next look, also where the notifications of the
    database were lost."""
    one, two = nodes
    headers = signed_up(one)
    assert two.get("/v1/auth/me", headers=headers).status_code == 200
    database = await asyncpg.connect(postgres_dsn)
    assert await database.fetch(END_LISTENERS)
    await database.close()
    assert one.post("/v1/auth/logout", headers=headers).status_code < 300
    until(lambda: two.get("/v1/auth/me", headers=headers).status_code == 401, "the session did not end")


def test_guesses_are_counted_together(nodes: Nodes) -> None:
    """Failed log-ins at both servers fill one quota."""
    signed_up(nodes[0])
    wrong = {"email": ADA["email"], "password": "wrong horse 77"}
    found = [nodes[number % 2].post("/v1/auth/login", json=wrong).status_code for number in range(6)]
    assert found == [401, 401, 401, 401, 429, 429]
