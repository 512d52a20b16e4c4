"""The collections that a device knows: as the app declares them, else as the server has described them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.records import refresh
from hinterland.contract.described import DescribedCollection, collections_in
from hinterland.contract.records import Collection, CompiledCollection


class Description(NamedTuple):
    """A server's description of its app as JSON, and the ETag that it has."""

    tag: str
    text: str


class Shapes(Mapping[str, CompiledCollection]):
    """The compiled collections by name: those that the app `declares`, and beside them those that were described."""

    def __init__(self, declared: Iterable[Collection] = ()) -> None:
        self.declared = {collection.name: CompiledCollection(collection) for collection in declared}
        self._described: dict[str, DescribedCollection] = {}
        self._all: Mapping[str, CompiledCollection] = self.declared

    def __getitem__(self, name: str) -> CompiledCollection:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def describe(self, described: Mapping[str, DescribedCollection]) -> set[str]:
        """Know these collections from now on, and no others that were described before. Answers the names of those of
        which something else is known now."""
        before, self._described = self._described, dict(described)
        self._all = {**self._described, **self.declared}
        names = (before.keys() | described.keys()) - self.declared.keys()
        same = {name for name in before.keys() & described.keys() if before[name].is_same(described[name])}
        return names - same


def recall(connection: StoreConnection, server: str, shapes: Shapes, *, is_certain: bool = False) -> str:
    """Know what the server described last; answers its tag, "" where there is nothing. It is not certain before the
    server was reached: the app may be newer."""
    tag, found = _stored(connection, server, is_certain=is_certain)
    if found is not None:
        shapes.describe(found)
    return "" if found is None else tag


def _stored(
    connection: StoreConnection, server: str, *, is_certain: bool
) -> tuple[str, dict[str, DescribedCollection] | None]:
    row = connection.execute("SELECT tag, description FROM descriptions WHERE server = ?", (server,)).fetchone()
    return (row[0], collections_in(row[1], is_certain=is_certain)) if row else ("", None)


def stored_tag(connection: StoreConnection, server: str) -> str:
    """The tag of what the server described last; "" where there is nothing."""
    row = connection.execute("SELECT tag FROM descriptions WHERE server = ?", (server,)).fetchone()
    tag: str = row[0] if row else ""
    return tag


def confirm(connection: StoreConnection, scope: Scope, server: str, shapes: Shapes) -> None:
    """What the server described last is what it describes now."""
    _, found = _stored(connection, server, is_certain=True)
    if found is not None:
        _show(connection, scope, shapes.describe(found))


def take_over(
    connection: StoreConnection,
    scope: Scope,
    server: str,
    shapes: Shapes,
    description: Description,
    found: Mapping[str, DescribedCollection],
) -> None:
    """Keep the description and know what is `found` in it from now on: records with unsent writes look as it says."""
    connection.execute(
        "INSERT OR REPLACE INTO descriptions (server, tag, description) VALUES (?, ?, ?)", (server, *description)
    )
    _show(connection, scope, shapes.describe(found))


def _show(connection: StoreConnection, scope: Scope, changed: set[str]) -> None:
    rows = connection.execute(
        "SELECT DISTINCT collection, parent, id FROM touches WHERE space = ?", (scope.space,)
    ).fetchall()
    keys: list[Key] = [(collection, parent, id) for collection, parent, id in rows if collection in changed]
    refresh(connection, scope, keys)
    connection.store_change.collections |= changed  # questions may have other answers
