"""A day in the field: two people sync real data, the server dies, work goes on, and everything arrives exactly once.

    python examples/shop/field_trip.py

It starts a server on a folder of its own, imports the cars and airports that PyPI's `vega_datasets` ships, and ends
with code 0 if every check held. Nothing of it stays.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hinterland.client import Client, MemoryVault
from hinterland.client.events import Event
from hinterland.client.local import Handle, Outcome

APP = Path(__file__).with_name("field_trip_app.py")
CARS, AIRPORTS = 406, 3_376
EDITS, NEW = 200, 50
COLLECTIONS = ("airports", "cars")


class Screen:
    """What a person watches: a line for each step, a bar for each count, and the checks at the end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (TextColumn("  {task.description:<36}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(*columns, console=console)
        self.checks: list[tuple[str, bool, str]] = []

    def step(self, text: str) -> None:
        """Begin a step."""
        self.progress.console.print(f"[bold]{text}[/]")

    def bar(self, text: str, total: int) -> TaskID:
        """A bar that counts to `total`."""
        return self.progress.add_task(text, total=total)

    def count(self, bar: TaskID, done: int) -> None:
        """How far a bar has come."""
        self.progress.update(bar, completed=done)

    def check(self, rule: str, holds: bool, seen: str) -> None:
        """Note whether a rule holds, and what was seen."""
        self.checks.append((rule, holds, seen))

    def report(self) -> bool:
        """Print the checks; whether all of them held."""
        table = Table("", "rule", "seen", title="The field trip")
        for rule, holds, seen in self.checks:
            table.add_row("[green]✓[/]" if holds else "[red]✗[/]", rule, seen)
        self.console.print(table)
        return all(holds for _, holds, _ in self.checks)


# ---------------------------------------------------------------- the server, as a process that can die


class Server:
    """`hinterland serve` on a folder, at a free port of this machine."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [*HINTERLAND, "serve", str(APP), "--data", str(self.data), "--port", str(self.port)]
        self.process = await asyncio.to_thread(self._launch, command)
        until = time.monotonic() + 30
        while not await asyncio.to_thread(self._answers):
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the server did not start:\n{self.log.read_text()}")
            await asyncio.sleep(0.05)

    def _launch(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


HINTERLAND = (sys.executable, "-m", "hinterland")


async def import_file(server: Server, collection: str, file: Path) -> None:
    """Run `hinterland import`. Raises SystemExit with its report where a row was refused."""
    command = [*HINTERLAND, "import", collection, str(file), "--data", str(server.data), "--app", str(APP)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def data_files(folder: Path) -> tuple[Path, Path]:
    """The cars and the airports. Field names have small letters, so the cars' are written anew."""
    spec = find_spec("vega_datasets")
    if spec is None or spec.origin is None:
        install = f"{sys.executable} -m pip install --no-deps vega-datasets"
        raise SystemExit(f"the data is not here; `make field-trip` fetches it, and so does: {install}")
    shipped = Path(spec.origin).parent / "_data"
    cars = [
        {name.lower(): value for name, value in car.items()} for car in json.loads((shipped / "cars.json").read_text())
    ]
    (folder / "cars.json").write_text(json.dumps(cars))
    return folder / "cars.json", shipped / "airports.csv"


# ---------------------------------------------------------------- the travellers


class Traveller:
    """A person with a device: a client with a local store."""

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self.client = client
        self.cars = client.local.collection("cars")
        self.airports = client.local.collection("airports")

    async def rows(self) -> int:
        """How many records the device holds."""
        return len(await self.cars.search("", ())) + len(await self.airports.search("", ()))

    async def reach(self, count: int, screen: Screen) -> None:
        """Wait until the device holds `count` records."""
        bar = screen.bar(f"{self.name}'s device", count)
        async with aclosing(self.client.sync.watch()) as states:
            async for _ in states:
                held = await self.rows()
                screen.count(bar, held)
                if held >= count:
                    return


@asynccontextmanager
async def traveller(name: str, server: Server, folder: Path) -> AsyncIterator[Traveller]:
    """Somebody who has signed up, with an empty device."""
    async with Client(server.url, store=folder / f"{name}.db", vault=MemoryVault()) as client:
        await client.auth.sign_up(name=name, email=f"{name}@example.org", password="a long walk outside")
        yield Traveller(name, client)


class Watcher:
    """The second person's live view: every change in the order in which it came."""

    def __init__(self, client: Client) -> None:
        self.seen: list[tuple[int, str]] = []
        self.has_news = asyncio.Event()
        self.is_ready = asyncio.Event()
        self._task = asyncio.create_task(self._watch(client))

    async def _watch(self, client: Client) -> None:
        async with aclosing(client.events(COLLECTIONS)) as events:
            async for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        if event.kind == "ready":
            self.is_ready.set()
        self.seen += [(change.revision, str(change.id)) for change in event.changes]
        self.has_news.set()

    async def reach(self, revision: int, on_news: Callable[[int], None]) -> None:
        """Wait until the change with this revision was seen."""
        on_news(len(self.seen))
        while not (self.seen and self.seen[-1][0] >= revision):
            self.has_news.clear()
            await self.has_news.wait()
            on_news(len(self.seen))

    def stop(self) -> None:
        """Look away."""
        self._task.cancel()


# ---------------------------------------------------------------- the trip


class Work:
    """What was done offline: a handle and the record's id for each write, in order, and the one that is refused."""

    def __init__(self) -> None:
        self.handles: list[Handle] = []
        self.ids: list[str] = []
        self.forbidden: Handle | None = None


async def work_offline(ada: Traveller, screen: Screen) -> Work:
    """200 edits, some of the same records, 50 new ones, and in the middle one that the rules will refuse."""
    work, bar = Work(), screen.bar("edits and new records, offline", EDITS + NEW)
    cars, airports = await ada.cars.search("", ()), await ada.airports.search("", ())
    for number in range(EDITS):
        repository, record = (ada.cars, cars[number % 60]) if number % 2 else (ada.airports, airports[number])
        edit = {"note": f"edit {number}", "sightings": {"$increment": 1}}
        written = await repository.update(record["id"], edit)
        work.handles.append(written)
        work.ids.append(str(written.id))
        if number % 4 == 0:
            created = await ada.cars.create({"name": f"field car {number // 4}", "origin": "Field", "sightings": 1})
            work.handles.append(created)
            work.ids.append(str(created.id))
        if number == EDITS // 2:
            work.forbidden = await ada.cars.update(cars[100]["id"], {"name": "mine now"})
        screen.count(bar, len(work.handles))
    return work


async def look_around(ada: Traveller, screen: Screen) -> None:
    """List and search without a network, and time it."""
    start = time.perf_counter()
    fields = await ada.cars.list(filter="record.origin == 'Field' && record.sightings > 0", limit=1, total=True)
    found = await ada.airports.search("international", ["name"])
    milliseconds = (time.perf_counter() - start) * 1_000
    screen.check("lists and searches offline", fields.total == NEW and len(found) > 0,
                 f"{fields.total} new cars, {len(found)} international airports in {milliseconds:.0f} ms")  # fmt: skip


async def settle(work: Work, screen: Screen) -> list[Outcome]:
    """The outcomes of all the work, in the order in which it was done."""
    bar, outcomes = screen.bar("outcomes known", len(work.handles)), []
    for handle in work.handles:
        outcomes.append(await handle.settled())
        screen.count(bar, len(outcomes))
    return outcomes


async def trip(folder: Path, screen: Screen) -> None:
    """The whole day; what holds and what does not is noted on the screen."""
    cars, airports = data_files(folder)
    server = Server(folder)
    try:
        screen.step("A server starts, and real data is imported")
        await server.start()
        await import_file(server, "cars", cars)
        await import_file(server, "airports", airports)
        async with traveller("ada", server, folder) as ada, traveller("grace", server, folder) as grace:
            await _day(server, ada, grace, screen)
    finally:
        server.kill()


async def _day(server: Server, ada: Traveller, grace: Traveller, screen: Screen) -> None:
    screen.step("Ada and Grace sign up and sync")
    watcher = Watcher(grace.client)
    for person in (ada, grace):
        person.client.sync.start()
    start = time.perf_counter()
    await asyncio.gather(ada.reach(CARS + AIRPORTS, screen), grace.reach(CARS + AIRPORTS, screen))
    seconds = time.perf_counter() - start
    held = await ada.rows()
    screen.check("the device holds all", held == CARS + AIRPORTS, f"{held:,} records in {seconds:.1f} s")
    await watcher.is_ready.wait()

    screen.step("The server is killed; Ada works on")
    server.kill()
    await _until(ada, "offline")
    work = await work_offline(ada, screen)
    await look_around(ada, screen)
    counts = await ada.client.outbox.counts()
    screen.check("every write waits in the outbox", counts.waiting == EDITS + NEW + 1, f"{counts.waiting} wait")

    screen.step("The server returns")
    start = time.perf_counter()
    await server.start()
    outcomes = await settle(work, screen)
    screen.check("all arrive after the server's return", all(outcome.is_applied for outcome in outcomes),
                 f"{len(outcomes)} applied within {time.perf_counter() - start:.1f} s")  # fmt: skip
    bar = screen.bar("seen live by Grace", len(outcomes))
    last = max(outcome.revision for outcome in outcomes)
    await watcher.reach(last, lambda done: screen.count(bar, done))
    await _has_seen(grace, last)
    await _nothing_waits(ada)
    watcher.stop()
    await _compare(ada, grace, work, outcomes, watcher.seen, screen)


async def _until(person: Traveller, state: str) -> None:
    async with aclosing(person.client.sync.watch()) as states:
        async for status in states:
            if status.state == state:
                return


async def _nothing_waits(person: Traveller) -> None:
    """Wait until the person's outbox holds nothing but what was refused."""
    async with aclosing(person.client.outbox.watch()) as answers:
        async for entries in answers:
            if all(entry.state == "refused" for entry in entries):
                return


async def _has_seen(person: Traveller, revision: int) -> None:
    """Wait until a car in the person's store shows the change with this revision: then all before it are there."""
    async with aclosing(person.cars.watch(sort=["-revision"], limit=1)) as answers:
        async for rows in answers:
            if rows[0]["revision"] >= revision:
                return


async def _compare(
    ada: Traveller,
    grace: Traveller,
    work: Work,
    outcomes: Sequence[Outcome],
    seen: Sequence[tuple[int, str]],
    screen: Screen,
) -> None:
    revisions = [outcome.revision for outcome in outcomes]
    in_order = all(first < second for first, second in pairwise(revisions))
    screen.check("in the order in which they were made", in_order, f"revisions {revisions[0]} to {revisions[-1]} rise")
    expected = list(zip(revisions, work.ids, strict=True))
    screen.check("Grace saw each live, once, without a gap", list(seen) == expected, f"{len(seen)} of {len(expected)}")

    records = await _on_server(grace.client)
    sightings = sum(record["sightings"] or 0 for record in records.values())
    missing = set(work.ids) - set(records)
    screen.check("each exactly once", sightings == EDITS + NEW and not missing,
                 f"{sightings} sightings, {len(records):,} records")  # fmt: skip
    for person in (ada, grace):
        rows = [*await person.cars.search("", ()), *await person.airports.search("", ())]
        held = {row["id"]: row for row in rows}
        screen.check(f"{person.name}'s device equals the server", held == records, f"{len(held):,} records")
    await _check_refusal(ada, work, screen)


async def _on_server(client: Client) -> dict[str, dict[str, Any]]:
    records: dict[str, dict[str, Any]] = {}
    for name in COLLECTIONS:
        async for record in client.collection(name).iterate(limit=500):
            records[record["id"]] = record
    return records


async def _check_refusal(ada: Traveller, work: Work, screen: Screen) -> None:
    assert work.forbidden is not None
    outcome = await work.forbidden.settled()
    held = [entry for entry in await ada.client.outbox.list() if entry.state == "refused"]
    reason = outcome.problem.message if outcome.problem else ""
    is_held = [entry.id for entry in held] == [work.forbidden.mutation]
    screen.check("what the rules refuse is held, alone", outcome.status == "refused" and is_held, reason)


def main() -> int:
    """Go on the trip; 0 if every check held."""
    screen = Screen(Console())
    with TemporaryDirectory(prefix="field-trip-") as folder, screen.progress:
        asyncio.run(trip(Path(folder), screen))
    return 0 if screen.report() else 1


if __name__ == "__main__":
    sys.exit(main())
