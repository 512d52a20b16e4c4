"""A device whose disk is full still pushes what waits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hinterland.client.errors import HinterlandError
from hinterland.client.local.errors import StoreFull
from hinterland.client.local.local import Local
from hinterland.kit.clock import ManualClock
from tests.support.sync_backend import SyncBackend

SIZE = 16 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this process may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left; answers the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 1_024)
        except OSError:
            return ballast


async def opened(disk: Path, server: SyncBackend, clock: ManualClock) -> Local:
    """The device's store, of a signed-in user."""
    local = Local(disk / "app.db", server, clock)
    await local.open()
    await local.switch("ada")
    local.collection("notes")
    return local


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("count", [3, 60])
async def test_a_full_disk_does_not_stop_the_outbox(
    disk: Path, server: SyncBackend, clock: ManualClock, is_restarted: bool, count: int
) -> None:
    """On a full disk nothing new is kept, and what waits is sent, each once, after a restart too; with room again
    everything goes on."""
    local = await opened(disk, server, clock)
    for number in range(count):
        await local.collection("notes").create({"text": f"{number} {'x' * 500}"})
    if is_restarted:
        await local.close()
    ballast = fill(disk)
    if is_restarted:
        local = await opened(disk, server, clock)
    else:
        with pytest.raises(StoreFull):
            while True:
                await local.collection("notes").create({"text": "y" * 9_000})
    errors = [await round_of(local) for _ in range(3)]
    assert {type(error) for error in errors} <= {StoreFull, type(None)}
    assert len([record for record in (await server.records()).values() if record["text"][0] != "y"]) == count
    assert (await local.outbox.counts()).waiting == 0
    ballast.unlink()
    await local.sync.now()
    assert await local.outbox.list() == []
    assert len(await server.applied()) == len(await server.records())
    assert (disk / "app.db-reserve").exists()
    await local.close()


async def round_of(local: Local) -> HinterlandError | None:
    """The error that a round of synchronisation ends with."""
    try:
        await local.sync.now()
    except HinterlandError as error:
        return error
    return None
