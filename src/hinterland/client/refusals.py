"""What a server's answer refuses; `client.errors` draws the whole tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from hinterland.client.failures import HinterlandError, InvalidResponse, Sent
from hinterland.contract.accounts import Challenge


class GraphQLErrorEntry(msgspec.Struct, frozen=True):
    """One of the errors of a GraphQL response: its `message`; the `path` of the field in the result; our `code` ("": it
    has none) and the messages by field in `errors`; further `extensions`; and the `locations` in the document, each
    with `line` and `column` from 1."""

    message: str
    path: tuple[str | int, ...] = ()
    code: str = ""
    errors: dict[str, list[str]] = {}
    extensions: dict[str, Any] = {}
    locations: tuple[dict[str, int], ...] = ()


class StatusError(HinterlandError):
    """The server refused, or this device already did (`sent` is then "no", `status` 0).

    `status` is the HTTP status, `errors` the messages by field, `details` further values for programs.
    `is_from_server`: the answer has our server's own body; else anything on the way may have given it. `is_in_doubt`:
    one of the call's attempts may have been carried out all the same. Of GraphQL: the `path` of the field in the
    result, the `data` that came in spite of the error, and all errors of the response as `graphql_errors`.
    """

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
        is_from_server: bool = False,
        is_in_doubt: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message, **more)
        self.status = status
        self.errors = dict(errors or {})
        self.details = dict(details or {})
        self.is_from_server = is_from_server
        self.is_in_doubt = is_in_doubt
        self.path: tuple[str | int, ...] = ()
        self.data: Any = None
        self.graphql_errors: tuple[GraphQLErrorEntry, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether the server itself said so, or this device before anything was sent; else it says nothing of the
        session, nor of the records."""
        return self.is_from_server or self.status == 0

    def _facts(self) -> list[str]:
        fields = [f"{name}: {'; '.join(messages)}" for name, messages in self.errors.items()]
        fields = [text for text in fields if text not in self.message]  # which often says the same
        status = f"status {self.status}" + ("" if self.is_from_server else ", not from the server itself")
        path = [f"at {'.'.join(map(str, self.path))}"] if self.path else []
        return [*super()._facts(), *([status] if self.status else []), *path, *fields]


class BadRequest(StatusError):
    """The server did not understand or accept the request (400, and 4xx that have no class of their own)."""

    code = "bad_request"


class InvalidCursor(BadRequest):
    """The cursor is not one of this server's."""

    code = "invalid_cursor"
    message = "The list can't be continued from here."
    advice = "Start again without a cursor."


class TooCostly(BadRequest):
    """The query or the stream's filter costs the server too much."""

    code = "too_costly"
    message = "This search takes the server too long."
    advice = "Make the filter simpler or narrower."


class InvalidGrant(BadRequest):
    """The refresh token is dead (RFC 6749 §5.2): the session is over."""

    code = "invalid_grant"
    message = "You were signed out."
    advice = "Sign in again."


class WrongServer(BadRequest):
    """The session is of another server than the one that answers at this address; it is kept."""

    code = "invalid_grant"
    message = "This is another server than the one that you signed in to."
    advice = "Connect to that one, or log out and log in here."


class InvalidChallenge(BadRequest):
    """The challenge was answered, has expired or has no attempts left."""

    code = "invalid_challenge"
    message = "The log-in took too long or had too many attempts."
    advice = "Log in again."


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


class ChallengeRequired(Unauthorized):
    """The password was right, and the account asks for a second factor: answer `challenge` with `auth.answer`."""

    code = "challenge_required"
    message = "A second factor is required."
    advice = "Enter the code of your authenticator app, or a recovery code."

    @property
    def challenge(self) -> Challenge:
        """The challenge of the log-in. Raises InvalidResponse where the details hold none."""
        try:
            return msgspec.convert(self.details, Challenge)
        except msgspec.ValidationError as error:
            raise InvalidResponse(path="$.details", operation=self.operation, detail=str(error)) from None


class Forbidden(StatusError):
    """The rules do not allow this (403)."""

    code = "forbidden"
    message = "You may not do this."
    advice = "Ask its owner for permission."


class NotFound(StatusError):
    """It does not exist, or is hidden from the caller (404, 410)."""

    code = "not_found"
    message = "This was not found."
    advice = "It may have been deleted, or its address is wrong."


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
    """It already exists, or clashes with something that does (409)."""

    code = "conflict"
    message = "This clashes with something that already exists."
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


class Unacknowledged(Conflict):
    """The server keeps as many results of this device as it can, since they were not acknowledged."""

    code = "unacknowledged"
    advice = "Acknowledge the results that were kept."


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
    advice = "Ask the server's administrator to free storage."
