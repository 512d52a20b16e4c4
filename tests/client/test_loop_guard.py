"""One client, one event loop: what comes from elsewhere is refused, and harms nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import WrongLoop
from hinterland.client.loop_guard import LoopGuard
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import running_backend
from tests.client.conftest import log_in

NOTES = Collection(name="notes", fields={"text": Text()}, rules=EVERYBODY)
CALLS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "sync.now": lambda client: client.sync.now(),
    "sync.stop": lambda client: client.sync.stop(),
    "sync.watch": lambda client: anext(client.sync.watch()),
    "outbox.list": lambda client: client.outbox.list(),
    "outbox.watch": lambda client: anext(client.outbox.watch()),
    "outbox.settled": lambda client: client.outbox.settled("x"),
    "local.list": lambda client: client.local.collection("notes").list(),
    "local.create": lambda client: client.local.collection("notes").create({"text": "x"}),
    "local.watch": lambda client: anext(client.local.collection("notes").watch()),
    "local.states": lambda client: anext(client.local.collection("notes").states()),
    "remote.list": lambda client: client.collection("notes").list(),
    "request": lambda client: client.request("GET", "/health"),
    "events": lambda client: anext(client.events(["notes"])),
    "auth.log_in": lambda client: client.auth.log_in(email="a@b.c", password="x"),
    "auth.log_out": lambda client: client.auth.log_out(),
    "auth.refresh": lambda client: client.auth.refresh(),
    "auth.me": lambda client: client.auth.me(),
    "auth.states": lambda client: anext(client.auth.states()),
    "open": lambda client: client.open(),
    "close": lambda client: client.close(),
}


def in_another_thread(act: Callable[[], Any]) -> BaseException | None:
    """What `act` raises in a thread of its own."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


async def _awaited(call: Callable[[Client], Awaitable[Any]], client: Client) -> None:
    await call(client)


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_from_another_loop_is_refused(name: str, tmp_path: Path) -> None:
    """A call from another event loop is refused at once with the way out, whatever it is, and the owner goes on."""
    async with running_backend([NOTES]) as backend:
        client = await backend.client(store=tmp_path / "app.db")
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
        client.sync.start()
        await (await client.local.collection("notes").create({"text": "before"})).settled()
        error = in_another_thread(lambda: asyncio.run(_awaited(CALLS[name], client)))
        assert isinstance(error, WrongLoop)
        assert "run_coroutine_threadsafe" in str(error)
        assert client.auth.user is not None
        written = await client.local.collection("notes").create({"text": "after"})
        assert (await written.settled()).is_applied


async def test_a_nudge_from_a_thread_is_refused(make: Callable[..., Client], script: Scripted, tmp_path: Path) -> None:
    """So is a call of a thread without a loop that would wake the owner's tasks."""
    async with make(store=tmp_path / "app.db") as client:
        await log_in(client, script)
        for act in (client.sync.nudge, client.sync.start):
            assert isinstance(in_another_thread(act), WrongLoop)


def test_a_client_of_a_loop_that_has_ended(script: Scripted) -> None:
    """A client that was used in one `asyncio.run` is refused in the next; one that was only made is bound to none."""
    client = Client("http://127.0.0.1:8000", transport=script)
    script.expect("GET", "/x").answer(200)
    asyncio.run(_awaited(lambda client: client.request("GET", "/x"), client))
    with pytest.raises(WrongLoop):
        asyncio.run(_awaited(lambda client: client.request("GET", "/x"), client))


async def test_the_owner_passes() -> None:
    """The loop of the first use passes always; before that, code without a loop does as well."""
    guard = LoopGuard()
    assert in_another_thread(guard.check) is None
    guard.check()
    guard.check()
    assert isinstance(in_another_thread(guard.check), WrongLoop)


FORKED = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore")
from hinterland.client import BlockingClient
from hinterland.client.client import Client
from hinterland.client.errors import WrongLoop
from hinterland.client.transports.scripted import Scripted

script = Scripted()
script.expect("GET", "/x").answer(200)
client = Client("http://127.0.0.1:8000", transport=script)
door = BlockingClient("http://127.0.0.1:8000", transport=script)

async def main():
    await client.request("GET", "/x")
    child = os.fork()
    if child == 0:
        outcomes = []
        for act in (lambda: asyncio.new_event_loop().run_until_complete(client.request("GET", "/x")),
                    lambda: door.request("GET", "/x")):
            asyncio._set_running_loop(None)
            try:
                act()
            except WrongLoop as error:
                outcomes.append(error)
        door.close()
        os._exit(0 if len(outcomes) == 2 else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

asyncio.run(main())
script.expect("GET", "/x").answer(200)
print(door.request("GET", "/x").status)
door.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_is_refused() -> None:
    """A forked process can't use its parent's client, blocking or not, and the parent's goes on."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("0\n200\n", "")
