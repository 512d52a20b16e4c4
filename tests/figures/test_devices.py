"""Devices that edit offline and are killed, a server that is killed, and what all of them hold in the end."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from hinterland.client.client import Client
from tests.figures import device
from tests.figures.device import ACCOUNT, Plan, base_notes, digest_of
from tests.figures.scale import SEED, SEEDS, Progress, figure, sized
from tests.support.server import ServerProcess

DEVICES = 3
EDITS = sized(100, 10_000)  # of each device
PARTITIONS = sized(2, 5)
DEVICE_KILLS = sized(1, 3)  # of each device
SERVER_KILLS = sized(1, 2)
WITHIN = 10.0  # seconds from healing until all replicas are equal
LONGEST = 120.0
APP = """
from hinterland.server import App
from tests.figures.device import NOTES

app = App(collections=[NOTES])
"""


class Phone:
    """A device as a process, killed at some of its edits and started again."""

    def __init__(self, url: str, store: Path, seed: int, number: int, on_edit: Callable[[], None]) -> None:
        self.plan = Plan(
            url=url, store=str(store), seed=seed, device=number, first=0, edits=EDITS, partitions=PARTITIONS
        )
        self.kept: Counter[str] = Counter()
        self.held: list[str] = []
        chance = Random(f"{seed} kills {number}")
        self.killed_at = sorted(chance.randrange(1, EDITS) for _ in range(DEVICE_KILLS))
        self._on_edit = on_edit
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        """Start the app where it was."""
        plan = msgspec.structs.replace(self.plan, first=self.kept.total())
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", device.__name__, msgspec.json.encode(plan).decode(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def edit(self) -> None:
        """Until it has made all its edits, whatever happens to it."""
        await self.start()
        while (line := await self._line()) != "edited":
            self.kept[line] += 1
            self._on_edit()
            if self.killed_at and self.kept.total() == self.killed_at[0]:
                self.killed_at.pop(0)
                await self.kill()
                await self.start()

    async def kill(self) -> None:
        """kill -9. What it had printed was kept."""
        self._process.kill()
        assert self._process.stdout is not None
        rest = (await self._process.stdout.read()).decode().split("\n")[:-1]
        self.kept.update(line for line in rest if line != "edited")
        await self._process.wait()

    async def tell(self, line: str, answer: str) -> None:
        """Say something and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        assert await self._line() == answer

    async def end(self) -> None:
        """What could not be applied, and its clean end."""
        self.held = (await self._line()).split()[1:]
        assert await self._process.wait() == 0

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the device has ended"
        return line.decode().strip()


class Fleet:
    """Some devices of one person and their server."""

    def __init__(self, server: ServerProcess, folder: Path, seed: int) -> None:
        self.server = server
        self.progress = Progress(f"offline edits of seed {seed}", DEVICES * EDITS)
        self.phones = [Phone(server.url, folder / f"{n}.db", seed, n, self._edited) for n in range(DEVICES)]
        chance = Random(f"{seed} server")
        self._killed_at = sorted(chance.randrange(1, DEVICES * EDITS) for _ in range(SERVER_KILLS))
        self._killing: asyncio.Task[None] | None = None
        self.edits = 0

    def _edited(self) -> None:
        self.edits += 1
        self.progress.at(self.edits)
        if self._killed_at and self.edits >= self._killed_at[0]:
            self._killed_at.pop(0)
            self._killing = asyncio.create_task(self._kill(self._killing))

    async def _kill(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        self.server.kill()
        await asyncio.to_thread(self.server.start)

    async def edit(self) -> None:
        """All edits, on all devices at once."""
        await asyncio.gather(*(phone.edit() for phone in self.phones))
        if self._killing is not None:
            await self._killing

    async def heal(self, client: Client) -> tuple[float, float]:
        """Seconds from the network's return until each has synced once, and until all replicas are equal."""
        began = time.monotonic()
        await asyncio.gather(*(phone.tell("heal", "synced") for phone in self.phones))
        synced = time.monotonic() - began
        digest = digest_of([note async for note in client.collection("notes").iterate(limit=1_000)])
        await asyncio.gather(*(phone.tell(digest, "equal") for phone in self.phones))
        equal = time.monotonic() - began
        await asyncio.gather(*(phone.end() for phone in self.phones))
        return synced, equal


@pytest.mark.parametrize("turn", range(sized(1, SEEDS)))
async def test_replicas(server_process: Callable[..., ServerProcess], tmp_path: Path, turn: int) -> None:
    """3 devices × 10,000 offline edits, partitions, kills, duplicates, clock jumps: all replicas are equal ≤ 10 s after
    healing, and every increment that a device has acknowledged counts once. With 20 seeds.

    The small form makes 100 edits on each device, with one seed.
    """
    app = tmp_path / "app.py"
    app.write_text(APP)
    server = server_process(app)
    async with Client(server.url) as client:
        await client.auth.sign_up(name="Ada", **ACCOUNT)
        notes = client.collection("notes")
        for number in range(base_notes(EDITS)):
            await notes.create({"id": f"base-{number}", "text": "base", "count": 0})
        fleet = Fleet(server, tmp_path, SEED + turn)
        await fleet.edit()
        edited = fleet.progress.elapsed
        async with asyncio.timeout(LONGEST):
            synced, equal = await fleet.heal(client)
        counted = sum([note["count"] async for note in notes.iterate(limit=1_000) if note["id"].startswith("base-")])
    kept = sum((phone.kept for phone in fleet.phones), Counter[str]())
    held = Counter(code for phone in fleet.phones for code in phone.held)
    figure(
        f"seed {SEED + turn}: {kept.total():,} edits of {DEVICES} devices in {edited:.0f} s {dict(kept)},"
        f" {DEVICES * DEVICE_KILLS} devices and {SERVER_KILLS} servers killed, held {dict(held)};"
        f" after healing synced in {synced:.1f} s, equal in {equal:.1f} s"
    )
    assert kept["increment"] <= counted <= kept["increment"] + DEVICES * DEVICE_KILLS
    assert held.keys() <= {"not_found"}
    assert equal <= WITHIN
