"""`python -m benchmarks.local_store`: CPU of questions, writes and live queries of the client's local store.

Each figure is the least of several runs, in milliseconds of this process; *first* is the first run, which makes the
columns and the index that the question needs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hinterland.client.errors import ConnectionLost
from hinterland.client.events import Event
from hinterland.client.local import records
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.local import Local
from hinterland.client.local.repository import LocalRepository
from hinterland.contract.fields import Boolean, Integer, Number, Text
from hinterland.contract.identity import RecordId, new_id
from hinterland.contract.records import Collection
from hinterland.contract.sync import Pull, PullResult, Push, PushResult
from hinterland.contract.values import instant
from hinterland.kit.clock import SystemClock

SIZES = (10_000, 100_000)
LIST_BUDGET, LIVE_BUDGET = 2.0, 5.0  # ms, at every size
_START = 1_700_000_000.0
_RUNS = 7
TASKS = Collection(
    name="tasks",
    fields={"title": Text(), "rank": Integer(), "price": Number(), "is_done": Boolean(), "category": Text()},
)
Tasks = LocalRepository[dict[str, Any]]
Act = Callable[[], Awaitable[object]]


class NoServer:
    """A server that is never reached."""

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """Fails."""
        raise ConnectionLost

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """Fails."""
        raise ConnectionLost

    async def events(self, account: RecordId, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """Fails."""
        raise ConnectionLost
        yield


def fill(connection: StoreConnection, scope: Scope, size: int) -> None:
    """So many records, as a pull brings them."""
    for number in range(size):
        moment = instant(_START + number)
        record = {
            "id": new_id(_START + number), "created_at": moment, "updated_at": moment, "revision": number + 1,
            "title": f"task {number * 7919 % size:06}", "rank": number % 1_000, "price": number / 7,
            "is_done": number % 2 == 0, "category": f"category{number % 50}",
        }  # fmt: skip
        records.set_base(connection, scope, ("tasks", "", str(record["id"])), records.text(record), number + 1, 0)


async def measure(size: int, folder: Path) -> dict[str, tuple[float, float]]:
    """The first and the least CPU time of each kind of work, in milliseconds."""
    local = Local(folder / f"{size}.db", NoServer(), SystemClock(), collections=[TASKS])
    await local.open()
    await local.switch("somebody")
    await local.store.write(lambda connection: fill(connection, local.scope, size))
    tasks = local.collection("tasks")
    deep = await tasks.list(sort=["title"], page=size // 40)
    found = {name: await _time(act) for name, act in _questions(tasks, deep.next or "").items()}
    async for _ in tasks.watch(limit=20):
        break
    found["create, and a live list of 20 again"] = await _live(tasks, {})
    found["create, and a live filter again"] = await _live(tasks, {"filter": "record.rank > 990"})
    await local.close()
    return found


def _questions(tasks: Tasks, cursor: str) -> dict[str, Act]:
    return {
        "list of 20": tasks.list,
        "list of 20, sorted": lambda: tasks.list(sort=["-rank", "title"]),
        "list of 20 of a category": lambda: tasks.list(category="category7"),
        "list of 20, filtered": lambda: tasks.list(filter="record.rank > 990 && !record.is_done"),
        "list of 20 by a deep cursor": lambda: tasks.list(sort=["title"], cursor=cursor),
        "list of 20 and the total": lambda: tasks.list(total=True),
        "search for 20": lambda: tasks.search("task 0001", ["title"], limit=20),
        "create": lambda: tasks.create({"title": "new", "rank": 1}),
        "create, replace_on": lambda: tasks.create({"title": "task 000077", "rank": 1}, replace_on="title"),
    }


async def _time(act: Act) -> tuple[float, float]:
    taken: list[float] = []
    for _ in range(_RUNS):
        began = time.process_time()
        await act()
        taken.append((time.process_time() - began) * 1_000)
    return taken[0], min(taken)


async def _live(tasks: Tasks, question: dict[str, Any]) -> tuple[float, float]:
    watching = tasks.watch(limit=20, **question)
    await anext(watching)

    async def change() -> None:
        await tasks.create({"title": "live", "rank": 999})
        await anext(watching)

    figures = await _time(change)
    await watching.aclose()
    return figures


def main() -> int:
    """Measures and prints. 1 where a list or a live query takes more than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_store", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of records")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hinterland-bench-") as folder:
        found = {size: asyncio.run(measure(size, Path(folder))) for size in options.sizes}
    table = Table("CPU, ms", *(f"{size:,} records: first, then" for size in found))
    for name in found[options.sizes[0]]:
        table.add_row(name, *(f"{each[name][0]:.1f}, {each[name][1]:.2f}" for each in found.values()))
    console = Console()
    (console if console.is_terminal else Console(width=150)).print(table)
    is_missed = any(_misses(each) for each in found.values())
    return 1 if is_missed else 0


def _misses(found: dict[str, tuple[float, float]]) -> bool:
    live = [then for name, (_, then) in found.items() if "live" in name]
    return found["list of 20"][1] > LIST_BUDGET or max(live) > LIVE_BUDGET


if __name__ == "__main__":
    sys.exit(main())
