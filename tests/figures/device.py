"""An app on a device, which `test_devices` runs, kills and starts again: edits while the network comes and goes.

Prints the kind of each edit when the store has kept it, then `edited`; waits for the line that the network is healed,
prints `synced` when nothing waits; is given the digest of the server's records, and prints `equal` when its own
are the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterable
from contextlib import aclosing
from random import Random
from typing import Any

import msgspec

from hinterland.client.client import Client
from hinterland.client.errors import HinterlandError
from hinterland.client.options import Options
from hinterland.client.transports.network import Network
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import SystemClock
from hinterland.testing.faulty import FaultyNetwork

NOTES = Collection(name="notes", fields={"text": Text(), "count": Integer(merge="counter")}, rules=EVERYBODY)
ACCOUNT = {"email": "ada@example.org", "password": "a long walk outside"}
BACK = 0.8  # of the partitions but the last end, with a bad network, until all is pushed and fetched
JUMPS = (-86_400 * 365, -3_600, 3_600, 86_400 * 365)  # seconds
_SYNCED = frozenset({"sync.push", "sync.pull", "events.stream"})


class Plan(msgspec.Struct, frozen=True):
    """What a device is to do: the edits `first` … `edits` - 1, in so many `partitions`."""

    url: str
    store: str
    seed: int
    device: int
    first: int
    edits: int
    partitions: int


class JumpingClock(SystemClock):
    """A machine's clock that somebody sets wrong."""

    offset = 0.0

    def now(self) -> float:
        """Seconds since 1970, as this machine believes."""
        return super().now() + self.offset


class Device:
    """The app: its edits follow from the plan's seed, whatever was killed in between."""

    def __init__(self, plan: Plan, client: Client, network: FaultyNetwork, clock: JumpingClock) -> None:
        self.plan = plan
        self.client = client
        self.network = network
        self.clock = clock
        self.notes = client.local.collection("notes")
        self.ids: list[str] = []

    async def edit(self) -> None:
        """Make the edits of the plan, all of them without a network."""
        size = max(1, self.plan.edits // self.plan.partitions)
        for number in range(self.plan.first, self.plan.edits):
            if number % size == 0 or number == self.plan.first:
                await self._part(number // size)
            chance = Random(f"{self.plan.seed} {self.plan.device} {number}")
            try:
                print(await self._one(chance, number), flush=True)
            except HinterlandError as error:  # what it was about is gone, or was kept before the app was killed
                print(f"nothing {error.code}", flush=True)

    async def _part(self, part: int) -> None:
        """The network comes back for a while, or does not; then it is gone, and the clock another."""
        chance = Random(f"{self.plan.seed} {self.plan.device} partition {part}")
        if part > 0 and chance.random() < BACK:
            await self._meet()
        self.network.is_down = True
        self.clock.offset = chance.choice((0, *JUMPS))
        self.ids = [note["id"] async for note in self.notes.iterate()]

    async def _meet(self) -> None:
        """Reach the server until all is pushed and fetched."""
        self.network.is_down = False
        sync, before = self.client.sync, self.client.sync.status.synced_at
        sync.nudge()
        while sync.status.synced_at == before or (await self.client.outbox.counts()).waiting:
            await self.clock.sleep(0.05)

    async def _one(self, chance: Random, number: int) -> str:
        kind = chance.choices(("patch", "increment", "create", "delete"), (70, 15, 10, 5))[0]
        own = [id for id in self.ids if id.startswith(f"d{self.plan.device}-")] if kind == "delete" else []
        text = f"{self.plan.device} {number}"
        if kind == "create":
            made = await self.notes.create({"id": f"d{self.plan.device}-{number}", "text": text, "count": 0})
            self.ids.append(str(made.id))
        elif kind == "increment":
            shared = f"base-{chance.randrange(base_notes(self.plan.edits))}"
            await self.notes.update(shared, {"count": {"$increment": 1}})
        elif own:
            gone = chance.choice(own)
            self.ids.remove(gone)
            await self.notes.delete(gone)
        else:
            await self.notes.update(chance.choice(self.ids), {"text": text})
        return kind

    async def settle(self) -> None:
        """With the network healed: push everything, and become like the server."""
        await reported()
        self.network.heal()
        await self._meet()
        print("synced", flush=True)
        digest = await reported()
        async with aclosing(self.notes.watch()) as seen:
            async for rows in seen:
                if digest_of(rows) == digest:
                    break
        print("equal", flush=True)
        problems = [entry.problem.code for entry in await self.client.outbox.list() if entry.problem is not None]
        print("held", *problems, flush=True)


def base_notes(edits: int) -> int:
    """How many notes there are before the devices begin."""
    return max(20, edits // 20)


def digest_of(rows: Iterable[dict[str, Any]]) -> str:
    """What two sets of records have in common only if they are equal."""
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    return hashlib.sha256(msgspec.json.encode(ordered, order="sorted")).hexdigest()


async def reported() -> str:
    """The next line from the process that runs this."""
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


async def main(plan: Plan) -> None:
    """Live through the plan."""
    clock = JumpingClock()
    network = FaultyNetwork(
        Network(), seed=plan.seed * 10 + plan.device, refused=0.05, reset=0.05, lost=0.15, cut=0.05, operations=_SYNCED
    )
    settings = {"transport": network, "clock": clock, "options": Options(retries=0), "collections": [NOTES]}
    async with Client(plan.url, store=plan.store, **settings) as client:  # type: ignore[arg-type]
        device = Device(plan, client, network, clock)
        while not (await device.notes.list(limit=1)).items:
            try:
                if client.auth.user is None:
                    await client.auth.log_in(**ACCOUNT)
                await client.sync.now()
            except HinterlandError:
                continue  # the server is away, or the network
        client.sync.start()
        await device.edit()
        print("edited", flush=True)
        await device.settle()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Plan)))
