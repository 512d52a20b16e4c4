"""Sending the outbox's GraphQL mutations, one after another, each once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hinterland.client.errors import HinterlandError, StatusError
from hinterland.client.local import posts, pushes, reasons
from hinterland.client.local.connection import Scope
from hinterland.client.local.outcomes import QueuedDocument
from hinterland.client.local.posts import Post
from hinterland.client.local.store import Store
from hinterland.client.local.verdicts import verdict
from hinterland.client.payloads import DocumentResponse, error_of_payload, problem_of
from hinterland.contract.identity import RecordId
from hinterland.kit.clock import Clock

SendDocument = Callable[[RecordId, QueuedDocument], Awaitable[DocumentResponse]]
"""What sends a document in the name of an account, with its key. Raises the client's errors for what is no response of
GraphQL, and Unauthorized, with nothing sent, where somebody else is signed in."""
_COUNTED = ("internal", "timeout")  # of a server that answers: after some of these a document is held


class Posting:
    """Sends what is next. `check_way` raises where the server does not answer anything else either."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        send: SendDocument | None,
        check_way: Callable[[Scope], Awaitable[None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._send = send
        self._check_way = check_way

    async def post(self, scope: Scope) -> bool:
        """Send the next document, and keep its outcome; whether there was one whose turn it is. Raises what may pass;
        the document then waits."""
        if self._send is None:
            return False
        now = self._clock.now()
        post = await self._store.write(lambda c: posts.next_post(c, scope, now), is_urgent=True)
        if post is None:
            return False
        try:
            response = await self._send(scope.account, post.document)
        except HinterlandError as error:
            await self._failed(scope, post, error)
        else:
            await self._answered(scope, post, response)
        return True

    async def _answered(self, scope: Scope, post: Post, response: DocumentResponse) -> None:
        payload = response.payload
        decided, index = verdict(response.status, payload.errors, payload.data)
        if decided == "applied":
            data = payload.data or {}
            await self._store.write(
                lambda c: posts.settle(c, scope, post.mutation, data, payload.errors), is_urgent=True
            )
        elif decided == "refused":
            problem = problem_of(payload, index)
            await self._store.write(
                lambda c: posts.hold(c, scope, post.mutation, problem, payload.data, payload.errors), is_urgent=True
            )
        else:
            error = error_of_payload(payload, index=max(index, 0))
            error.retry_after = response.retry_after
            if payload.data is None and reasons.is_untaken(error) and not response.is_in_doubt:
                await self._take_back(scope, post)
            if decided == "pause" or error.code not in _COUNTED:
                raise error
            await self._count(scope, post, error)

    async def _failed(self, scope: Scope, post: Post, error: HinterlandError) -> None:
        if reasons.is_untaken(error):
            await self._take_back(scope, post)
        if error.sent == "no" or reasons.is_unable(error):
            raise error
        if isinstance(error, StatusError) and reasons.is_about_content(error):
            problem = reasons.reason(error)
            await self._store.write(lambda c: posts.hold(c, scope, post.mutation, problem), is_urgent=True)
            return
        await self._check_way(scope)
        await self._count(scope, post, error)

    async def _count(self, scope: Scope, post: Post, error: HinterlandError) -> None:
        """Count a failure while the server answers other requests. Raises it, until there were too many: the document
        is then held, so that it does not keep the others from being sent."""
        problem = reasons.reason(error)
        failures = await self._store.write(lambda c: pushes.failed(c, post.mutation, problem), is_urgent=True)
        if failures < reasons.MOST_FAILURES:
            raise error
        await self._store.write(lambda c: posts.hold(c, scope, post.mutation, problem), is_urgent=True)

    async def _take_back(self, scope: Scope, post: Post) -> None:
        await self._store.write(lambda c: posts.take_back(c, scope, post), is_urgent=True)
