"""The works: what is asked of both servers, and what is right as an answer."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from benchmarks.dataset import category_name, comparable, row_id
from benchmarks.http1 import request, split
from benchmarks.load import ClosedLoop, Connection, Load
from benchmarks.meter import Meter, Usage
from benchmarks.peers import Peer, Served, User
from benchmarks.streams import Subscriber

LIMIT = 20
NEW_NUMBERS = 10_000_000  # records that are written count from here: their titles are not those of the seeded ones


class WrongAnswer(AssertionError):
    """A server answered something else than the work's right answer; the message shows which."""


@dataclass(frozen=True)
class Scale:
    """How much of it: seconds of each measurement and of its warm-up, clients, subscribers, events a second."""

    seconds: float = 3.0
    warm_up: float = 0.4
    clients: int = 32
    subscribers: int = 100
    events_per_second: float = 50.0


@dataclass(frozen=True)
class Sample:
    """One measurement: what was used for all that were done, and the latency of each in seconds."""

    usage: Usage
    latencies: list[float]

    @property
    def done(self) -> int:
        """How many were done."""
        return len(self.latencies)


class Work(ABC):
    """One kind of request. `budget_ms` is the most that ours may need of `budgeted`: CPU for one, or its latency;
    `least_ratio`: how many times as much CPU a peer is expected to need."""

    name: str
    budget_ms: float
    budgeted: Literal["cpu_ms", "p50_ms"] = "cpu_ms"
    least_ratio: Mapping[str, float] = MappingProxyType({})

    @abstractmethod
    async def measure(self, peer: Peer, scale: Scale) -> Sample:
        """Does it for a while. Raises WrongAnswer."""


class Start(Work):
    """The server is ended and started again on its data; one that is ready has opened its database."""

    name = "start"
    budget_ms = 1_000.0
    budgeted = "p50_ms"

    async def measure(self, peer: Peer, scale: Scale) -> Sample:
        """Its latency is the time until it was ready, its memory that of an idle server."""
        peer.stop()
        elapsed = peer.start()
        cpu = peer.process.cpu_seconds()
        await asyncio.sleep(scale.warm_up)
        return Sample(Usage(elapsed, cpu, 0.0, peer.process.resident_mib()), [elapsed])


class RequestWork(Work):
    """A work of equal requests from `scale.clients` clients, or from `clients`, each of which asks again when it was
    answered."""

    def __init__(self, clients: int | None = None) -> None:
        self._clients = clients
        self._next: dict[str, int] = {}

    @abstractmethod
    def request(self, peer: Peer, number: int) -> bytes:
        """The request with this number."""

    @abstractmethod
    def check(self, peer: Peer, load: Load) -> None:
        """Raises WrongAnswer unless every answer is right."""

    async def measure(self, peer: Peer, scale: Scale) -> Sample:
        """Warms up, measures, and checks the answers of both."""
        clients = self._clients or scale.clients
        async with ClosedLoop(peer.port, clients, lambda number: self.request(peer, number)) as loop:
            self.check(peer, await self._run(loop, peer, scale.warm_up))
            meter = Meter(peer.process)
            load = await self._run(loop, peer, scale.seconds)
            usage = meter.stop(load.elapsed)
        self.check(peer, load)
        return Sample(usage, load.latencies)

    async def _run(self, loop: ClosedLoop, peer: Peer, seconds: float) -> Load:
        first = self._next.get(peer.label, 0)
        load = await loop.run(seconds, first)
        self._next[peer.label] = first + len(load.answers)
        return load


class Insert(RequestWork):
    """A member creates a record of six fields; the server makes its id."""

    name = "insert"
    budget_ms = 0.12

    def request(self, peer: Peer, number: int) -> bytes:
        """The members take turns."""
        return note(peer, NEW_NUMBERS + number)

    def check(self, peer: Peer, load: Load) -> None:
        """Each answer is the record that was sent, and each id is new."""
        ids = {check_note(peer, NEW_NUMBERS + number, answer) for number, answer in load.answers}
        expect(peer, "different ids", len(load.answers), len(ids))

    async def measure(self, peer: Peer, scale: Scale) -> Sample:
        """Also counts: the server has exactly the records more that it acknowledged."""
        records, requests = peer.count_notes(), self._next.get(peer.label, 0)
        sample = await super().measure(peer, scale)
        expect(peer, "notes", records + self._next[peer.label] - requests, peer.count_notes())
        return sample


class Read(RequestWork):
    """A member reads one of the articles by its id."""

    name = "read by id"
    budget_ms = 0.045

    def request(self, peer: Peer, number: int) -> bytes:
        """Every article in turn, scattered."""
        path = f"{peer.records_path('articles')}/{row_id(peer.dataset.read_at(number))}"
        return request("GET", path, peer.authorization(peer.members[number % len(peer.members)]))

    def check(self, peer: Peer, load: Load) -> None:
        """Each answer is the article that was asked for."""
        for number, answer in load.answers:
            row = peer.dataset.read_at(number)
            record = decoded(peer, answer, 200)
            expect(peer, "id", row_id(row), record["id"])
            expect(peer, "article", comparable(peer.dataset.row(row)), comparable(record))


class ListPage(RequestWork):
    """Somebody who is signed in lists the first 20 articles of a category, lowest rank first."""

    def __init__(self, *, total: bool) -> None:
        super().__init__()
        self._total = total
        self.name = f"list {LIMIT} with total" if total else f"list {LIMIT}"
        self.budget_ms = 0.14 if total else 0.13

    def request(self, peer: Peer, number: int) -> bytes:
        """Every category in turn."""
        path = peer.list_path(category_name(number % peer.dataset.categories), LIMIT, total=self._total)
        return request("GET", path, peer.authorization(peer.members[number % len(peer.members)]))

    def check(self, peer: Peer, load: Load) -> None:
        """Each page has the right records in the right order, and the right total or none."""
        seen: set[tuple[int, bytes]] = set()
        for number, answer in load.answers:
            status, body = split(answer)
            category = number % peer.dataset.categories
            if status != 200 or (category, body) not in seen:
                self._check_page(peer, category, answer)
                seen.add((category, body))

    def _check_page(self, peer: Peer, category: int, answer: bytes) -> None:
        page = peer.page(decoded(peer, answer, 200))
        rows = peer.dataset.listed(category, LIMIT)
        expect(peer, "order", [row_id(row) for row in rows], [record["id"] for record in page.records])
        expect(peer, "total", peer.dataset.total(category) if self._total else None, page.total)
        for row, record in zip(rows, page.records, strict=True):
            expect(peer, "article", comparable(peer.dataset.row(row)), comparable(record))


class Sums(RequestWork):
    """Somebody who is signed in asks for the count, the sum and the highest rank of all articles, by whether they are
    done: every article is read for each request."""

    name = "sums of all"
    budget_ms = 100.0

    def __init__(self) -> None:
        super().__init__(clients=2)

    def request(self, peer: Peer, number: int) -> bytes:
        """The same each time, by members in turn."""
        return request("GET", peer.sums_path(), peer.authorization(peer.members[number % len(peer.members)]))

    def check(self, peer: Peer, load: Load) -> None:
        """Each answer has the numbers that the data set gives."""
        for _, answer in load.answers:
            rows = decoded(peer, answer, 200)["items"]
            found = {bool(row["done"]): (row["count"], row["sum_rank"], row["max_rank"]) for row in rows}
            expect(peer, "sums", {done: peer.dataset.sums(done=done) for done in (False, True)}, found)


class SearchWords(RequestWork):
    """Somebody who is signed in searches the articles for a word that all titles have, and the beginning of a number
    that ten have."""

    name = "search"
    budget_ms = 0.5

    def request(self, peer: Peer, number: int) -> bytes:
        """Every ten in turn, scattered."""
        path = peer.search_path(self._digits(peer, number), LIMIT)
        return request("GET", path, peer.authorization(peer.members[number % len(peer.members)]))

    def _digits(self, peer: Peer, number: int) -> str:
        return f"{peer.dataset.read_at(number) // 10:06d}"

    def check(self, peer: Peer, load: Load) -> None:
        """Each answer has these ten, in any order: each server has its own relevance."""
        for number, answer in load.answers:
            first = int(self._digits(peer, number)) * 10
            page = peer.page(decoded(peer, answer, 200))
            found = sorted([record["id"] for record in page.records])
            expect(peer, "found", [row_id(row) for row in range(first, first + 10)], found)


class Fanout(Work):
    """A member creates notes at a steady pace; every subscriber receives each.

    What is counted is a delivery, one event to one subscriber: its CPU holds its share of the write, its latency is
    from sending the write to receiving the event.
    """

    name = "event"
    budget_ms = 0.02

    def __init__(self) -> None:
        self._next = 2 * NEW_NUMBERS
        self.event = b""  # the bytes of the last one

    async def open(self, peer: Peer, user: User) -> Subscriber:
        """A subscriber."""
        return await peer.subscribe(user)

    async def measure(self, peer: Peer, scale: Scale) -> Sample:
        """Subscribes, warms up, measures, and checks that each event came once to each subscriber."""
        members, streams = peer.members, list[Subscriber]()
        try:
            for turn in range(scale.subscribers):
                streams.append(await self.open(peer, members[turn % len(members)]))
            warm = await self._write(peer, scale.warm_up, scale.events_per_second)
            await delivered(peer, streams, warm)
            meter, began = Meter(peer.process), time.perf_counter()
            written = await self._write(peer, scale.seconds, scale.events_per_second)
            elapsed = time.perf_counter() - began
            latencies = await delivered(peer, streams, warm | written)
            usage = meter.stop(elapsed)
            self.event = streams[0].last if streams else b""
        finally:
            for stream in streams:
                stream.close()
        measured = [latency for note_id, latency in latencies if note_id in written]
        return Sample(usage, measured)

    async def _write(self, peer: Peer, seconds: float, pace: float) -> dict[str, float]:
        """Each new note's id and when it was sent."""
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        made = await loop.create_connection(
            lambda: Connection(lambda _, answer: answers.put_nowait(answer), lambda: None), "127.0.0.1", peer.port
        )
        writer, sent, began = made[1], {}, loop.time()
        for turn in range(max(1, round(seconds * pace))):
            await asyncio.sleep(max(0.0, began + turn / pace - loop.time()))
            writer.send(self._next, note(peer, self._next))
            answer = await asyncio.wait_for(answers.get(), 30)
            sent[check_note(peer, self._next, answer)] = writer.sent_at
            self._next += 1
        writer.close()
        return sent


async def delivered(peer: Peer, streams: list[Subscriber], sent: dict[str, float]) -> list[tuple[str, float]]:
    """(id, latency in seconds) of each delivery, once all have come. Raises WrongAnswer after 10 s without them."""
    until = time.perf_counter() + 10
    while True:
        received = [[(record, event.at) for event in stream.events() for record in peer.changed(event)]
                    for stream in streams]  # fmt: skip
        if all(len(of_one) >= len(sent) for of_one in received) or time.perf_counter() > until:
            break
        await asyncio.sleep(0.05)
    for of_one in received:
        expect(peer, "events of one subscriber", sorted(sent), sorted(record["id"] for record, _ in of_one))
    return [(record["id"], at - sent[record["id"]]) for of_one in received for record, at in of_one]


def note(peer: Peer, number: int, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """The request that creates the note with this number."""
    user = peer.members[number % len(peer.members)]
    body = msgspec.json.encode(peer.dataset.row(number))
    return request("POST", peer.records_path("notes"), {**peer.authorization(user), **headers}, body)


def check_note(peer: Peer, number: int, answer: bytes) -> str:
    """The id in the answer to `note`. Raises WrongAnswer unless it is that note."""
    record = decoded(peer, answer, 200, 201)
    expect(peer, "note", comparable(peer.dataset.row(number)), comparable(record))
    note_id: str = record["id"]
    return note_id


def decoded(peer: Served, answer: bytes, *statuses: int) -> Any:
    """The body of an answer with one of the statuses. Raises WrongAnswer for another one."""
    status, body = split(answer)
    if status not in statuses:
        raise WrongAnswer(f"{peer.label} answered {status}, not {statuses[0]}: {body[:500]!r}")
    return msgspec.json.decode(body)


def expect(peer: Served, what: str, right: object, answered: object) -> None:
    """Raises WrongAnswer unless both are equal."""
    if right != answered:
        raise WrongAnswer(f"{peer.label}, {what}: expected {right!r:.500}, got {answered!r:.500}")


class InsertAlone(Insert):
    """Inserts of a single client, each of which waits for the disk by itself."""

    name = "insert, one client"
    budget_ms = 0.35

    def __init__(self) -> None:
        super().__init__(clients=1)

    def request(self, peer: Peer, number: int) -> bytes:
        """Numbers of its own."""
        return super().request(peer, NEW_NUMBERS // 2 + number)

    def check(self, peer: Peer, load: Load) -> None:
        """As of other inserts."""
        answers = [(NEW_NUMBERS // 2 + number, answer) for number, answer in load.answers]
        super().check(peer, Load(answers, load.latencies, load.elapsed))


class ReadAlone(Read):
    """Reads of a single client."""

    name = "read by id, one client"
    budget_ms = 0.10

    def __init__(self) -> None:
        super().__init__(clients=1)


def single_works() -> list[Work]:
    """The works of single records, lists and events, in the order in which they are measured."""
    lists = [ListPage(total=False), ListPage(total=True)]
    return [Start(), Insert(), InsertAlone(), Read(), ReadAlone(), *lists, SearchWords(), Sums(), Fanout()]
