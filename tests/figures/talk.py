"""Many subscribers and writers of live events at one or several servers, whose connections break and which end."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, cast

from benchmarks.http1 import is_whole, request, split, take_chunks
from hinterland.kit.clock import SystemClock
from tests.figures.scale import SEED, Progress
from tests.support.server import ServerProcess

DROPS_A_SECOND = 20
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
NUMBER = re.compile(rb'"number":(\d+)')
_ID = re.compile(rb"^id: ?(.+)$", re.MULTILINE)


class Subscriber:
    """Follows one room, whose events are numbered from 0, and comes back with Last-Event-ID as often as it must, to any
    of the servers.

    `seen` is the number of the next event; `wrong` are those that came instead, be it too early or again; `seconds` is
    how long each took from the beginning of its write, when it was `begun`.
    """

    def __init__(
        self, ports: Sequence[int], room: int, chance: random.Random, begun: dict[int, float], kind: type[Line]
    ) -> None:
        self.ports = ports
        self._kind = kind
        self.room = room
        self.seconds = array("f")
        self._begun = begun
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
        if self.is_leaving:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self._kind(self), "127.0.0.1", self._chance.choice(self.ports))
        except OSError:
            self.lost()

    def lost(self) -> None:
        """The connection ended."""
        self.line = None
        if not self.is_leaving:
            asyncio.get_running_loop().call_later(self._chance.random() / 2, self.connect)

    def take(self, cursor: bytes, numbers: Iterable[bytes], *, is_resync: bool) -> None:
        """One event: its cursor, or b"", and the numbers in it."""
        self.cursor = cursor or self.cursor
        if is_resync:
            self.wrong.append(-1)
        for found in numbers:
            number = int(found)
            if number == self.seen:
                self.seen += 1
                self.seconds.append(CLOCK.monotonic() - self._begun[number])
            else:
                self.wrong.append(number)


class Line(asyncio.Protocol):
    """One connection of a subscriber: a stream of Server-sent events."""

    answer = b"HTTP/1.1 200"

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self._is_open = False
        self.raw = self._rest = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream (called by the loop)."""
        self.transport = cast(asyncio.Transport, transport)
        self.subscriber.line = self
        if self.subscriber.is_leaving:
            self.transport.close()
        else:
            self.transport.write(self.request())

    def data_received(self, data: bytes) -> None:
        """Hand on each event that is whole (called by the loop)."""
        self.raw += data
        if not self._is_open:
            head, end, rest = self.raw.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(self.answer):
                self.transport.abort()  # a server that is ending says 503
                return
            self._is_open, self.raw = True, rest
            self.begin()
        self.read()

    def request(self) -> bytes:
        """What opens the stream where it ended."""
        headers = {"Last-Event-ID": self.subscriber.cursor.decode()} if self.subscriber.cursor else {}
        path = f"/v1/events?collection=talk&filter=record.room%3D%3D%22{self.subscriber.room}%22"
        return request("GET", path, headers)

    def begin(self) -> None:
        """The connection is open."""
        self.subscriber.opened += 1

    def read(self) -> None:
        """Take the whole events of what came."""
        content, self.raw = take_chunks(self.raw)
        *blocks, self._rest = (self._rest + content).split(b"\n\n")
        for block in blocks:
            cursor = _ID.search(block)
            is_resync = b"event: resync" in block
            self.subscriber.take(cursor[1] if cursor else b"", NUMBER.findall(block), is_resync=is_resync)

    def connection_lost(self, error: Exception | None) -> None:
        """Come back (called by the loop)."""
        self.subscriber.lost()


class Writer:
    """Writes the events of a room one after the other, each repeated with its key until it is acknowledged."""

    def __init__(self, ports: Sequence[int], room: int, subscribers: list[Subscriber], begun: dict[int, float]) -> None:
        self.begun = begun
        self.ports = deque(ports)
        self.room = room
        self.done = 0
        self._subscribers = subscribers

    async def write(self, count: int) -> None:
        """Write `count` events, never far before the slowest subscriber."""
        while self.done < count:
            try:
                await self._connected(count)
            except (OSError, asyncio.IncompleteReadError):
                self.ports.rotate()
                await CLOCK.sleep(0.1)  # the server is away

    async def _connected(self, count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[0])
        try:
            while self.done < count:
                while self.done - min(one.seen for one in self._subscribers) > AHEAD:
                    await CLOCK.sleep(0.01)
                for _ in range(min(AHEAD // 8, count - self.done)):
                    await self._write_one(reader, writer)
        finally:
            writer.close()

    async def _write_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.begun.setdefault(self.done, CLOCK.monotonic())
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
        if status in (408, 409, 503):  # with its key it is asked again, whatever became of it
            raise ConnectionResetError(said)
        assert status == 201, said
        self.done += 1


class Victim(Protocol):
    """What is ended and started again while there is much to do."""

    def kill(self) -> None:
        """End it without a word."""

    def start(self) -> object:
        """Start it again; returns when it works."""


class Talk:
    """All rooms, their writers and subscribers at some servers. One of the `victims` (by default, the servers) after
    the other is killed and started again, `kills` times. `line`: the way by which subscribers listen."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        *,
        rooms: int,
        subscribers: int,
        events: int,
        kills: int = 1,
        victims: Sequence[Victim] = (),
        line: type[Line] = Line,
    ) -> None:
        self.servers = servers
        self.victims = victims or servers
        self.chance = random.Random(SEED)
        self.events = events // rooms * rooms
        ports = [server.port for server in servers]
        begun: list[dict[int, float]] = [{} for _ in range(rooms)]
        self.subscribers = [
            Subscriber(ports, n % rooms, self.chance, begun[n % rooms], line) for n in range(subscribers)
        ]
        self.writers = [Writer(ports[n % len(ports) :] + ports[: n % len(ports)], n, [*self._of(n)], begun[n])
                        for n in range(rooms)]  # fmt: skip
        self.drops = self.kills = 0
        self._wanted_kills = kills
        self.progress = Progress("events", events)

    def _of(self, room: int) -> Iterator[Subscriber]:
        return (one for one in self.subscribers if one.room == room)

    @property
    def delivered(self) -> int:
        """The events that all subscribers have seen."""
        return sum(one.seen for one in self.subscribers)

    def latency(self, share: float) -> float:
        """Within how many seconds this share of all deliveries came, breaks and restarts included."""
        every = sorted(itertools.chain.from_iterable(one.seconds for one in self.subscribers))
        return every[int(share * (len(every) - 1))]

    @property
    def wrong(self) -> list[tuple[int, int, int]]:
        """The events that came twice or too early, each with its room and what should have come."""
        return [(one.room, one.seen, number) for one in self.subscribers for number in one.wrong]

    @property
    def streams(self) -> int:
        """How many streams were opened."""
        return sum(one.opened for one in self.subscribers)

    async def run(self) -> None:
        """Everybody comes, everything is written and seen, and everybody leaves."""
        for one in self.subscribers:
            one.connect()
        await self._until(lambda: all(one.cursor for one in self.subscribers))
        trouble = asyncio.create_task(self._trouble())
        each = self.events // len(self.writers)
        await asyncio.gather(*(writer.write(each) for writer in self.writers))
        await self._until(lambda: self.delivered == each * len(self.subscribers))
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)
        for one in self.subscribers:
            one.is_leaving = True
            if one.line is not None:
                one.line.transport.close()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it, as long as anything moves."""
        before, since = -1, CLOCK.monotonic()
        while not is_so():
            state = self.delivered + self.streams
            if state != before:
                before, since = state, CLOCK.monotonic()
            logs = "".join(server.log[-2_000:] for server in self.servers)
            assert CLOCK.monotonic() - since < PATIENCE, f"nothing moves\n{logs}"
            await CLOCK.sleep(0.05)

    async def _trouble(self) -> None:
        """Connections break all the time; now and then a server is killed and started again."""
        while True:
            await CLOCK.sleep(1 / DROPS_A_SECOND)
            line = self.chance.choice(self.subscribers).line
            if line is not None:
                self.drops += 1
                line.transport.abort()
            written = sum(writer.done for writer in self.writers)
            self.progress.at(written, f"({self.delivered:,} deliveries, {self.drops} drops, {self.kills} restarts)")
            if self.kills < self._wanted_kills and written > self.events * (self.kills + 1) // (self._wanted_kills + 1):
                self.kills += 1
                victim = self.chance.choice(self.victims)
                await asyncio.to_thread(victim.kill)
                await asyncio.to_thread(victim.start)
