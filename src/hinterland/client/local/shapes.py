"""The collections that a device knows: as the app declares them, else as the server has described them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.records import refresh
from hinterland.contract.described import collections_in
from hinterland.contract.records import Collection, CompiledCollection


class Description(NamedTuple):
    """A server's description of its app as JSON, and the ETag that it has."""

    tag: str
    text: str


class Shapes(Mapping[str, CompiledCollection]):
    """The compiled collections by name: those that the app `declares`, and beside them those that were described."""

    def __init__(self, declared: Iterable[Collection] = ()) -> None:
        self.declared = {collection.name: CompiledCollection(collection) for collection in declared}
        self._described: dict[str, CompiledCollection] = {}
        self._all: Mapping[str, CompiledCollection] = self.declared

    def __getitem__(self, name: str) -> CompiledCollection:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def describe(self, described: Mapping[str, CompiledCollection]) -> set[str]:
        """Know these collections from now on, and no others that were described before. Answers the names of those of
        which something else is known now."""
        before, self._described = self._described, dict(described)
        self._all = {**self._described, **self.declared}
        names = (before.keys() | described.keys()) - self.declared.keys()
        return {name for name in names if not _is_same(before.get(name), described.get(name))}


def _is_same(one: CompiledCollection | None, other: CompiledCollection | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.collection == other.collection and vars(one).get("kinds") == vars(other).get("kinds")


def recall(connection: StoreConnection, server: str, shapes: Shapes) -> str:
    """Know what the server described last; answers its tag, "" where there is nothing."""
    row = connection.execute("SELECT tag, description FROM descriptions WHERE server = ?", (server,)).fetchone()
    found = collections_in(row[1]) if row else None
    if found is None:
        return ""
    shapes.describe(found)
    tag: str = row[0]
    return tag


def take_over(
    connection: StoreConnection,
    scope: Scope,
    server: str,
    shapes: Shapes,
    description: Description,
    found: Mapping[str, CompiledCollection],
) -> None:
    """Keep the description and know what is `found` in it from now on: records with unsent writes look as it says."""
    connection.execute(
        "INSERT OR REPLACE INTO descriptions (server, tag, description) VALUES (?, ?, ?)", (server, *description)
    )
    changed = shapes.describe(found)
    rows = connection.execute(
        "SELECT DISTINCT collection, parent, id FROM touches WHERE space = ?", (scope.space,)
    ).fetchall()
    keys: list[Key] = [(collection, parent, id) for collection, parent, id in rows if collection in changed]
    refresh(connection, scope, keys)
    connection.store_change.collections |= changed  # questions may have other answers
