"""Calling the operations of the contract's table: from a name to a request, from an answer to a typed value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

from hinterland.client.answers import error_in, refused_here
from hinterland.client.documents import check_empty, decoded
from hinterland.client.errors import UnsafeRequest
from hinterland.client.exchange import Request, Response, Send, origin_of
from hinterland.client.options import Options, wrong_header
from hinterland.client.places import checked_collection
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import new_id
from hinterland.contract.operations import OPERATIONS, Operation
from hinterland.kit import strict_json
from hinterland.kit.body import Body
from hinterland.kit.clock import Clock
from hinterland.kit.strict_json import MAX_DEPTH

T = TypeVar("T")
BYTES = "application/octet-stream"
Pairs = Sequence[tuple[str, str]]


class SendCall(Protocol):
    """What parts of the client use to reach the server."""

    async def __call__(
        self,
        operation: str,
        *,
        segments: Mapping[str, object] = ...,
        query: Pairs = ...,
        body: object = ...,
        output: type[T],
        key: str = ...,
        headers: Mapping[str, str] = ...,
        deadline: float | None = ...,
    ) -> T:
        """The answer of an operation as an `output`; see `Calls.__call__`."""
        ...


class Calls:
    """Reaches the server at `base` over `send`."""

    def __init__(
        self, send: Send, base: str, clock: Clock, options: Options, table: Mapping[str, Operation] = OPERATIONS
    ) -> None:
        self.table = table
        self._send = send
        self._base = base.rstrip("/")
        self._origin = origin_of(base)
        self._clock = clock
        self._options = options

    async def __call__(
        self,
        operation: str,
        *,
        segments: Mapping[str, object] = {},
        query: Pairs = (),
        body: object = None,
        output: type[T],
        key: str = "",
        headers: Mapping[str, str] = {},
        deadline: float | None = None,
    ) -> T:
        """The answer of an operation as an `output` (`type(None)`: there is none).

        `segments` fill the path, `body` becomes JSON, `key` is the Idempotency-Key of a write (made where it is
        missing), `deadline` are the seconds for the whole call. Raises the errors of `client.errors`.
        """
        request = self.request(operation, segments=segments, query=query, body=body, key=key, headers=headers)
        if deadline is not None:
            request = request.replaced(deadline=self.until(deadline))
        response = await self.perform(request)
        request_id = response.headers.get("x-request-id", "")
        if output is type(None):
            check_empty(response.content, operation=operation, request_id=request_id)
            return output()
        return decoded(response.content, output, operation=operation, request_id=request_id)

    def request(
        self,
        operation: str,
        *,
        segments: Mapping[str, object] = {},
        query: Pairs = (),
        body: object = None,
        key: str = "",
        headers: Mapping[str, str] = {},
    ) -> Request:
        """The request of an operation of the table."""
        row = self.table[operation]
        path = row.path_of(**{name: segment(name, value) for name, value in segments.items()})
        request = self.foreign(
            row.method,
            path,
            query=query,
            body=body,
            headers={**_key(row, key, self._clock), **headers},
            max_depth=row.max_depth,
        )
        return request.replaced(operation=operation, has_auth=row.auth != "ignored", is_repeatable=row.is_repeatable)

    def foreign(
        self,
        method: str,
        path: str,
        *,
        query: Pairs = (),
        body: object = None,
        headers: Mapping[str, str] = {},
        max_depth: int = MAX_DEPTH,
    ) -> Request:
        """The request of a call that is not in the table; `path` begins with `/` or is a whole URL. A `Body` is sent as
        it is, anything else as JSON. Raises BadRequest for a `body` that JSON can't hold, UnsafeRequest for a path or
        header that can't be sent."""
        options = self._options
        url = f"{self._base}{path}" if path.startswith("/") else _whole(path)
        if wrong := wrong_header(headers):
            raise UnsafeRequest(f"A header of the request can't be sent: {wrong}.", advice="Correct the header.")
        pieces = body if isinstance(body, Body) else None
        content = b"" if body is None or pieces is not None else _encoded(body, max_depth)
        kind = {"content-type": "application/json"} if content else {} if pieces is None else {"content-type": BYTES}
        # The app's own headers may hold its secrets: another server gets none of them.
        own = options.headers if origin_of(url) == self._origin else {}
        named = {name.lower(): value for name, value in {**own, **headers}.items()}
        return Request(
            method=method,
            url=f"{url}?{urlencode(query)}" if query else url,
            headers={"accept": "application/json", **kind, **named},
            content=content,
            body=pieces,
            connect=options.connect,
            read=options.read,
            retries=options.retries,
        )

    def until(self, seconds: float) -> float:
        """The deadline in so many seconds."""
        return self._clock.monotonic() + seconds

    async def send(self, request: Request) -> Response:
        """The answer, whatever its status."""
        return await self._send(request)

    async def perform(self, request: Request) -> Response:
        """The answer, whatever it holds; one that says no is raised as a StatusError."""
        response = await self.send(request)
        if response.is_error:
            raise error_in(response, operation=request.operation, now=self._clock.now())
        return response


def segment(name: str, value: object) -> str:
    """A value as one segment of a path; a collection's may be the path of a nested one. Raises ValidationFailed for a
    collection that is none, ValueError for what would change the path."""
    if name == "collection":
        return "/".join(quote(part, safe="~") for part in checked_collection(str(value)).split("/"))
    if str(value) in ("", ".", ".."):
        raise ValueError(f"{value!r} can't be the {name} in a path")
    return quote(str(value), safe="~")


def _whole(url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        message = f"{url.partition('?')[0]!r} is neither a path nor a URL, so nothing was sent."
        raise UnsafeRequest(message, advice="Begin a path with /, and a URL with https://.")
    return url


def _encoded(body: object, max_depth: int) -> bytes:
    try:
        return strict_json.encode(body, max_depth=max_depth)
    except strict_json.StrictJsonError as error:
        raise refused_here(Refusal("invalid_body", f"request body: {error}")) from None


def _key(row: Operation, key: str, clock: Clock) -> dict[str, str]:
    return {"idempotency-key": key or new_id(clock.now())} if row.is_idempotent_by_key else {}
