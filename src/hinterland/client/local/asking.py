"""Asking the store's thread: what a question needs there is made first, in steps between which writes come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from hinterland.client.local import stand_ins
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import StoreError
from hinterland.client.local.finding import Findings, find
from hinterland.client.local.indexing import IndexWanted, provide
from hinterland.client.local.plans import LocalSource
from hinterland.client.local.question import Question
from hinterland.client.local.store import Store

T = TypeVar("T")
Take = Callable[[StoreConnection, LocalSource, Findings], T]


class Asker:
    """Asks questions about the records of a collection below a parent, as the app's type `kind`."""

    def __init__(self, store: Store, where: Callable[[], Scope], collection: str, parent: str, kind: type[Any]) -> None:
        self._store = store
        self._where = where
        self._collection = collection
        self._parent = parent
        self._kind = kind

    async def ask(self, question: Question, take: Take[T], *, is_again: bool = False) -> T:
        """What `take` makes, in the store's thread, of what the question finds. `is_again`: writes go first.

        Raises what is wrong with the question, and StoreError's kinds.
        """
        scope, may_index = self._where(), True
        read = self._store.reread if is_again else self._store.read
        while True:
            try:
                return await read(partial(self._act, scope, question, take, may_index))
            except IndexWanted as wanted:
                may_index = await self._provide(wanted)

    async def _provide(self, wanted: IndexWanted) -> bool:
        """Whether what is wanted, or a step of it, could be made."""
        try:
            await self._store.write(partial(provide, wanted=wanted))
        except StoreError:
            return False  # the question is answered without
        return True

    def _act(self, scope: Scope, question: Question, take: Take[T], may_index: bool, connection: StoreConnection) -> T:
        place = self.place(connection, scope, may_index)
        return take(connection, place, find(connection, place, question))

    def place(self, connection: StoreConnection, scope: Scope, may_index: bool = False) -> LocalSource:
        """Where the records are, by the ids that are known now."""
        parent = stand_ins.real_parent(connection, scope, self._parent)
        return LocalSource(scope, self._collection, parent, self._kind, may_index)
