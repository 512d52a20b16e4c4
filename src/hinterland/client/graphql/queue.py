"""Mutations that go through the outbox of the local store, and what the cache shows of them meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from hinterland.client.answers import error_of, refused_here
from hinterland.client.errors import ClientClosed, HinterlandError, NotFound, StatusError
from hinterland.client.graphql.cache import GraphQLCache
from hinterland.client.graphql.documents import parsed
from hinterland.client.graphql.normalizing import ResultShape
from hinterland.client.local.outbox import Outbox
from hinterland.client.local.outcomes import Outcome, QueuedDocument
from hinterland.client.payloads import GraphQLPayload, check, converted
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId

T = TypeVar("T")
_SECRET = frozenset({"logIn", "signUp", "refresh", "logOut"})  # whose arguments and results belong on no disk
_log = logging.getLogger("hinterland.client")


class QueuedMutation(Generic[T]):
    """A mutation in the outbox: `mutation` is its id there."""

    def __init__(self, queue: MutationQueue, mutation: str, into: type[T] | None) -> None:
        self.mutation = mutation
        self._queue = queue
        self._into = into

    def __repr__(self) -> str:
        return f"QueuedMutation(mutation={self.mutation!r})"

    async def settled(self) -> Outcome:
        """Its outcome, as soon as it is known: the server has carried it out or refused it, or it was discarded
        here."""
        return await self._queue.settled(self.mutation)

    async def result(self) -> T:
        """Its data, as soon as they are known. Raises what the server refused, and Conflict if it was discarded."""
        return converted(data_of(await self.settled()), self._into)


class MutationQueue:
    """What the outbox and the cache have to do with each other. `user` is who is signed in, `is_open` says whether the
    store can be used."""

    def __init__(
        self, outbox: Outbox, cache: GraphQLCache, user: Callable[[], RecordId], is_open: Callable[[], bool]
    ) -> None:
        self._outbox = outbox
        self._cache = cache
        self._user = user
        self._is_open = is_open
        self._shown: dict[str, ResultShape] = {}  # the open mutations by their ids
        self._shown_for: RecordId = ""
        self._last = 0  # the number of the last one that was seen
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def add(
        self, query: str, operation: str, variables: Mapping[str, Any], shape: ResultShape, optimistic: Any, into: Any
    ) -> QueuedMutation[Any]:
        """Keep a mutation, and show its `optimistic` data. Raises ValidationFailed for one with secrets, Unauthorized
        where nobody is signed in."""
        if shape.root != "Mutation":
            raise refused_here(Refusal("invalid_request", "only mutations are queued; send this without the outbox"))
        secret = _SECRET & {field.partition("(")[0] for field in shape.root_fields()}
        if secret:
            message = f"{sorted(secret)[0]} has secrets and is not kept on the device; send it without the outbox"
            raise refused_here(Refusal("validation", message))
        handle = await self._outbox.add_document(query, operation=operation, variables=variables, optimistic=optimistic)
        if self._user() == self._shown_for and handle.mutation not in self._shown:
            self._shown[handle.mutation] = shape
            if optimistic is not None:
                self._cache.optimistic(handle.mutation, shape, optimistic)
        return QueuedMutation(self, handle.mutation, into)

    def handle(self, mutation: str, into: type[T] | None) -> QueuedMutation[T]:
        """That of a mutation that was queued before, by its id in the outbox."""
        return QueuedMutation(self, mutation, into)

    async def settled(self, mutation: str) -> Outcome:
        """The outcome of a mutation; the cache then has it."""
        outcome = await self._outbox.settled(mutation)
        if mutation in self._shown:
            await self.look()
        return outcome

    async def follow(self) -> None:
        """From now on the cache shows what is in the outbox."""
        if self._is_open() and (self._task is None or self._task.done()):
            await self.look()
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async for _ in self._outbox.changes():
                await self.look()
        except ClientClosed:
            return
        except HinterlandError as error:  # the next call follows it again
            _log.warning("cannot show what the outbox has of GraphQL: %s", error)

    async def look(self) -> None:
        """Show what is in the outbox now."""
        async with self._turn:  # what is read is acted on before anything is read anew
            user = self._user()
            if user != self._shown_for:
                self._shown, self._shown_for, self._last = {}, user, 0
            if user == "":  # without a session the cache is nobody's, and the outbox waits
                return
            found = await self._outbox.documents(self._last)
            for id, document in found.new.items():
                if id not in self._shown:
                    self._lay(id, document)
            self._last = found.last
            for id in found.answered:
                await self._settle(id, user)
            if len(self._shown) != found.undecided:  # some were refused, discarded, or retried as others
                for id in self._shown.keys() - await self._outbox.open_documents():
                    await self._settle(id, user)

    def _lay(self, id: str, document: QueuedDocument) -> None:
        shape = self._shown[id] = _shape_of(document, self._cache.possible_types)
        if document.optimistic is not None:
            self._cache.optimistic(id, shape, document.optimistic)

    async def _settle(self, id: str, user: RecordId) -> None:
        """Put the outcome of a mutation in the place of what was expected, and let it go when the disk has that."""
        outcome = await self._outcome(id)
        if outcome is None or user != self._user():
            return
        shape = self._shown.get(id)
        if shape is not None and outcome.status == "applied" and outcome.data is not None:
            self._cache.write(shape, outcome.data, id)
            await self._cache.saved()
        else:
            self._cache.rollback(id)
        await self._outbox.forget_document(id)
        self._shown.pop(id, None)

    async def _outcome(self, mutation: str) -> Outcome | None:
        """The outcome of a mutation that is not open; None: it is, and the list was older."""
        try:
            return await self._outbox.outcome(mutation)
        except NotFound:  # a refused one was discarded or is retried as another, or it is another user's
            return Outcome(mutation=mutation, status="discarded")


def data_of(outcome: Outcome) -> dict[str, Any]:
    """The data of an outcome. Raises the error of one that was not carried out, or of a part that can't be read."""
    if outcome.status == "applied":
        return check(GraphQLPayload(data=outcome.data or {}, errors=outcome.errors))
    if outcome.problem is None:
        raise refused_here(Refusal("conflict", "the mutation was discarded on this device; it was not carried out"))
    error: StatusError = error_of(outcome.problem)
    error.path = tuple(outcome.problem.details.get("path", ()))
    error.data = outcome.data
    error.graphql_errors = GraphQLPayload(errors=outcome.errors).typed_errors
    raise error


def _shape_of(document: QueuedDocument, possible: Mapping[str, list[str]]) -> ResultShape:
    found = parsed(document.query)
    return ResultShape(found, found.operation(document.operation), document.variables, possible)
