"""`python -m benchmarks.growth [--large]`: what a request costs as the collection grows, of which the caller owns 100.

Only this project's server is measured. The exponent says how CPU grows with the records: 0 not at all, 1 in proportion.
Lists of tutorials' paths count all records that match, and no index helps a search or a number of a page: among all
records, as an administrator asks here, these may grow in proportion.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.dataset import row_id
from benchmarks.http1 import call, request
from benchmarks.load import ClosedLoop
from benchmarks.meter import Meter
from benchmarks.ours import Hinterland
from benchmarks.peers import User
from benchmarks.works import decoded, expect

SIZES, LARGE = (10_000, 100_000), 1_000_000
OWNED = 100
LIMIT = 20
MOST = 0.1  # the exponent
_CLIENTS, _FEW_CLIENTS = 8, 2
_LEAST = 0.001  # ms; CPU time is counted in ticks, so a short sample may have none
_SAMPLES = 3
_CHECKED = 50  # answers of each sample


class Growing(NamedTuple):
    """A kind of request: the one with a number, and what raises WrongAnswer where its decoded answer is wrong. One that
    `is_linear` may grow in proportion, and be refused as too costly."""

    name: str
    request: Callable[[int], bytes]
    check: Callable[[int, Any], None]
    is_linear: bool = False


class Figure(NamedTuple):
    """CPU milliseconds of a request; `is_refused`: it was too costly."""

    cpu_ms: float
    is_refused: bool

    def __str__(self) -> str:
        return f"{self.cpu_ms:,.3f}" + (" (refused)" if self.is_refused else "")


class Drawers(Hinterland):
    """A server whose collection `drawers` has `rows` records; its first user owns every one in `rows / 100`."""

    def prepare(self, rows: int) -> None:
        """Everything through the API, the records by the administrator's import."""
        self.start()
        self.root = self.administrator()
        self.users = [self.sign_up(number) for number in range(2)]
        self.hold(rows)
        self.groups = rows // OWNED
        self.fill("drawers", self._rows(), self.root)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for number, row in enumerate(self.dataset.seeds()):
            group = number % self.groups
            yield {**row, "owner": f"owner{group}" if group else self.users[0].id}

    def requests(self) -> list[Growing]:
        """Every kind of request."""
        (owner, other), path = self.users, self.records_path("drawers")
        page = self.dataset.rows * 3 // 4 // LIMIT
        sorted_path = f"{path}?sort=rank&limit={LIMIT}"
        found = call(self.port, "GET", f"{sorted_path}&page={page}", None, self.authorization(self.root))
        after = f"{sorted_path}&cursor={found['next']}"
        pull = msgspec.json.encode({"collections": ["drawers"]})

        def insert(number: int) -> bytes:
            body = {**self.dataset.row(self.dataset.rows + number), "owner": other.id}
            return request("POST", path, self.authorization(other), msgspec.json.encode(body))

        return [
            Growing("read by id", lambda number: self._get(f"{path}/{self._own(number)}", owner), self._check_read),
            Growing(
                "list by an indexed rule", lambda number: self._get(f"{path}?limit={LIMIT}", owner), self._check_list
            ),
            Growing(
                "cursor at three quarters", lambda number: self._get(after, self.root), self._check_page(page * LIMIT)
            ),
            Growing("first pull by an indexed rule", lambda number: self._pull(owner, pull), self._check_pull),
            Growing("insert", insert, lambda number, answer: expect(self, "owner", other.id, answer["owner"])),
            *self._searches(owner),
            *self._sums(owner),
        ]

    def _searches(self, owner: User) -> list[Growing]:
        """Lists that search, or that name a page by its number."""
        path, last = f"/drawers?_limit={LIMIT}", self.dataset.rows - OWNED
        word = quote(f"sheet {last:07d}")  # in one title, near the end
        texts = quote('record.title.contains("a")')
        common = f"{self.records_path('drawers')}?limit={LIMIT}&filter={texts}"
        start = self.dataset.rows * 3 // 4

        def ranked(answer: Any) -> list[int]:
            return [record["rank"] for record in answer]

        def is_slice(number: int, answer: Any) -> None:
            expect(self, "slice", [*range(start, start + LIMIT)], ranked(answer))

        def is_page(number: int, answer: Any) -> None:
            first = start // LIMIT * LIMIT
            expect(self, "numbered page", [*range(first, first + LIMIT)], ranked(answer))

        def has(count: int) -> Callable[[int, Any], None]:
            return lambda number, answer: expect(self, "found", count, len(answer))

        return [
            Growing("q among 100 by an indexed rule", lambda number: self._get(f"{path}&q=sheet", owner), has(LIMIT)),
            Growing(
                "contains, until a page is full",
                lambda number: self._get(common, self.root),
                lambda number, answer: expect(self, "found", LIMIT, len(answer["items"])),
            ),
            *self._word_searches(),
            Growing("first page, counted", lambda number: self._get(path, self.root), has(LIMIT), is_linear=True),
            Growing("q", lambda number: self._get(f"{path}&q={word}", self.root), has(1), is_linear=True),
            Growing("_like", lambda number: self._get(f"{path}&title_like={word}", self.root), has(1), is_linear=True),
            Growing(
                "_start at three quarters",
                lambda number: self._get(f"{path}&_sort=rank&_start={start}", self.root),
                is_slice,
                is_linear=True,
            ),
            Growing(
                "_page at three quarters",
                lambda number: self._get(f"{path}&_sort=rank&_page={start // LIMIT + 1}", self.root),
                is_page,
                is_linear=True,
            ),
        ]

    def _sums(self, owner: User) -> list[Growing]:
        """Values of groups: of what an indexed rule leaves, and of all records."""
        path = f"{self.records_path('drawers')}/aggregate?group=done&count=*&max=rank"

        def counts(count: int) -> Callable[[int, Any], None]:
            return lambda number, answer: expect(self, "count", count, sum(row["count"] for row in answer["items"]))

        all_rows = self.dataset.rows
        return [
            Growing("sums by an indexed rule", lambda number: self._get(path, owner), counts(OWNED)),
            Growing("sums of all", lambda number: self._get(path, self.root), self._counts_at_least(all_rows), True),
        ]

    def _counts_at_least(self, rows: int) -> Callable[[int, Any], None]:
        def check(number: int, answer: Any) -> None:
            found = sum(row["count"] for row in answer["items"])
            expect(self, "all records, and those inserted", True, found >= rows)

        return check

    def _word_searches(self) -> list[Growing]:
        """Searches by the index of words: of a word in one title, of the beginning of words that ten have, and of a
        word that all have."""
        start = f"{self.records_path('drawers')}?limit={LIMIT}&search="

        def searched(name: str, words: Callable[[int], str], count: int, *, is_linear: bool = False) -> Growing:
            def check(number: int, answer: Any) -> None:
                expect(self, "found", count, len(answer["items"]))

            return Growing(name, lambda number: self._get(start + words(number), self.root), check, is_linear)

        return [
            searched("search of a word that one has", lambda number: f"{self.dataset.read_at(number):07d}", 1),
            searched(
                "search of two words, a beginning",
                lambda number: f"survey%20{self.dataset.read_at(number) // 10:06d}*",
                10,
            ),
            searched("search of a word that all have", lambda number: "survey", LIMIT, is_linear=True),
        ]

    def _get(self, path: str, user: User) -> bytes:
        return request("GET", path, self.authorization(user))

    def _pull(self, user: User, body: bytes) -> bytes:
        return request("POST", "/v1/sync/pull", self.authorization(user), body)

    def _own(self, number: int) -> str:
        return row_id(number % OWNED * self.groups)

    def _check_read(self, number: int, answer: Any) -> None:
        expect(self, "id", self._own(number), answer["id"])

    def _check_list(self, number: int, answer: Any) -> None:
        expect(self, "list", [self._own(n) for n in range(LIMIT)], [record["id"] for record in answer["items"]])

    def _check_page(self, rank: int) -> Callable[[int, Any], None]:
        def check(number: int, answer: Any) -> None:
            expect(self, "page", [*range(rank, rank + LIMIT)], [record["rank"] for record in answer["items"]])

        return check

    def _check_pull(self, number: int, answer: Any) -> None:
        expect(self, "pull", [self._own(n) for n in range(OWNED)], sorted(change["id"] for change in answer["changes"]))


def main() -> int:
    """Measures and prints. 1 where an exponent is larger than it may be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--large", action="store_true", help=f"with {LARGE:,} records too")
    parser.add_argument("--sizes", type=int, nargs="+", help="other numbers of records")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    options = parser.parse_args()
    sizes = options.sizes or [*SIZES, *([LARGE] if options.large else [])]
    figures = [measured(rows, options.seconds) for rows in sizes]
    growth = {kind: exponent(sizes, [figure[kind].cpu_ms for figure in figures]) for kind in figures[0]}
    table = Table(title="CPU ms of one request, by the records of the collection")
    for heading in ("request", *(f"{rows:,}" for rows in sizes), "exponent", "at most"):
        table.add_column(heading, justify="left" if heading == "request" else "right")
    for (name, is_linear), grown in growth.items():
        cells = [str(figure[name, is_linear]) for figure in figures]
        table.add_row(name, *cells, f"{grown:.2f}", "linear" if is_linear else f"{MOST}")
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return int(any(grown > MOST for (_, is_linear), grown in growth.items() if not is_linear))


def measured(rows: int, seconds: float) -> dict[tuple[str, bool], Figure]:
    """What each kind of request, by its name and whether it may be linear, takes on a new server with so many
    records."""
    with tempfile.TemporaryDirectory(prefix="hinterland-growth-") as folder:
        peer = Drawers(Path(folder) / "ours")
        try:
            peer.prepare(rows)
            return {(kind.name, kind.is_linear): uvloop.run(_measured(peer, kind, seconds)) for kind in peer.requests()}
        finally:
            peer.stop()


async def _measured(peer: Drawers, kind: Growing, seconds: float) -> Figure:
    async with ClosedLoop(peer.port, _FEW_CLIENTS if kind.is_linear else _CLIENTS, kind.request) as loop:
        first = len((await loop.run(seconds / 5, 0)).answers)
        samples, is_refused = [], False
        for _ in range(_SAMPLES):
            meter = Meter(peer.process)
            load = await loop.run(seconds / _SAMPLES, first)
            samples.append(meter.stop(load.elapsed).server / len(load.answers) * 1e3)
            for number, answer in load.answers[:: len(load.answers) // _CHECKED + 1]:
                found = decoded(peer, answer, 200, 201, *([400] if kind.is_linear else []))
                if isinstance(found, dict) and found.get("code") == "too_costly":
                    is_refused = True
                else:
                    kind.check(number, found)
            first += len(load.answers)
    return Figure(median(samples), is_refused)


def exponent(sizes: Sequence[int], figures: Sequence[float]) -> float:
    """How the figures grow with the sizes, from the first to the last: 0 not at all, 1 in proportion."""
    first, last = (max(figures[place], _LEAST) for place in (0, -1))
    return math.log(last / first) / math.log(sizes[-1] / sizes[0])


if __name__ == "__main__":
    sys.exit(main())
