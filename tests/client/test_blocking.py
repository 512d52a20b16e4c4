"""The small door without await."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from hinterland.client import BlockingClient
from hinterland.client.errors import ClientClosed, HinterlandError, NotFound
from hinterland.client.session import SignedIn, SignedOut
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.accounts import Challenge
from tests.client.conftest import URL, session

PATH = "/v1/records/posts"


class Post(msgspec.Struct):
    """A post as an app sees it."""

    title: str


@pytest.fixture
def script() -> Iterator[Scripted]:
    """A transport that answers by its script, which must have been played to its end."""
    scripted = Scripted()
    yield scripted
    scripted.finish()


@pytest.fixture
def client(script: Scripted) -> Iterator[BlockingClient]:
    """A client over the script."""
    with BlockingClient(URL, transport=script) as client:
        yield client


def test_an_account_without_await(client: BlockingClient, script: Scripted) -> None:
    """Every account operation is there, and blocks until it is done."""
    assert client.url == URL
    assert client.auth.state == SignedOut()
    script.expect("POST", "/v1/auth/signup").answer(201, json=session())
    assert client.auth.sign_up(name="Ada", email="a@b.c", password="a good password")["id"] == "u1"
    script.expect("POST", "/v1/auth/login").answer(json=session())
    client.auth.log_in(email="a@b.c", password="a good password")
    script.expect("GET", "/v1/auth/me").answer(json={"id": "u1"})
    assert client.auth.me() == {"id": "u1"} == client.auth.user
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    client.auth.refresh()
    script.expect("POST", "/v1/auth/password").answer(204)
    client.auth.change_password(password="a good password", new_password="a better password")
    script.expect("POST", "/v1/auth/email").answer(json={"id": "u1", "email": "n@b.c"})
    assert client.auth.change_email(email="n@b.c", password="a better password") == client.auth.user
    script.expect("POST", "/v1/auth/totp").answer(json={"secret": "S", "uri": "otpauth:"})
    assert client.auth.enrol_totp(password="a better password").secret == "S"
    script.expect("POST", "/v1/auth/totp/confirm").answer(json={"recovery_codes": ["a"]})
    assert client.auth.confirm_totp(code="123456") == ["a"]
    script.expect("POST", "/v1/auth/totp/disable").answer(204)
    client.auth.disable_totp(password="a better password", code="123456")
    script.expect("GET", "/v1/auth/sessions").answer(json={"items": []})
    assert client.auth.sessions() == []
    script.expect("DELETE", "/v1/auth/sessions/s1").answer(204)
    client.auth.end_session("s1")
    challenge = Challenge(challenge="c", methods=("totp",), expires_in=300)
    script.expect("POST", "/v1/auth/challenge").answer(json=session())
    assert client.auth.answer(challenge, code="123456")["id"] == "u1"
    assert isinstance(client.auth.state, SignedIn)
    script.expect("POST", "/v1/auth/logout").answer(204)
    client.auth.log_out()


def test_records_without_await(client: BlockingClient, script: Scripted) -> None:
    """Every record operation is there, typed as with await, and `iterate` is a plain iterator."""
    posts = client.collection("posts", Post)
    script.expect("GET", f"{PATH}/aggregate", query={"count": "*"}).answer(json={"items": [{"count": 2}], "next": ""})
    assert posts.aggregate(count="*").items == [{"count": 2}]
    script.expect("GET", f"{PATH}/aggregate", query={"group": "title"}).answer(json={"items": [{"title": "a"}]})
    assert posts.distinct("title") == [{"title": "a"}]
    script.expect("GET", f"{PATH}/1").answer(json={"title": "a"})
    assert posts.get(1) == Post("a")
    script.expect("GET", PATH, query={"page": "2", "author": "u"}).answer(json={"items": [], "total": 0})
    assert posts.list(page=2, author="u").total == 0
    script.expect("POST", PATH).answer(201, json={"title": "a"})
    assert posts.create(Post("a")) == Post("a")
    script.expect("PUT", f"{PATH}/1").answer(json={"title": "b"})
    assert posts.replace(1, Post("b")) == Post("b")
    script.expect("PATCH", f"{PATH}/1").answer(json={"title": "c"})
    assert posts.update(1, {"title": "c"}) == Post("c")
    script.expect("DELETE", f"{PATH}/1").answer(204)
    posts.delete(1)
    script.expect("GET", PATH).answer(json={"items": [{"title": "a"}, {"title": "b"}], "next": "c"})
    script.expect("GET", PATH).answer(json={"items": [{"title": "c"}]})
    assert [post.title for post in posts.iterate(limit=2)] == ["a", "b", "c"]
    script.expect("GET", "/v1/records/posts/1/comments/2").answer(404)
    with pytest.raises(NotFound):
        client.collection("comments", parent="posts/1").get(2)
    script.expect("GET", "/anything").answer(200, content=b"raw")
    assert client.request("GET", "/anything").content == b"raw"


def test_records_that_do_not_fit_without_await(client: BlockingClient, script: Scripted) -> None:
    """A record that does not fit the app's type hides no other, and is reported in `mismatches` of a page and of what
    `iterate` returns; an iteration that is closed early lets go."""
    posts = client.collection("posts", Post)
    items = [{"id": "1", "title": "a"}, {"id": "2", "title": None}, {"id": "3", "title": "c"}]
    for _ in range(3):
        script.expect("GET", PATH).answer(json={"items": items})
    page = posts.list()
    assert ([post.title for post in page.items], [each.path for each in page.mismatches]) == (
        ["a", "c"],
        ["posts/2.title"],
    )
    found = posts.iterate()
    assert ([post.title for post in found], [each.path for each in found.mismatches]) == (["a", "c"], ["posts/2.title"])
    left = posts.iterate()
    assert next(left).title == "a"
    left.close()
    assert list(left) == []


def test_events_without_await(client: BlockingClient, script: Scripted) -> None:
    """Events are a plain iterator; leaving it early closes the stream."""
    ready = b"id: c\nevent: ready\ndata: {}\n\n"
    script.expect("GET", "/v1/events").stream([ready, ready])
    for event in client.events(["posts"]):
        assert (event.kind, event.cursor) == ("ready", "c")
        break


def test_any_thread_may_call(client: BlockingClient, script: Scripted) -> None:
    """Calls from many threads share the one loop in the background."""
    script.expect("GET", f"{PATH}/1", times=40).answer(json={"title": "a"})
    posts = client.collection("posts", Post)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(posts.get, [1] * 40)) == [Post("a")] * 40


def test_a_closed_client_says_so(script: Scripted) -> None:
    """After closing, calls are errors at once, closing again is none, and no thread is left."""
    before = threading.active_count()
    client = BlockingClient(URL, transport=script)
    assert threading.active_count() == before + 1
    script.expect("GET", "/v1/events").stream([b"id: c\nevent: ready\ndata: {}\n\n", b""])
    events = client.events(["posts"])
    next(events)
    client.close()
    client.close()
    assert threading.active_count() == before
    with pytest.raises(ClientClosed):
        client.auth.me()
    with pytest.raises(ClientClosed):
        next(events)


def test_a_thread_that_waits_when_the_client_is_closed(script: Scripted, tmp_path: Path) -> None:
    """A thread that waits for an outcome, or for anything else, when another closes the client is reported."""
    client = BlockingClient(URL, transport=script, store=tmp_path / "app.db")
    script.expect("POST", "/v1/auth/login").answer(json=session())
    client.auth.log_in(email="a@b.c", password="a good password")
    written = client.run(client.client.local.collection("notes").create({"text": "kept"}))
    begun = threading.Event()

    async def waiting() -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    with ThreadPoolExecutor(2) as pool:
        outcome, other = pool.submit(client.run, written.settled()), pool.submit(client.run, waiting())
        begun.wait(20)
        client.close()
        assert isinstance(outcome.exception(timeout=20), ClientClosed)
        assert isinstance(other.exception(timeout=20), ClientClosed)


def test_local_records_without_await(script: Scripted, tmp_path: Path) -> None:
    """A client with a store is open at once, and `run` reaches all that the client can do; a store that can't be opened
    is an error that leaves no thread."""
    with BlockingClient(URL, transport=script, store=tmp_path / "app.db") as client:
        script.expect("POST", "/v1/auth/login").answer(json=session())
        client.auth.log_in(email="a@b.c", password="a good password")
        notes = client.client.local.collection("notes")
        client.run(notes.create({"text": "kept"}))
        assert [note["text"] for note in client.run(notes.list()).items] == ["kept"]
    before = threading.active_count()
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(HinterlandError):
        BlockingClient(URL, transport=script, store=tmp_path / "folder.db")
    assert threading.active_count() == before


def test_a_listener_can_not_wait_for_its_caller(client: BlockingClient, script: Scripted) -> None:
    """A listener runs in the client's own thread: waiting there for the client would never end, and is an error."""
    heard: list[str] = []

    def listener(_: object) -> None:
        try:
            client.auth.me()
        except RuntimeError as error:
            heard.append(str(error))

    client.client.auth.listen(listener)
    script.expect("POST", "/v1/auth/login").answer(json=session())
    client.auth.log_in(email="a@b.c", password="a good password")
    assert len(heard) == 2
    assert "in another thread" in heard[0]


LEFT_OPEN = """
from hinterland.client import BlockingClient
from hinterland.client.transports.scripted import Scripted, SILENCE
script = Scripted()
script.expect("GET", "/v1/events").stream([b"id: c\\nevent: ready\\ndata: {}\\n\\n", SILENCE])
client = BlockingClient("http://127.0.0.1:8000", transport=script)
events = client.events(["posts"])
print(next(events).kind)
"""


def test_a_script_that_closes_nothing_ends() -> None:
    """A script that leaves client and stream open ends all the same, in silence."""
    done = subprocess.run([sys.executable, "-c", LEFT_OPEN], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")
