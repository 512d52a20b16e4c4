"""GraphQL for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, overload

from hinterland.client.blocking_thread import LoopThread
from hinterland.client.graphql.asking import GraphQLEvent, GraphQLState, GraphQLVariables
from hinterland.client.graphql.cached import FetchPolicy
from hinterland.client.graphql.graphql import ClientGraphQL
from hinterland.client.graphql.subscribing import Over

T = TypeVar("T")


class BlockingGraphQL:
    """Queries, mutations, live results and subscriptions; see `hinterland.client.graphql.graphql.ClientGraphQL`."""

    def __init__(self, thread: LoopThread, graphql: ClientGraphQL) -> None:
        self._thread = thread
        self._graphql = graphql

    @overload
    def __call__(
        self, document: str, variables: GraphQLVariables = None, *, into: type[T], operation: str = ...,
        policy: FetchPolicy = ..., optimistic: Mapping[str, Any] | None = ..., deadline: float | None = ...,
        key: str = ...,
    ) -> T: ...  # fmt: skip
    @overload
    def __call__(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ...,
        policy: FetchPolicy = ..., optimistic: Mapping[str, Any] | None = ..., deadline: float | None = ...,
        key: str = ...,
    ) -> dict[str, Any]: ...  # fmt: skip
    def __call__(self, document: str, variables: GraphQLVariables = None, *, into: Any = None, **words: Any) -> Any:
        """The data of a query or mutation."""
        return self._thread.run(self._graphql(document, variables, into=into, **words))

    @overload
    def watch(
        self,
        document: str,
        variables: GraphQLVariables = None,
        *,
        into: type[T],
        operation: str = ...,
        policy: FetchPolicy = ...,
    ) -> Iterator[GraphQLState[T]]: ...
    @overload
    def watch(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ..., policy: FetchPolicy = ...
    ) -> Iterator[GraphQLState[dict[str, Any]]]: ...
    def watch(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, **words: Any
    ) -> Iterator[Any]:
        """The result of a query now, and after each change."""
        return self._thread.iterate(self._graphql.watch(document, variables, into=into, **words))

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
    ) -> Iterator[GraphQLEvent[T]]: ...
    @overload
    def subscribe(
        self,
        document: str,
        variables: GraphQLVariables = None,
        *,
        operation: str = ...,
        cursor: str = ...,
        over: Over = ...,
    ) -> Iterator[GraphQLEvent[dict[str, Any]]]: ...
    def subscribe(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, **words: Any
    ) -> Iterator[Any]:
        """The responses of a subscription."""
        return self._thread.iterate(self._graphql.subscribe(document, variables, into=into, **words))

    def evict(self, *names: str) -> None:
        """Forget what the cache has, by the names of `GraphQLCache.evict`."""
        self._thread.run(self._evicted(*names))

    async def _evicted(self, *names: str) -> None:
        self._graphql.evict(*names)
