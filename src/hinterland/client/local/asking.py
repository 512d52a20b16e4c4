"""Asking the store's thread: what a question needs there is made first, in steps between which writes come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from hinterland.client.local import mutations, stand_ins
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import StoreError
from hinterland.client.local.finding import Findings, find
from hinterland.client.local.indexing import IndexWanted, provide
from hinterland.client.local.outcomes import OutboxEntry
from hinterland.client.local.overlay import after
from hinterland.client.local.plans import LocalSource
from hinterland.client.local.queries import ChangedKeys, Found
from hinterland.client.local.question import Question
from hinterland.client.local.store import Store, StoreAct
from hinterland.client.local.windows import LiveWindow
from hinterland.contract.errors import Refusal
from hinterland.contract.records import Document

T = TypeVar("T")
Take = Callable[[Findings], T]


class QuestionRunner:
    """Runs questions about the records of a collection below a parent, as the app's type `kind`."""

    def __init__(self, store: Store, where: Callable[[], Scope], collection: str, parent: str, kind: type[Any]) -> None:
        self._store = store
        self._where = where
        self._collection = collection
        self._parent = parent
        self._kind = kind

    async def ask(self, question: Question, take: Take[T]) -> T:
        """What `take` makes, in the store's thread, of what the question finds.

        Raises what is wrong with the question, and StoreError's kinds.
        """

        def act(connection: StoreConnection, source: LocalSource) -> T:
            return take(find(connection, source, question))

        return await self._run(self._store.read, act)

    async def ask_again(self, question: Question, window: LiveWindow, keys: ChangedKeys) -> Found:
        """What a live query finds after these records have changed; writes go first. Raises the same."""

        def act(connection: StoreConnection, source: LocalSource) -> Found:
            would_find: Callable[[Document], bool]
            if (plan := window.apply(connection, source, keys)) is not None:
                texts, would_find = window.texts(), plan.finds
            else:
                found = find(connection, source, question)
                texts, would_find = window.fill(source, found), found.would_find
            return Found(array(texts), _refused(connection, source, would_find))

        return await self._run(self._store.reread, act)

    async def _run(
        self, read: Callable[[StoreAct[T]], Awaitable[T]], act: Callable[[StoreConnection, LocalSource], T]
    ) -> T:
        scope, may_index = self._where(), True

        def at_source(connection: StoreConnection) -> T:
            return act(connection, self.source(connection, scope, may_index))

        while True:
            try:
                return await read(at_source)
            except IndexWanted as wanted:
                may_index = await self._provide(wanted)

    async def _provide(self, wanted: IndexWanted) -> bool:
        """Whether what is wanted, or a step of it, could be made."""
        try:
            await self._store.write(partial(provide, wanted=wanted))
        except StoreError:
            return False  # the question is answered without
        return True

    def source(self, connection: StoreConnection, scope: Scope, may_index: bool = False) -> LocalSource:
        """Where the records are, by the ids that are known now."""
        parent = stand_ins.real_parent(connection, scope, self._parent)
        return LocalSource(scope, self._collection, parent, self._kind, may_index)


def array(texts: Sequence[str]) -> bytes:
    """The records as one JSON array."""
    return f"[{','.join(texts)}]".encode()


def _refused(
    connection: StoreConnection, source: LocalSource, would_find: Callable[[Document], bool]
) -> list[OutboxEntry]:
    """The refused creations that the question would find, also where that can't be decided."""
    entries = mutations.refused_creations(connection, source.scope, source.collection, source.parent)
    return [entry for entry in entries if _is_found(source, entry, would_find)]


def _is_found(source: LocalSource, entry: OutboxEntry, would_find: Callable[[Document], bool]) -> bool:
    made = [write for write in entry.writes if mutations.creates(write, source.collection, source.parent)]
    try:
        return any(would_find(after(None, write, entry.timestamp) or {}) for write in made)
    except Refusal:
        return True
