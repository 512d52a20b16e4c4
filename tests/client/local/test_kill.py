"""kill -9 of an app: what it had acknowledged is on the server, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hinterland.client.local.local import Local
from hinterland.kit.clock import ManualClock
from tests.house.tree import ROOT
from tests.support.sync_backend import SyncBackend

APP = """
import asyncio, sys
from hinterland.client.local.local import Local
from hinterland.kit.clock import SystemClock

async def main():
    local = Local(sys.argv[1], None, SystemClock())
    await local.open()
    await local.switch("ada")
    notes = local.collection("notes")
    for number in range(100_000):
        written = await notes.create({"text": str(number)})
        print(written.id, flush=True)

asyncio.run(main())
"""


def run_until_killed(path: Path, after: int) -> list[str]:
    """The ids that the app has printed, and so acknowledged, when it is killed after `after` of them."""
    printed = []
    with subprocess.Popen([sys.executable, "-c", APP, path], cwd=ROOT, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        for line in app.stdout:
            printed.append(line.strip())
            if len(printed) == after:
                app.kill()
    return printed  # also what the pipe still held; the last line may be cut


@pytest.mark.parametrize("after", [1, 7, 40])
async def test_an_app_killed_while_it_writes(
    tmp_path: Path, server: SyncBackend, clock: ManualClock, after: int
) -> None:
    """kill -9 of the app at any step: every acknowledged write exists exactly once."""
    path = tmp_path / "app.db"
    acknowledged = run_until_killed(path, after)
    local = Local(path, server, clock)
    await local.open()
    await local.switch("ada")
    waiting = (await local.outbox.counts()).waiting
    assert len(acknowledged) <= waiting + 1
    await local.sync.now()
    on_server = [str(key[2]) for key in await server.records()]
    assert {id for id in acknowledged if len(id) == 26} <= set(on_server)
    assert len(on_server) == len(set(on_server)) == waiting
    await local.close()
