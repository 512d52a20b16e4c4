"""What comes with records, compared with what single requests give: each of three users, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Integer, Reference, Text
from hinterland.contract.records import Collection, Rules, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

OPEN = "!record.hidden || auth.id == record.owner"
LISTED = f"({OPEN}) && !record.unlisted"
OWN = "auth.id == record.owner"
FLAGS: dict[str, Any] = {"hidden": Boolean(), "unlisted": Boolean(), "owner": Text(), "rank": Integer()}
NODES = Collection(
    name="nodes",
    graphql="Spot",
    fields={**FLAGS, "next": Reference(to="nodes"), "leaf": Reference(to="leaves"), "secret": Text(read=OWN)},
    rules=Rules(list=LISTED, view=OPEN),
)
LEAVES = Collection(
    name="leaves",
    fields={**FLAGS, "node": Reference(to="nodes"), "other": Reference(to="nodes"), "secret": Text(read=OWN)},
    rules=Rules(list=LISTED, view=OPEN),
    ids="integer",
)
PARTS = Collection(name="parts", parent="nodes", fields={**FLAGS, "of": Reference(to="leaves")},
                   rules=Rules(list=LISTED, view=OPEN))  # fmt: skip
CRUMBS = Collection(name="crumbs", parent="parts", fields={**FLAGS, "secret": Text(read=OWN)}, rules=Rules(list=LISTED))
COLLECTIONS = (users(), NODES, LEAVES, PARTS, CRUMBS)


class Relative(NamedTuple):
    """How a relation's records are asked for by themselves: one by the id in a field, those below a path, those whose
    field holds the id."""

    collection: str
    by: str = ""
    back: str = ""


RELATIONS: dict[str, dict[str, Relative]] = {
    "nodes": {
        "next": Relative("nodes", by="next"),
        "leaf": Relative("leaves", by="leaf"),
        "parts": Relative("parts"),
        "nodes": Relative("nodes", back="next"),
        "leaves_via_node": Relative("leaves", back="node"),
        "leaves_via_other": Relative("leaves", back="other"),
    },
    "leaves": {
        "node": Relative("nodes", by="node"),
        "other": Relative("nodes", by="other"),
        "nodes": Relative("nodes", back="leaf"),
    },
    "parts": {"of": Relative("leaves", by="of"), "crumbs": Relative("crumbs")},
    "crumbs": {},
}
FIELDS = {"nodes": NODES, "leaves": LEAVES, "parts": PARTS, "crumbs": CRUMBS}
NAMES = ("ada", "ben", "eve")


class Wish(NamedTuple):
    """What is wanted of a collection's records."""

    fields: tuple[str, ...]
    inner: tuple[tuple[str, Wish, str, str, int], ...]


def wishes(collection: str, depth: int = 3) -> st.SearchStrategy[Wish]:
    """Any wish."""
    names = st.lists(st.sampled_from([*FIELDS[collection].fields, "revision"]), max_size=3, unique=True).map(tuple)
    if not depth or not RELATIONS[collection]:
        return st.builds(Wish, names, st.just(()))
    inner = st.lists(
        st.sampled_from(sorted(RELATIONS[collection])).flatmap(
            lambda name: st.tuples(
                st.just(name),
                wishes(RELATIONS[collection][name].collection, depth - 1),
                st.sampled_from(["", "rank", "-rank", "-id", "hidden,-rank"]),
                st.sampled_from(["", "record.rank > 1", "!record.hidden", f"record.owner in ['{NAMES[0]}', 'x']"]),
                st.sampled_from([1, 2, 20]),
            )
        ),
        max_size=2,
        unique_by=lambda each: each[0],
    )
    return st.builds(Wish, names, inner.map(tuple))


def written(collection: str, wish: Wish) -> str:
    """The parameter `expand` of a wish."""
    texts = []
    for name, inner, sort, filter, limit in wish.inner:
        options = [f"fields={','.join(inner.fields)}"] if inner.fields else []
        relative = RELATIONS[collection][name]
        if not relative.by:
            options += [f"sort={sort}"] if sort else []
            options += [f"filter={filter}"] if filter else []
            options.append(f"limit={limit}")
        if inner.inner:
            options.append(f"expand={written(relative.collection, inner)}")
        texts.append(f"{name}({','.join(options)})" if options else name)
    return ",".join(texts)


class ByHand:
    """One caller's requests for records one relation at a time."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self.api = api
        self.headers = headers

    async def get(self, path: str, **asked: Any) -> Any:
        """The JSON of a response; None where there is no such record."""
        answer = await self.api("GET", f"/v1/records/{path}", params=asked, headers=self.headers)
        if answer.status_code == 404:
            problem(answer, 404, "not_found")
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def complete(self, path: str, record: dict[str, Any], wish: Wish) -> dict[str, Any]:
        """A whole record, as it comes with what is wanted."""
        collection = path.split("/")[-1]
        shown = dict(record)
        if wish.fields:
            shown = {name: value for name, value in record.items() if name in ("id", *wish.fields)}
        found = {each[0]: await self.related(path, record, *each) for each in wish.inner}
        assert collection in RELATIONS
        return {**shown, "_expand": found} if found else shown

    async def related(
        self, path: str, record: dict[str, Any], name: str, wish: Wish, sort: str, filter: str, limit: int
    ) -> Any:
        """What comes with a record under a name."""
        relative = RELATIONS[path.split("/")[-1]][name]
        if relative.by:
            id = record.get(relative.by)
            found = None if id is None else await self.get(f"{relative.collection}/{id}")
            return None if found is None else await self.complete(relative.collection, found, wish)
        at = relative.collection if relative.back else f"{path}/{record['id']}/{relative.collection}"
        asked = {relative.back: record["id"]} if relative.back else {}
        asked |= {name: text for name, text in (("sort", sort), ("filter", filter)) if text}
        page = await self.get(at, limit=limit, **asked)
        items = [await self.complete(at, each, wish) for each in page["items"]]
        return {"items": items, "more": page["next"] != ""}


@asynccontextmanager
async def forest(kind: str, request: pytest.FixtureRequest, folder: Any) -> AsyncIterator[tuple[Api, list[ByHand]]]:
    """A server with records that refer to each other in circles, to themselves, to nothing and to what is hidden."""
    if kind == "sqlite":
        storage: Any = SqliteStorage(folder / "data")
    else:
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    async with serving(storage, collections=COLLECTIONS) as api:
        sessions = [await api.sign_up(name) for name in NAMES]
        owners = [session["user"]["id"] for session in sessions]
        await api.write(*_records(owners))
        callers = [session["headers"] for session in sessions]
        yield api, [ByHand(api, headers) for headers in (*callers, api.admin)]


def _records(owners: list[str]) -> list[Write]:
    def flags(number: int) -> dict[str, Any]:
        return {
            "hidden": number % 3 == 1, "unlisted": number % 5 == 2, "owner": owners[number % 3], "rank": number % 4,
        }  # fmt: skip

    made: list[Write] = []
    for number in range(6):
        body = {**flags(number), "secret": f"of {number}"}
        made.append(Write(act="create", collection="nodes", id=f"n{number}", body=body))
    for number in range(6):
        body = {"node": f"n{number * 5 % 6}", "other": f"n{number % 2}", "secret": "s", **flags(number + 1)}
        made.append(Write(act="create", collection="leaves", id=number + 1, body=body))
    targets = ["n1", "n0", "n2", "n4", None, "n0"]  # two circles, a record that refers to itself, and nothing
    for number, target in enumerate(targets):
        body = {"next": target, "leaf": number + 1 if number else None}
        made.append(Write(act="patch", collection="nodes", id=f"n{number}", body=body))
    for number in range(9):
        at = f"nodes/n{number % 3}"
        body = {**flags(number), "of": number % 6 + 1}
        made.append(Write(act="create", collection="parts", parent=at, id=f"p{number}", body=body))
        for crumb in range(3):
            body = {**flags(number + crumb), "secret": "c"}
            made.append(
                Write(act="create", collection="crumbs", parent=f"{at}/parts/p{number}", id=f"c{crumb}", body=body)
            )
    return made


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_one_request_or_many(kind: str, request: pytest.FixtureRequest, tmp_path: Any) -> None:
    """Whatever is wanted, at whatever depth: one request gives each caller exactly what requests for the single records
    and lists give them."""
    async with forest(kind, request, tmp_path) as (_, callers):
        drawn: list[Wish] = []

        @settings(max_examples=25, database=None)
        @given(wishes("nodes"))
        def draw(wish: Wish) -> None:
            drawn.append(wish)

        draw()
        for number, wish in enumerate(drawn):
            caller = callers[number % len(callers)]
            await compared(caller, wish)


async def compared(caller: ByHand, wish: Wish) -> None:
    """Fails unless a list, and a record, come as they come by hand."""
    asked = {
        name: text for name, text in (("expand", written("nodes", wish)), ("fields", ",".join(wish.fields))) if text
    }
    page = await caller.get("nodes", sort="-rank", **asked)
    plain = await caller.get("nodes", sort="-rank")
    assert page["items"] == [await caller.complete("nodes", each, wish) for each in plain["items"]], asked
    for id in ("n0", "n1", "n4"):
        alone = await caller.get(f"nodes/{id}")
        wanted = None if alone is None else await caller.complete("nodes", alone, wish)
        assert await caller.get(f"nodes/{id}", **asked) == wanted, asked
