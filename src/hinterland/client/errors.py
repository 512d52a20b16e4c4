"""Everything that a call of the client can raise.

HinterlandError
├── NetworkError                 no answer came
│   ├── ConnectError             the server was not reached; nothing was sent
│   │   ├── NameNotFound         the host name has no address
│   │   └── TlsError             the certificate was refused; nothing was sent
│   ├── ConnectionLost           the connection ended before the answer was complete
│   └── Timeout                  something took too long:
│       ├── ConnectTimeout       the connection
│       ├── PoolTimeout          a free connection
│       ├── WriteTimeout         the request
│       ├── ReadTimeout          the answer
│       └── DeadlineExceeded     all of it, retries included
├── UnsafeRequest                the client refused to send it
│   ├── InsecureAddress          plain http beyond this machine
│   └── RedirectRefused          the server pointed somewhere that is not safe
├── InvalidResponse              the answer does not fit its type
├── VaultError                   the session can't be kept or read
├── ClientClosed                 the client was closed
└── StatusError                  the server said no
    ├── BadRequest               400, and other 4xx
    │   ├── InvalidCursor
    │   ├── InvalidGrant         the refresh token is dead: signed out
    │   ├── ValidationFailed     fields are not valid: `errors` by field
    │   │   └── PasswordRefused
    │   ├── MethodNotAllowed     405
    │   ├── TooLarge             413, 431
    │   ├── UnsupportedMediaType 415
    │   └── KeyReused            422
    ├── Unauthorized             401
    │   └── InvalidCredentials
    ├── Forbidden                403
    ├── NotFound                 404, 410
    │   └── UnknownCollection
    ├── RequestTimeout           408
    ├── Conflict                 409
    │   ├── InProgress
    │   ├── Fork
    │   └── Gap
    ├── Stale                    412
    ├── RateLimited              429
    └── ServerError              500 and other 5xx
        ├── ServiceUnavailable   502, 503, 504
        └── StorageFull          507
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

Sent = Literal["no", "maybe", "yes"]
_ORDER: dict[Sent, int] = {"no": 0, "maybe": 1, "yes": 2}


def most_sent(first: Sent, second: Sent) -> Sent:
    """What is known of a request that was tried twice: the one that says more was sent."""
    return first if _ORDER[first] >= _ORDER[second] else second


class HinterlandError(Exception):
    """What all errors carry.

    `message` is for a screen: what happened. `advice`: what to try. `detail`: what a developer wants besides. `code` is
    stable and never translated. `sent` says whether the server may have got the request. `attempts` were made and
    `waited` seconds passed between them. `retry_after`: the seconds that the server asked to wait. `request_id`: what
    to look for in the server's log. `operation`: which call it was.
    """

    code: str = "error"
    message: str = "Something went wrong."
    advice: str = "Try again."
    default_sent: ClassVar[Sent] = "no"

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        detail: str = "",
        advice: str = "",
        sent: Sent | None = None,
        retry_after: float | None = None,
        request_id: str = "",
        operation: str = "",
    ) -> None:
        self.message = message or type(self).message
        self.code = code or type(self).code
        self.advice = advice or type(self).advice
        self.detail = detail
        self.sent: Sent = sent or self.default_sent
        self.attempts = 1
        self.waited = 0.0
        self.retry_after = retry_after
        self.request_id = request_id
        self.operation = operation
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.advice} [{', '.join(self._facts())}]"

    def _facts(self) -> list[str]:
        facts = [self.code]
        if self.operation:
            facts.append(self.operation)
        if self.detail:
            facts.append(self.detail)
        facts.append(f"sent: {self.sent}")
        if self.attempts != 1:
            facts.append(f"{self.attempts} attempts, waited {self.waited:.1f} s")
        if self.retry_after is not None:
            facts.append(f"the server asks to wait {self.retry_after:g} s")
        if self.request_id:
            facts.append(f"request {self.request_id}")
        return facts


class NetworkError(HinterlandError):
    """No answer came. Whether the server acted is in `sent`."""

    code = "network"
    message = "The server did not answer."
    advice = "Check the network connection and try again."
    default_sent: ClassVar[Sent] = "maybe"


class ConnectError(NetworkError):
    """The server was not reached; nothing was sent."""

    code = "connect"
    message = "The server can't be reached."
    advice = "Check the network connection and the server's address, then try again."
    default_sent: ClassVar[Sent] = "no"


class NameNotFound(ConnectError):
    """The host name has no address at the moment."""

    code = "name_not_found"
    message = "The server's name can't be found."


class TlsError(ConnectError):
    """The server's certificate was refused; nothing was sent."""

    code = "tls"
    message = "The connection to the server is not secure, so nothing was sent."
    advice = "Check the server's certificate and this machine's clock."


class ConnectionLost(NetworkError):
    """The connection ended before the answer was complete."""

    code = "connection_lost"
    message = "The connection to the server was lost."


class Timeout(NetworkError):
    """Something took too long."""

    code = "timeout"
    message = "The server took too long to answer."
    advice = "Try again, or raise the timeout in Options."


class ConnectTimeout(Timeout):
    """The connection was not made in time; nothing was sent."""

    code = "connect_timeout"
    message = "The server can't be reached in time."
    default_sent: ClassVar[Sent] = "no"


class PoolTimeout(Timeout):
    """No connection became free in time; nothing was sent."""

    code = "pool_timeout"
    message = "Too many requests are under way at once."
    advice = "Try again, or raise Options.max_connections."
    default_sent: ClassVar[Sent] = "no"


class WriteTimeout(Timeout):
    """The request could not be sent in time."""

    code = "write_timeout"
    message = "Sending to the server took too long."


class ReadTimeout(Timeout):
    """The answer did not come in time."""

    code = "read_timeout"


class DeadlineExceeded(Timeout):
    """The time for the whole call, retries included, is over."""

    code = "deadline"
    advice = "Try again, or raise Options.deadline."


class UnsafeRequest(HinterlandError):
    """The client refused to send the request."""

    code = "unsafe_request"
    message = "The request was not sent because it would not be safe."
    advice = "Check the server's address."


class InsecureAddress(UnsafeRequest):
    """Plain http would leave this machine, where anybody on the way could read it."""

    code = "insecure_address"
    message = "The server's address is not encrypted, so nothing was sent."
    advice = "Use https, or Client(..., allow_http=True) in a network that you trust."


class RedirectRefused(UnsafeRequest):
    """The server pointed to an address that is not safe to follow, or in a circle."""

    code = "redirect_refused"
    message = "The server points to an address that is not safe to follow."
    default_sent: ClassVar[Sent] = "yes"


class InvalidResponse(HinterlandError):
    """The answer does not fit its type: `path` is the place in the document (`$.items[3].price`), `found` what is
    there."""

    code = "invalid_response"
    message = "The server's answer was not understood."
    advice = "Check that the address is this app's server, and that app and server are of the same version."
    default_sent: ClassVar[Sent] = "yes"

    def __init__(self, message: str = "", *, path: str = "$", found: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.path = path
        self.found = found

    def _facts(self) -> list[str]:
        return [*super()._facts(), f"at {self.path}", *([f"found {self.found}"] if self.found else [])]


class VaultError(HinterlandError):
    """The session can't be kept or read."""

    code = "vault"
    message = "The kept sign-in can't be read."
    advice = "Sign in again."


class ClientClosed(HinterlandError):
    """The client was closed before or during the call."""

    code = "closed"
    message = "The connection to the server was closed by this app."
    advice = "Make a new Client."


class StatusError(HinterlandError):
    """The server said no: `status` is the HTTP status, `errors` the messages by field, `details` whatever the server
    tells a program besides."""

    code = "status"
    message = "The server refused the request."
    advice = "Check the request."
    default_sent: ClassVar[Sent] = "yes"

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        errors: Mapping[str, list[str]] | None = None,
        details: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message, **more)
        self.status = status
        self.errors = dict(errors or {})
        self.details = dict(details or {})

    def _facts(self) -> list[str]:
        fields = [f"{name}: {'; '.join(messages)}" for name, messages in self.errors.items()]
        return [*super()._facts(), *([f"status {self.status}"] if self.status else []), *fields]


class BadRequest(StatusError):
    """The server did not understand or accept the request (400, and 4xx that have no class of their own)."""

    code = "bad_request"


class InvalidCursor(BadRequest):
    """The cursor is not one of this server's."""

    code = "invalid_cursor"
    message = "The list can't be continued from here."
    advice = "Start again without a cursor."


class InvalidGrant(BadRequest):
    """The refresh token is dead (RFC 6749 §5.2): the session is over."""

    code = "invalid_grant"
    message = "You were signed out."
    advice = "Sign in again."


class ValidationFailed(BadRequest):
    """Some fields are not valid; `errors` has the messages by field."""

    code = "validation"
    message = "Some fields are not valid."
    advice = "Correct the fields."


class PasswordRefused(ValidationFailed):
    """The password can't be used."""

    code = "password_policy"
    message = "The password can't be used."
    advice = "Choose another one."


class MethodNotAllowed(BadRequest):
    """This address does not take that method (405)."""

    code = "method_not_allowed"
    advice = "Check that app and server are of the same version."


class TooLarge(BadRequest):
    """The request is too large (413, 431)."""

    code = "too_large"
    message = "This is too large to send."
    advice = "Send less at once."


class UnsupportedMediaType(BadRequest):
    """The body's content type is not understood (415)."""

    code = "unsupported_media_type"
    advice = "Check that app and server are of the same version."


class KeyReused(BadRequest):
    """The idempotency key was used for another request (422)."""

    code = "key_reused"
    advice = "Use a new idempotency key for each write."


class Unauthorized(StatusError):
    """Nobody is signed in, or the session is over (401)."""

    code = "unauthorized"
    message = "You are not signed in."
    advice = "Sign in."


class InvalidCredentials(Unauthorized):
    """The e-mail or the password is wrong."""

    code = "invalid_credentials"
    message = "The e-mail or the password is wrong."
    advice = "Check both and try again."


class Forbidden(StatusError):
    """The rules do not allow this (403)."""

    code = "forbidden"
    message = "You may not do this."
    advice = "Ask whoever owns it."


class NotFound(StatusError):
    """There is no such thing, or it is hidden from the caller (404, 410)."""

    code = "not_found"
    message = "This was not found."
    advice = "It may have been deleted."


class UnknownCollection(NotFound):
    """The server has no such collection."""

    code = "unknown_collection"
    advice = "Check the collection's name, and that app and server are of the same version."


class RequestTimeout(StatusError):
    """The server gave up on the request (408)."""

    code = "request_timeout"
    message = "The server took too long."
    advice = "Try again."
    default_sent: ClassVar[Sent] = "maybe"


class Conflict(StatusError):
    """It exists already, or clashes with something that does (409)."""

    code = "conflict"
    message = "This clashes with something that exists already."
    advice = "Change it or use what exists."


class InProgress(Conflict):
    """A request with this idempotency key is still running."""

    code = "in_progress"
    message = "This is still being done."
    advice = "Wait a moment and try again."


class Fork(Conflict):
    """Another store already uses this device id."""

    code = "fork"
    advice = "Use a new device id."


class Gap(Conflict):
    """A mutation before this one is missing."""

    code = "gap"
    advice = "Send the missing ones first."


class Stale(StatusError):
    """The record was changed meanwhile (412)."""

    code = "stale"
    message = "This was changed meanwhile."
    advice = "Load it again and repeat the change."


class RateLimited(StatusError):
    """Too many requests (429); `retry_after` says when to try again."""

    code = "rate_limited"
    message = "Too many requests."
    advice = "Wait and try again."


class ServerError(StatusError):
    """The server made a mistake (500, and other 5xx)."""

    code = "internal"
    message = "The server made a mistake."
    advice = "Try again later."
    default_sent: ClassVar[Sent] = "maybe"


class ServiceUnavailable(ServerError):
    """The server can't do this now (502, 503, 504)."""

    code = "unavailable"
    message = "The server can't do this now."


class StorageFull(ServerError):
    """The server's disk is full (507)."""

    code = "storage_full"
    message = "The server has no room left."
    advice = "Tell whoever runs the server."
