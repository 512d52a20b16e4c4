"""`client.graphql`: queries and mutations as calls, live results, and subscriptions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from hinterland.client.calls import Calls
from hinterland.client.connectivity import Connectivity
from hinterland.client.errors import BadRequest, ClientClosed, DeadlineExceeded, HinterlandError, NotFound
from hinterland.client.graphql.asking import (
    AskedDocument,
    GraphQLEvent,
    GraphQLState,
    GraphQLVariables,
    Offline,
    checked_variables,
)
from hinterland.client.graphql.cache import GraphQLCache
from hinterland.client.graphql.cached import FetchPolicy, plan
from hinterland.client.graphql.sending import DocumentSender
from hinterland.client.graphql.subscribing import GraphQLSubscriptions, Over
from hinterland.client.payloads import (
    OPERATION,
    check,
    converted,
)
from hinterland.client.reconnecting import may_pass
from hinterland.client.session import AuthState, SignedIn, SigningIn, StateHolder
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock
from hinterland.kit.time_limit import within

if TYPE_CHECKING:  # loaded where there is a store
    from hinterland.client.graphql.queue import MutationQueue, QueuedMutation

T = TypeVar("T")


class ClientGraphQL:
    """Calls the server's `/graphql`. Results are kept in `cache`, by type and id."""

    def __init__(
        self,
        calls: Calls,
        states: StateHolder,
        cache: GraphQLCache,
        clock: Clock,
        connectivity: Connectivity,
        random: Random,
    ) -> None:
        self.cache = cache
        self._calls = calls
        self._states = states
        self._clock = clock
        self.sender = DocumentSender(calls)
        self._subscriptions = GraphQLSubscriptions(calls, states, cache, clock, connectivity, random)
        self._ending: asyncio.Future[None] | None = None
        self._ids = itertools.count(1)
        self.queue: MutationQueue | None = None
        self._is_closed = False

    @overload
    async def __call__(
        self, document: str, variables: GraphQLVariables = None, *, into: type[T], operation: str = ...,
        policy: FetchPolicy = ..., optimistic: Mapping[str, Any] | None = ..., deadline: float | None = ...,
        offline: Offline = ..., key: str = ...,
    ) -> T: ...  # fmt: skip
    @overload
    async def __call__(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ...,
        policy: FetchPolicy = ..., optimistic: Mapping[str, Any] | None = ..., deadline: float | None = ...,
        offline: Offline = ..., key: str = ...,
    ) -> dict[str, Any]: ...  # fmt: skip
    async def __call__(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, operation: str = "",
        policy: FetchPolicy = "cache-first", optimistic: Mapping[str, Any] | None = None, deadline: float | None = None,
        offline: Offline = "fail", key: str = "",
    ) -> Any:  # fmt: skip
        """The data of a query or mutation, as `into`, or as a dict.

        A query is answered from the cache where it has everything (`cache-first`), only from there (`cache-only`, else
        NotFound), or by the server (`network-only`; `cache-and-network` is the same here, `watch` shows both). Until a
        mutation is answered, `optimistic` is shown as its data. With a `key`, its idempotency key, it is retried where
        its response was lost, and carried out once. With `offline="queue"` a mutation goes through the
        outbox, as with `enqueue`, and its outcome is waited for; where `deadline` ends that, it stays in the outbox.
        Raises the errors of `client.errors` by their code, with `path` and partial `data`.
        """
        if offline == "queue":
            queued = await self.enqueue(document, variables, into=into, operation=operation, optimistic=optimistic)
            return await self._waited(queued, deadline)
        asked = await self._asked(document, variables, operation)
        if asked.operation.kind == "query":
            found = self.cache.read(asked.shape)
            decision = plan(policy, is_complete=found.is_complete)
            if not decision.fetches:
                if decision.reads:
                    return converted(found.data, into)
                raise NotFound("The cache does not have the whole result.", sent="no", operation=OPERATION)
        return converted(await self._fetched(asked, optimistic, deadline, key), into)

    @overload
    async def enqueue(
        self, document: str, variables: GraphQLVariables = None, *, into: type[T], operation: str = ...,
        optimistic: Mapping[str, Any] | None = ...,
    ) -> QueuedMutation[T]: ...  # fmt: skip
    @overload
    async def enqueue(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ...,
        optimistic: Mapping[str, Any] | None = ...,
    ) -> QueuedMutation[dict[str, Any]]: ...  # fmt: skip
    async def enqueue(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, operation: str = "",
        optimistic: Mapping[str, Any] | None = None,
    ) -> QueuedMutation[Any]:  # fmt: skip
        """Keep a mutation in the outbox of the local store, which sends it once, in its turn, as soon as it can.

        Returns when it is on the disk; `optimistic` is shown until its outcome is known. Raises Unauthorized where
        nobody is signed in, and ValidationFailed for one that signs in or out, which is not kept.
        """
        queue = self._queue()
        asked = await self._asked(document, variables, operation)
        values = checked_variables(asked.variables)
        return await queue.add(asked.document.text, asked.operation.name, values, asked.shape, optimistic, into)

    def queued(self, mutation: str, into: type[T]) -> QueuedMutation[T]:
        """A mutation that was queued before, by its id in the outbox, also before a restart of the app."""
        return self._queue().handle(mutation, into)

    @overload
    def watch(
        self,
        document: str,
        variables: GraphQLVariables = None,
        *,
        into: type[T],
        operation: str = ...,
        policy: FetchPolicy = ...,
    ) -> AsyncGenerator[GraphQLState[T], None]: ...
    @overload
    def watch(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ..., policy: FetchPolicy = ...
    ) -> AsyncGenerator[GraphQLState[dict[str, Any]], None]: ...
    async def watch(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, operation: str = "",
        policy: FetchPolicy = "cache-first",
    ) -> AsyncGenerator[GraphQLState[Any], None]:  # fmt: skip
        """The result of a query now, and again after each change of its records, by whatever brought it.

        With `cache-and-network` the cache's result comes first, and then the server's. Raises what the server refuses;
        where there is a result in the cache, an outage is in its `error`.
        """
        asked = await self._asked(document, variables, operation)
        changed, known = asyncio.Event(), frozenset[str]()

        def look(keys: frozenset[str]) -> None:
            if not known or keys & known:
                changed.set()

        stop = self.cache.watch(look)
        try:
            shown: Any = msgspec.UNSET
            must_fetch, may_show = policy in ("network-only", "cache-and-network"), policy != "network-only"
            while True:
                self._check_open()
                found = self.cache.read(asked.shape)
                known = found.keys
                must_fetch = must_fetch or not (found.is_complete or policy == "cache-only")
                if found.is_complete and may_show and found.data != shown:
                    shown = found.data
                    yield GraphQLState(data=converted(shown, into), is_stale=must_fetch)
                elif not found.is_complete and not must_fetch:
                    raise NotFound("The cache does not have the whole result.", sent="no", operation=OPERATION)
                if must_fetch:
                    error = await self._refetched(asked, is_needed=not found.is_complete)
                    found = self.cache.read(asked.shape)
                    must_fetch, may_show, shown, known = False, True, found.data, found.keys
                    yield GraphQLState(data=converted(shown, into), is_stale=error is not None, error=error)
                await changed.wait()
                changed.clear()
        finally:
            stop()

    @overload
    def subscribe(
        self,
        document: str,
        variables: GraphQLVariables = None,
        *,
        into: type[T],
        operation: str = ...,
        cursor: str = ...,
        over: Over = ...,
    ) -> AsyncGenerator[GraphQLEvent[T], None]: ...
    @overload
    def subscribe(
        self,
        document: str,
        variables: GraphQLVariables = None,
        *,
        operation: str = ...,
        cursor: str = ...,
        over: Over = ...,
    ) -> AsyncGenerator[GraphQLEvent[dict[str, Any]], None]: ...
    async def subscribe(
        self,
        document: str,
        variables: GraphQLVariables = None,
        *,
        into: Any = None,
        operation: str = "",
        cursor: str = "",
        over: Over = "auto",
    ) -> AsyncGenerator[GraphQLEvent[Any], None]:
        """The responses of a subscription after `cursor` ("": from now on); what they bring is in the cache too.

        One that is cut comes back behind the last response, without a gap and without a double. `over` "auto" is one
        WebSocket for all subscriptions, or an event stream for each where there can be none. Raises Unauthorized when
        another user signs in.
        """
        asked = await self._asked(document, variables, operation)
        if asked.operation.kind != "subscription":
            raise BadRequest("the document is no subscription; call client.graphql", sent="no", operation=OPERATION)
        async with aclosing(self._subscriptions.follow(asked, cursor, into, over)) as updates:
            async for update in updates:
                yield update

    @property
    def is_connected(self) -> bool:
        """Whether the WebSocket of subscriptions is open now."""
        return self._subscriptions.is_connected

    def evict(self, *names: str) -> None:
        """Forget a record (`Post:42`), those of a type (`Post:`), or a field of queries with all arguments (`posts`),
        so that queries ask the server for them again."""
        self.cache.evict(*names)

    def follow(self, state: AuthState) -> None:
        """The session has another state."""
        if not isinstance(state, SigningIn):
            self._ending = asyncio.ensure_future(self._subscriptions.on_state(state))
            self.cache.leave(state.user_id if isinstance(state, SignedIn) else None)

    async def close(self) -> None:
        """The client is being closed: nothing reconnects."""
        self._is_closed = True
        await self._subscriptions.close()
        if self.queue is not None:
            await self.queue.close()
        await self.cache.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClientClosed(operation=OPERATION)

    async def resume(self) -> None:
        """Begin with what is kept of the signed-in user, and show what is in the outbox."""
        await self.cache.open(self.user())
        if self.queue is not None:
            await self.queue.follow()

    async def _asked(self, document: str, variables: GraphQLVariables, operation: str) -> AskedDocument:
        await self.resume()
        return AskedDocument(document, variables, operation, self.cache.possible_types)

    async def _fetched(
        self,
        asked: AskedDocument,
        optimistic: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        key: str = "",
    ) -> Any:
        id = f"m{next(self._ids)}"
        if optimistic is not None:
            self.cache.optimistic(id, asked.shape, optimistic)
        user = self.user()
        try:
            payload, request_id = await self.sender.send(asked, key, deadline)
            data = check(payload, request_id)
        except BaseException:
            self.cache.rollback(id)
            raise
        if user == self.user():  # else it is another's, and not for this cache
            self.cache.write(asked.shape, data, id)
        return data

    def _queue(self) -> MutationQueue:
        if self.queue is None:
            raise RuntimeError("this client has no local store: make it with Client(..., store='app.db')")
        return self.queue

    async def _waited(self, queued: QueuedMutation[T], deadline: float | None) -> T:
        if deadline is None:
            return await queued.result()
        try:
            return await within(self._clock, deadline, queued.result)
        except TimeoutError:
            advice = f"It stays in the outbox as {queued.mutation}."
            raise DeadlineExceeded(advice=advice, sent="maybe", operation=OPERATION) from None

    async def _refetched(self, asked: AskedDocument, *, is_needed: bool) -> HinterlandError | None:
        """Ask the server; an error that passes, where there is a result without it."""
        try:
            await self._fetched(asked)
        except HinterlandError as error:
            if is_needed or not may_pass(error):
                raise
            return error
        return None

    def user(self) -> str | int:
        """Who is signed in; "": nobody."""
        state = self._states.state
        return state.user_id if isinstance(state, SignedIn) else ""
