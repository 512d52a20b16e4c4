"""The works of GraphQL: a list of 100 records with 6 fields, and 20 posts x 10 comments x 5 likes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec

from benchmarks.dataset import category_name, row_id
from benchmarks.http1 import ask, request, split
from benchmarks.load import Load
from benchmarks.peers import Served
from benchmarks.related_data import COMMENTS, LIKES, POSTS, related_rows
from benchmarks.works import RequestWork, Work, decoded, expect

ROWS = 100
_FIELDS = ("id", "title", "rank", "category", "done", "due")
_NESTED = ("id", "title", "rank", "done")
_RELATED = {name: [{field: row[field] for field in _NESTED} for row in rows] for name, rows in related_rows().items()}


class GraphqlList(RequestWork):
    """Somebody who is signed in lists the first 100 articles of a category with six fields, lowest rank first."""

    name = f"GraphQL {ROWS} x {len(_FIELDS)}"
    budget_ms = 0.25
    least_ratio = MappingProxyType({"Strawberry": 12.0})

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[tuple[str, int, bytes]] = set()

    def request(self, peer: Served, number: int) -> bytes:
        """Every category in turn."""
        variables = {"category": category_name(number % peer.dataset.categories)}
        return _request(peer, peer.list_document % " ".join(_FIELDS), variables, number)

    def check(self, peer: Served, load: Load) -> None:
        """Each answer has the right records in the right order."""
        for number, answer in load.answers:
            category, (status, body) = number % peer.dataset.categories, split(answer)
            if status != 200 or (peer.label, category, body) not in self._seen:
                rows = [{"id": row_id(row), **peer.dataset.row(row)} for row in peer.dataset.listed(category, ROWS)]
                expected = [{name: row[name] for name in _FIELDS} for row in rows]
                answered = decoded(peer, answer, 200)
                for article in answered["data"]["articles"]:
                    article["due"] = article["due"][:23] + "Z"  # to the millisecond
                expect(peer, "articles", {"data": {"articles": expected}}, answered)
                self._seen.add((peer.label, category, body))


class GraphqlNested(RequestWork):
    """Somebody who is signed in asks for 20 posts, their ten comments, and the five likes of each of these."""

    name = f"GraphQL {POSTS} x {COMMENTS} x {LIKES}"
    budget_ms = 2.5

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[tuple[str, bytes]] = set()

    def request(self, peer: Served, number: int) -> bytes:
        """The same each time, by members in turn."""
        fields = " ".join(_NESTED)
        return _request(peer, peer.nested_document % (fields, fields, fields), {}, number)

    def check(self, peer: Served, load: Load) -> None:
        """Each answer has all of them, in order."""
        for _, answer in load.answers:
            status, body = split(answer)
            if status != 200 or (peer.label, body) not in self._seen:
                expect(peer, "posts", {"data": {"posts": _nested()}}, _in_order(decoded(peer, answer, 200)))
                self._seen.add((peer.label, body))


def check_sign_in(peer: Served) -> None:
    """Somebody who is not signed in gets no record. Raises WrongAnswer."""
    body = {"query": peer.list_document % "id", "variables": {"category": category_name(0)}}
    _, answer = ask(peer.port, "POST", "/graphql", body)
    expect(peer, "a stranger's records", [], (answer.get("data") or {}).get("articles") or [])


def _request(peer: Served, query: str, variables: dict[str, Any], number: int) -> bytes:
    body = msgspec.json.encode({"query": query, "variables": variables})
    return request("POST", "/graphql", peer.authorization(peer.members[number % len(peer.members)]), body)


def _nested() -> list[dict[str, Any]]:
    """All posts with what is below them, by rank: their numbers are their ranks."""
    comments = [
        comment | {"likes": _RELATED["likes"][number * LIKES : (number + 1) * LIKES]}
        for number, comment in enumerate(_RELATED["comments"])
    ]
    return [
        post | {"comments": comments[number * COMMENTS : (number + 1) * COMMENTS]}
        for number, post in enumerate(_RELATED["posts"])
    ]


def _in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer whose comments and likes are by rank: their order was not asked for."""
    for post in (answer.get("data") or {}).get("posts", ()):
        post["comments"].sort(key=_rank)
        for comment in post["comments"]:
            comment["likes"].sort(key=_rank)
    return answer


def _rank(record: dict[str, Any]) -> float:
    rank: float = record["rank"]
    return rank


def graphql_works() -> list[Work]:
    """The works, in the order in which they are measured."""
    return [GraphqlList(), GraphqlNested()]
