"""The server as synchronisation sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

from hinterland.client.answers import retry_after
from hinterland.client.calls import Calls, SendCall
from hinterland.client.errors import Unauthorized
from hinterland.client.events import Event
from hinterland.client.local.outcomes import QueuedDocument
from hinterland.client.local.posting import SendDocument
from hinterland.client.local.shapes import Description
from hinterland.client.payloads import GRAPHQL_ACCEPT, DocumentResponse, payload_in
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Pull, PullResult, Push, PushResult

_PATIENCE = 10.0  # seconds for the description of the app, without which a device goes on too
_NOT_MODIFIED = 304


class Remote(Protocol):
    """Raises the client's errors only. `account` is whose data is meant: a request for one account must never go out
    with another's credentials, which raises Unauthorized."""

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """Push mutations; safe to repeat."""
        ...

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """What changed since the pull's cursor."""
        ...

    def events(self, account: RecordId, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """What changes from `cursor` on; reconnects by itself, and says `offline` and `ready` meanwhile."""
        ...


class Events(Protocol):
    """The client's live events."""

    def __call__(self, collections: Sequence[str], *, cursor: str = "") -> AsyncGenerator[Event, None]:
        """Events of the collections from `cursor` on."""
        ...


class ServerRemote:
    """The server behind a client's `call` and `events`; `signed_in` says whose token requests carry now ("": none)."""

    def __init__(self, call: SendCall, events: Events, signed_in: Callable[[], RecordId]) -> None:
        self._call = call
        self._events = events
        self._signed_in = signed_in

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """Push mutations; safe to repeat."""
        self._check(account)
        return await self._call("sync.push", body=push, output=PushResult)

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """What changed since the pull's cursor."""
        self._check(account)
        return await self._call("sync.pull", body=pull, output=PullResult)

    def events(self, account: RecordId, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """What changes from `cursor` on."""
        self._check(account)
        return self._events(collections, cursor=cursor)

    def _check(self, account: RecordId) -> None:
        check_sender(account, self._signed_in())


def sender_of_documents(calls: Calls, signed_in: Callable[[], RecordId], now: Callable[[], float]) -> SendDocument:
    """What sends GraphQL mutations with their keys to the server behind `calls`; safe to repeat. `now`: seconds since
    1970."""

    async def send(account: RecordId, document: QueuedDocument) -> DocumentResponse:
        check_sender(account, signed_in())
        name = {"operationName": document.operation} if document.operation else {}
        variables = {"variables": document.variables} if document.variables else {}
        headers = {"accept": GRAPHQL_ACCEPT, "idempotency-key": document.key}
        request = calls.request("graphql", body={"query": document.query, **name, **variables}, headers=headers)
        response = await calls.send(request.replaced(is_repeatable=True))
        wait = retry_after(response.headers, now())
        return DocumentResponse(response.status, payload_in(response), response.is_in_doubt, wait)

    return send


def check_sender(account: RecordId, signed_in: RecordId) -> None:
    """Raises Unauthorized where a request for an account would go out with another's credentials."""
    if signed_in != account:
        message = "Somebody else is signed in." if signed_in != "" else "The session is over."
        raise Unauthorized(message, advice="Sign in again.", sent="no")


def description_of(calls: Calls) -> Callable[[str], Awaitable[Description | None]]:
    """What fetches the description of the server behind `calls`, which carry no token: it is the same for every user,
    and the device keeps it for all of them."""

    async def describe(tag: str) -> Description | None:
        request = calls.request("schema", headers={"if-none-match": tag} if tag else {})
        response = await calls.perform(request.replaced(deadline=calls.until(_PATIENCE)))
        if response.status == _NOT_MODIFIED:
            return None
        return Description(response.headers.get("etag", ""), response.content.decode(errors="replace"))

    return describe
