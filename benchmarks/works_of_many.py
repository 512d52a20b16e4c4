"""The works of one request that reads or writes many records, and the list of all works."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from benchmarks.dataset import comparable
from benchmarks.http1 import call, request, split
from benchmarks.load import Load
from benchmarks.peers import Peer
from benchmarks.related_data import COMMENTS, LIKES, NAMED, POSTS, related_rows
from benchmarks.works import NEW_NUMBERS, RequestWork, Sample, Scale, Work, decoded, expect, single_works

BULK = 200
"""Rows of one request."""

_ROWS = {name: {row["id"]: row for row in rows} for name, rows in related_rows().items()}


class Expand(RequestWork):
    """Somebody who is signed in lists 20 posts with the three tags that each names, or with its ten comments and the
    five likes of each of them."""

    def __init__(self, *, nested: bool) -> None:
        super().__init__()
        self._nested = nested
        self.name = f"expand {POSTS} x {COMMENTS} x {LIKES}" if nested else f"expand {POSTS} x {len(NAMED)}"
        self.budget_ms = 2.5 if nested else 0.4
        self._seen: set[tuple[str, bytes]] = set()

    def request(self, peer: Peer, number: int) -> bytes:
        """The same each time, by members in turn."""
        path = peer.expand_path(nested=self._nested)
        return request("GET", path, peer.authorization(peer.members[number % len(peer.members)]))

    def check(self, peer: Peer, load: Load) -> None:
        """Each answer has the posts in order, and with each of them and of their comments what refers to it."""
        for _, answer in load.answers:
            status, body = split(answer)
            if status != 200 or (peer.label, body) not in self._seen:
                posts = peer.page(decoded(peer, answer, 200)).records
                expect(peer, "order", [*_ROWS["posts"]], [post["id"] for post in posts])
                for post in posts:
                    self._check_post(peer, post)
                self._seen.add((peer.label, body))

    def _check_post(self, peer: Peer, post: dict[str, Any]) -> None:
        _check_rows(peer, "posts", [post["id"]], [post])
        if not self._nested:
            row = _ROWS["posts"][post["id"]]
            for name in NAMED:
                _check_rows(peer, "tags", [row[name]], [peer.expanded(post, name)])
            return
        comments = peer.expanded(post, "comments")
        _check_rows(peer, "comments", _referring("comments", "post", post["id"]), comments)
        for comment in comments:
            likes = peer.expanded(comment, "likes")
            _check_rows(peer, "likes", _referring("likes", "comment", comment["id"]), likes)


class Bulk(RequestWork):
    """A member creates 200 records with one request, all of them or none. What is counted is a row."""

    name = f"row of {BULK}"
    budget_ms = 0.07

    def __init__(self) -> None:
        super().__init__(clients=4)

    def request(self, peer: Peer, number: int) -> bytes:
        """The members take turns."""
        rows = [peer.dataset.row(row) for row in _numbers(number)]
        path, body = peer.bulk(rows)
        user = peer.members[number % len(peer.members)]
        return request("POST", path, peer.authorization(user), msgspec.json.encode(body))

    def check(self, peer: Peer, load: Load) -> None:
        """Each answer has as many ids, all of them different; one record of each is as it was sent."""
        ids: set[str] = set()
        for number, answer in load.answers:
            made = peer.bulk_ids(decoded(peer, answer, 200, 201))
            expect(peer, "rows", BULK, len(made))
            ids |= {*made}
            place = number % BULK
            user = peer.authorization(peer.members[number % len(peer.members)])
            found = call(peer.port, "GET", f"{peer.records_path('notes')}/{made[place]}", None, user)
            expect(peer, "row", comparable(peer.dataset.row(_numbers(number)[place])), comparable(found))
        expect(peer, "different ids", len(load.answers) * BULK, len(ids))

    async def measure(self, peer: Peer, scale: Scale) -> Sample:
        """Also counts: the server has exactly the records more that it acknowledged."""
        records, requests = peer.count_notes(), self._next.get(peer.label, 0)
        sample = await super().measure(peer, scale)
        expect(peer, "notes", records + (self._next[peer.label] - requests) * BULK, peer.count_notes())
        return Sample(sample.usage, [latency for latency in sample.latencies for _ in range(BULK)])


def _numbers(number: int) -> range:
    first = 3 * NEW_NUMBERS + number * BULK
    return range(first, first + BULK)


def _referring(collection: str, field: str, id: str) -> list[str]:
    return [row["id"] for row in _ROWS[collection].values() if row[field] == id]


def _check_rows(peer: Peer, collection: str, ids: Iterable[str], found: list[dict[str, Any]]) -> None:
    """Raises WrongAnswer unless `found` are these records, in any order: ids grow with their numbers."""
    for id, record in zip(ids, sorted(found, key=lambda record: str(record["id"])), strict=True):
        row = _ROWS[collection][id]
        expect(peer, collection, row, {name: record.get(name) for name in row})


def works() -> list[Work]:
    """All works, in the order in which they are measured."""
    return [*single_works(), Expand(nested=False), Expand(nested=True), Bulk()]
