"""Many subscribers of live events, whose connections break and whose server is killed."""

from __future__ import annotations

import asyncio
import random
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from benchmarks.http1 import is_whole, request, split, take_chunks
from hinterland.kit.clock import SystemClock
from tests.figures.scale import SEED, Progress, figure, sized
from tests.support.server import ServerProcess

ROOMS = sized(3, 10)
SUBSCRIBERS = sized(60, 1_000)
EVENTS = sized(900, 100_000)
DROPS_A_SECOND = sized(20, 20)
PATIENCE = 60.0  # seconds without any delivery
AHEAD = 400  # events that a room's writer may be before the slowest subscriber; the server lets those over 1,000 go
CLOCK = SystemClock()
APP = """
from hinterland.contract import EVERYBODY, Collection, Integer, Text
from hinterland.server import App, Settings

fields = {"room": Text(required=True), "number": Integer(required=True)}
talk = Collection(name="talk", fields=fields, rules=EVERYBODY)
app = App(collections=[talk], settings=Settings(streams_per_address=10_000))
"""
_NUMBER = re.compile(rb'"number":(\d+)')
_ID = re.compile(rb"^id: ?(.+)$", re.MULTILINE)


class Subscriber:
    """Follows one room, whose events are numbered from 0, and comes back with Last-Event-ID as often as it must.

    `seen` is the number of the next event; `wrong` are those that came instead, be it too early or again.
    """

    def __init__(self, port: int, room: int, chance: random.Random) -> None:
        self.port = port
        self.room = room
        self.seen = 0
        self.wrong: list[int] = []
        self.cursor = b""
        self.opened = 0
        self.is_leaving = False
        self.line: Line | None = None
        self._chance = chance

    def connect(self) -> None:
        """Open the stream; when that fails, a moment later."""
        asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Line(self), "127.0.0.1", self.port)
        except OSError:
            self.lost()

    def lost(self) -> None:
        """The connection ended."""
        self.line = None
        if not self.is_leaving:
            asyncio.get_running_loop().call_later(self._chance.random() / 2, self.connect)

    def request(self) -> bytes:
        """What opens the stream where it ended."""
        headers = {"Last-Event-ID": self.cursor.decode()} if self.cursor else {}
        path = f"/v1/events?collection=talk&filter=record.room%3D%3D%22{self.room}%22"
        return request("GET", path, headers)

    def take(self, block: bytes) -> None:
        """One event."""
        if (id_line := _ID.search(block)) is not None:
            self.cursor = id_line[1]
        if b"event: resync" in block:
            self.wrong.append(-1)
        for found in _NUMBER.findall(block):
            number = int(found)
            if number == self.seen:
                self.seen += 1
            else:
                self.wrong.append(number)


class Line(asyncio.Protocol):
    """One connection of a subscriber."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._is_open = False
        self._raw = self._rest = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream (called by the loop)."""
        self.transport = cast(asyncio.Transport, transport)
        self._subscriber.line = self
        self.transport.write(self._subscriber.request())

    def data_received(self, data: bytes) -> None:
        """Hand on each event that is whole (called by the loop)."""
        self._raw += data
        if not self._is_open:
            head, end, rest = self._raw.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self.transport.abort()  # a server that is ending says 503
                return
            self._is_open, self._raw = True, rest
            self._subscriber.opened += 1
        content, self._raw = take_chunks(self._raw)
        *blocks, self._rest = (self._rest + content).split(b"\n\n")
        for block in blocks:
            self._subscriber.take(block)

    def connection_lost(self, error: Exception | None) -> None:
        """Come back (called by the loop)."""
        self._subscriber.lost()


class Writer:
    """Writes the events of a room one after the other, each repeated with its key until it is acknowledged."""

    def __init__(self, port: int, room: int, subscribers: list[Subscriber]) -> None:
        self.port = port
        self.room = room
        self.done = 0
        self._subscribers = subscribers

    async def write(self, count: int) -> None:
        """Write `count` events, never far before the slowest subscriber."""
        while self.done < count:
            try:
                await self._connected(count)
            except (OSError, asyncio.IncompleteReadError):
                await CLOCK.sleep(0.1)  # the server is away

    async def _connected(self, count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while self.done < count:
                while self.done - min(one.seen for one in self._subscribers) > AHEAD:
                    await CLOCK.sleep(0.01)
                for _ in range(min(AHEAD // 8, count - self.done)):
                    await self._write_one(reader, writer)
        finally:
            writer.close()

    async def _write_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"room":"%d","number":%d}' % (self.room, self.done)
        headers = {"Idempotency-Key": f"{self.room}-{self.done}"}
        writer.write(request("POST", "/v1/records/talk", headers, body))
        answer = b""
        while not is_whole(answer):
            piece = await reader.read(65_536)
            if not piece:
                raise ConnectionResetError
            answer += piece
        status, said = split(answer)
        if status in (409, 503):
            raise ConnectionResetError(said)
        assert status == 201, said
        self.done += 1


class Talk:
    """All rooms, their writers and subscribers."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.chance = random.Random(SEED)
        self.subscribers = [Subscriber(server.port, n % ROOMS, self.chance) for n in range(SUBSCRIBERS)]
        self.writers = [Writer(server.port, room, [*self._of(room)]) for room in range(ROOMS)]
        self.drops = self.kills = 0
        self.progress = Progress("events", EVENTS)

    def _of(self, room: int) -> Iterator[Subscriber]:
        return (one for one in self.subscribers if one.room == room)

    @property
    def delivered(self) -> int:
        """The events that all subscribers have seen."""
        return sum(one.seen for one in self.subscribers)

    async def run(self) -> None:
        """Everybody comes, everything is written and seen, and everybody leaves."""
        for one in self.subscribers:
            one.connect()
        await self._until(lambda: all(one.cursor for one in self.subscribers))
        trouble = asyncio.create_task(self._trouble())
        await asyncio.gather(*(writer.write(EVENTS // ROOMS) for writer in self.writers))
        trouble.cancel()
        await self._until(lambda: self.delivered == EVENTS // ROOMS * SUBSCRIBERS)
        for one in self.subscribers:
            one.is_leaving = True
            if one.line is not None:
                one.line.transport.close()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it, as long as anything moves."""
        before, since = -1, CLOCK.monotonic()
        while not is_so():
            state = self.delivered + sum(one.opened for one in self.subscribers)
            if state != before:
                before, since = state, CLOCK.monotonic()
            assert CLOCK.monotonic() - since < PATIENCE, f"nothing moves\n{self.server.log[-2_000:]}"
            await CLOCK.sleep(0.05)

    async def _trouble(self) -> None:
        """Connections break all the time; in the middle the server is killed once."""
        while True:
            await CLOCK.sleep(1 / DROPS_A_SECOND)
            line = self.chance.choice(self.subscribers).line
            if line is not None:
                self.drops += 1
                line.transport.abort()
            written = sum(writer.done for writer in self.writers)
            self.progress.at(written, f"({self.delivered:,} deliveries, {self.drops} drops, {self.kills} restarts)")
            if not self.kills and written > EVENTS // 2:
                self.kills += 1
                self.server.kill()
                await asyncio.to_thread(self.server.start)


async def test_subscribers(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """1,000 subscribers, 100,000 events, a restart, random drops: no subscriber has a gap or a duplicate.

    The small form has 60 subscribers and 900 events.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SUBSCRIBERS)), hard))
    app = tmp_path / "app.py"
    app.write_text(APP)
    talk = Talk(server_process(app))
    await talk.run()
    streams = sum(one.opened for one in talk.subscribers)
    wrong = [(one.room, one.seen, number) for one in talk.subscribers for number in one.wrong]
    figure(
        f"{EVENTS:,} events in {ROOMS} rooms to {SUBSCRIBERS:,} subscribers: {talk.delivered:,} deliveries over"
        f" {streams:,} streams, {talk.drops} drops, {talk.kills} kill: {len(wrong)} gaps or duplicates"
        f" in {talk.progress.elapsed:.0f} s"
    )
    assert wrong == []
    assert talk.kills == 1
    assert talk.drops > 0
    assert {one.seen for one in talk.subscribers} == {EVENTS // ROOMS}
