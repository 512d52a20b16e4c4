"""The writes that wait for the server, and what became of the others."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from hinterland.client.errors import Unauthorized
from hinterland.client.local import mutations, posts
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import StoreError
from hinterland.client.local.outcomes import Counts, OutboxEntry, Outcome, QueuedDocument
from hinterland.client.local.posts import DocumentsFound
from hinterland.client.local.signals import OUTBOX, outcome_of
from hinterland.client.local.store import Store
from hinterland.contract.changes import Write
from hinterland.contract.identity import IdMaker, RecordId
from hinterland.contract.records import Document
from hinterland.kit.clock import Clock

_log = logging.getLogger("hinterland.client")
T = TypeVar("T")
Read = Callable[[Document], T]
MakeWrites = Callable[[StoreConnection], Sequence[Write]]


class Handle:
    """What was written here together: `mutation` is its id in the outbox, `ids` are those of its records, in the order
    of the writes."""

    def __init__(self, outbox: Outbox, mutation: str, ids: Sequence[RecordId]) -> None:
        self._outbox = outbox
        self.mutation = mutation
        self.ids = tuple(ids)

    def __repr__(self) -> str:
        return f"Handle(mutation={self.mutation!r}, ids={self.ids!r})"

    async def settled(self) -> Outcome:
        """Its outcome, as soon as it is known: the server has applied or refused it, or it was discarded here."""
        return await self._outbox.settled(self.mutation)


class Outbox:
    """The signed-in user's writes, in order. Refused ones stay, with the reason, until they are retried or discarded.

    `on_change` is called after each write, retry or edit, when there is something to send; `next_id` makes ids.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        where: Callable[[], Scope],
        on_change: Callable[[], None],
        next_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._where = where
        self._on_change = on_change
        self._next_id = next_id

    async def list(self) -> list[OutboxEntry]:
        """All that is in the outbox, in the order in which it was written."""
        return await self._store.read(partial(mutations.entries, scope=self._where()))

    async def watch(self) -> AsyncGenerator[Sequence[OutboxEntry], None]:
        """The outbox now and after each change."""
        with self._store.signals.watching(OUTBOX) as watcher:
            last = None
            while True:
                seen = watcher.notifications
                entries = await self._store.reread(partial(mutations.entries, scope=self._where()))
                if entries != last:
                    last = entries
                    yield entries
                await watcher.beyond(seen)

    async def changes(self) -> AsyncGenerator[None, None]:
        """Something now, and after each change of the outbox, of which nothing is read."""
        with self._store.signals.watching(OUTBOX) as watcher:
            while True:
                seen = watcher.notifications
                yield None
                await watcher.beyond(seen)

    async def counts(self) -> Counts:
        """How many wait for their outcome, and how many are held."""
        scope = self._where()
        return await self._store.read(lambda c: mutations.counts(c, scope))

    async def counts_by_account(self) -> dict[RecordId, Counts]:
        """The counts of every account that has something in this store's outbox for the same server, signed in or
        not."""
        scope = self._where()
        return await self._store.read(lambda c: mutations.counts_by_account(c, scope))

    async def add(self, make: MakeWrites, read: Read[T]) -> tuple[Handle, Sequence[T | None]]:
        """Keep writes that happen together or not at all; they show at once. `make` returns them, in the transaction
        that keeps them. Answers their records (None: deleted), each as `read` makes it of the document; where it
        raises a refusal, nothing is kept.

        Raises Unauthorized where nobody is signed in: what nobody owns could never be sent.
        """
        scope, now = self._signed_in(), self._clock.now()
        mutation = self._next_id()
        kept = await self._store.write(lambda c: mutations.enqueue(c, scope, mutation, make(c), now, read))
        self._on_change()
        return Handle(self, mutation, [each.id for each in kept]), [each.record for each in kept]

    async def add_document(
        self,
        query: str,
        *,
        operation: str = "",
        variables: Mapping[str, Any] = {},
        optimistic: Mapping[str, Any] | None = None,
    ) -> Handle:
        """Keep a GraphQL mutation, which is sent in its turn. Raises Unauthorized where nobody is signed in."""
        scope, now = self._signed_in(), self._clock.now()
        mutation = self._next_id()
        document = QueuedDocument(
            query=query,
            key=mutation,
            operation=operation,
            variables=dict(variables),
            optimistic=None if optimistic is None else dict(optimistic),
        )
        await self._store.write(lambda c: posts.enqueue(c, scope, mutation, document, now))
        self._on_change()
        return Handle(self, mutation, ())

    async def forget_document(self, mutation: str) -> None:
        """Let a GraphQL mutation go whose outcome is known and whose data the cache has."""
        scope = self._where()
        await self._store.write(lambda c: posts.forget(c, scope, mutation))

    async def documents(self, after: int) -> DocumentsFound:
        """The GraphQL mutations behind the number `after` that are not refused, and what became of the others."""
        scope = self._where()
        return await self._store.read(lambda c: posts.found(c, scope, after))

    async def open_documents(self) -> set[str]:
        """The ids of the GraphQL mutations that are not decided."""
        scope = self._where()
        return await self._store.read(lambda c: posts.open_ids(c, scope))

    async def has_documents(self) -> bool:
        """Whether there are GraphQL mutations that are not refused."""
        scope = self._where()
        return await self._store.read(lambda c: posts.has_documents(c, scope))

    def _signed_in(self) -> Scope:
        scope = self._where()
        if scope.account == "":
            self._store.check_open()
            raise Unauthorized("Nobody is signed in, so nothing was kept.", sent="no")
        return scope

    async def retry(self, mutation: str) -> Handle:
        """Send a refused write once more, at the outbox's end and as a new one, with those that were held because of
        it; a GraphQL mutation with the same key. Raises NotFound, and AlreadySending where it was not refused."""
        scope, now = self._where(), self._clock.now()
        fresh = partial(IdMaker(self._next_id()).new, now)

        def act(connection: StoreConnection) -> tuple[str, Sequence[RecordId]]:
            if posts.document_of(connection, scope, mutation) is None:
                return mutations.retry(connection, scope, mutation, fresh, now)
            return posts.retry(connection, scope, mutation, fresh(), now), ()

        again, ids = await self._store.write(act)
        self._on_change()
        return Handle(self, again, ids)

    async def edit(self, mutation: str, body: Mapping[str, Any], *, position: int = 0) -> None:
        """Give a write that was not sent yet, or was refused, another body; a refused one then wants a `retry`.

        `position` counts the mutation's writes from 0. Of a GraphQL mutation the body is its variables. Raises NotFound
        and AlreadySending.
        """
        scope, key = self._where(), self._next_id()

        def act(connection: StoreConnection) -> None:
            if posts.document_of(connection, scope, mutation) is None:
                mutations.edit(connection, scope, mutation, dict(body), position)
            else:
                posts.edit(connection, scope, mutation, body, key)

        await self._store.write(act)
        self._on_change()

    async def discard(self, mutation: str) -> None:
        """Forget a write that was not sent or is held, and unsent ones that need what it would have created.

        Raises NotFound and AlreadySending.
        """
        scope = self._where()
        await self._store.write(lambda c: mutations.discard(c, scope, mutation))

    async def outcome(self, mutation: str) -> Outcome | None:
        """The outcome of one of the last 20,000 settled writes and GraphQL mutations; None: it is still open. Raises
        NotFound for others."""
        scope = self._where()
        return await self._store.read(lambda c: mutations.outcome_of(c, scope, mutation))

    async def settled(self, mutation: str) -> Outcome:
        """The outcome of a write as soon as it is known. Raises NotFound where nothing is known of the write, and
        ClientClosed when the store is closed before."""
        self._store.guard.check()
        with self._store.signals.watching(outcome_of(mutation)) as watcher:
            while True:
                seen = watcher.notifications
                try:
                    if (outcome := await self.outcome(mutation)) is not None:
                        return outcome
                except StoreError as error:
                    if seen == 0:
                        raise
                    _log.warning("cannot read the outcomes that another process may have written: %s", error)
                await watcher.beyond(seen)
