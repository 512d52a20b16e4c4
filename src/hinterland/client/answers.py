"""Reading what a server answered where it says no: its error as an exception."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hinterland.client import errors
from hinterland.client.errors import StatusError
from hinterland.client.exchange import Response
from hinterland.contract.accounts import ANOTHER_SERVER
from hinterland.contract.errors import CODES, Problem, Refusal

# Codes of the contract's table.
BY_CODE: dict[str, type[StatusError]] = {
    "invalid_request": errors.BadRequest,
    "invalid_body": errors.BadRequest,
    "validation": errors.ValidationFailed,
    "invalid_query": errors.BadRequest,
    "invalid_cursor": errors.InvalidCursor,
    "too_costly": errors.TooCostly,
    "invalid_grant": errors.InvalidGrant,
    "invalid_challenge": errors.InvalidChallenge,
    "unauthorized": errors.Unauthorized,
    "challenge_required": errors.ChallengeRequired,
    "invalid_credentials": errors.InvalidCredentials,
    "forbidden": errors.Forbidden,
    "not_found": errors.NotFound,
    "unknown_collection": errors.UnknownCollection,
    "method_not_allowed": errors.MethodNotAllowed,
    "not_acceptable": errors.BadRequest,
    "upgrade_required": errors.BadRequest,
    "timeout": errors.RequestTimeout,
    "conflict": errors.Conflict,
    "in_progress": errors.InProgress,
    "fork": errors.Fork,
    "gap": errors.Gap,
    "unacknowledged": errors.Unacknowledged,
    "stale": errors.Stale,
    "too_large": errors.TooLarge,
    "range_not_satisfiable": errors.BadRequest,
    "misdirected": errors.BadRequest,
    "unsupported_media_type": errors.UnsupportedMediaType,
    "key_reused": errors.KeyReused,
    "password_policy": errors.PasswordRefused,
    "rate_limited": errors.RateLimited,
    "headers_too_large": errors.TooLarge,
    "internal": errors.ServerError,
    "not_implemented": errors.ServerError,
    "http_version": errors.ServerError,
    "unavailable": errors.ServiceUnavailable,
    "storage_full": errors.StorageFull,
}
# What other servers mean by a status alone.
BY_STATUS: dict[int, type[StatusError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    408: errors.RequestTimeout,
    409: errors.Conflict,
    410: errors.NotFound,
    412: errors.Stale,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
    422: errors.ValidationFailed,
    429: errors.RateLimited,
    431: errors.TooLarge,
    502: errors.ServiceUnavailable,
    503: errors.ServiceUnavailable,
    504: errors.ServiceUnavailable,
    507: errors.StorageFull,
}
_MESSAGE_KEYS = ("message", "detail", "error_description", "msg", "error", "title")
_LONGEST_MESSAGE = 300


def class_of(code: str, status: int) -> type[StatusError]:
    """The class of an error answer: by its code where our table knows it, else by its status."""
    known = BY_CODE.get(code) or BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return errors.ServerError
    return errors.BadRequest if 400 <= status < 500 else StatusError


def error_of(problem: Problem) -> StatusError:
    """The exception for a problem of the contract, such as the reason why a mutation was refused."""
    kind = class_of(problem.code, problem.status)
    return kind(
        problem.message,
        status=problem.status,
        code=problem.code,
        errors=problem.errors,
        details=problem.details,
        is_from_server=True,
        retry_after=problem.retry_after,
        request_id=problem.request_id,
    )


def refused_here(refusal: Refusal) -> StatusError:
    """The exception for what this device refuses itself: the server's class and code, but nothing was sent."""
    error = error_of(refusal.problem())
    error.status, error.sent, error.is_from_server = 0, "no", False
    return error


def error_in(response: Response, *, operation: str = "", now: float = 0.0) -> StatusError:
    """The exception for an error response, ours (RFC 9457) or another server's. `now`: seconds since 1970."""
    body = _object_in(response.content)
    code = body["code"] if isinstance(body.get("code"), str) else _oauth_code(body)
    details = body["details"] if isinstance(body.get("details"), dict) else None
    kind = class_of(code, response.status)
    if kind is errors.InvalidGrant and details is not None and details.get("reason") == ANOTHER_SERVER:
        kind = errors.WrongServer
    error = kind(
        "" if kind is errors.WrongServer else _message_in(body),  # which is about a token, of which users know nothing
        status=response.status,
        code=code if code in BY_CODE else kind.code,
        errors=_field_errors(body.get("errors")),
        details=details,
        is_from_server=_is_own(code, body, response),
        is_in_doubt=response.is_in_doubt,
        retry_after=_wait_asked(response, body, now),
        request_id=response.headers.get("x-request-id") or _text(body.get("request_id")),
        operation=operation,
        detail="" if code in BY_CODE else code,
    )
    error.attempts, error.waited = response.attempts, response.waited
    return error


def is_own(response: Response) -> bool:
    """Whether an error response is the server's own, and not that of a proxy or gateway."""
    body = _object_in(response.content)
    return _is_own(body.get("code"), body, response)


def _is_own(code: object, body: Mapping[str, Any], response: Response) -> bool:
    return isinstance(code, str) and code in CODES and CODES[code].status == body.get("status") == response.status


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that Retry-After asks to wait, given as seconds or as a date (RFC 9110 §10.2.3); None: it does not.

    A date is compared with the answer's own Date, since this machine's clock (`now`) may be wrong.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = _http_date(text)
    if until is None:
        return None
    return max(0.0, until - (_http_date(headers.get("date", "")) or now))


def _object_in(content: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _oauth_code(body: dict[str, Any]) -> str:
    return _text(body.get("error")) if _text(body.get("error")) in ("invalid_grant", "invalid_token") else ""


def _message_in(body: dict[str, Any]) -> str:
    for key in _MESSAGE_KEYS:
        if text := _text(body.get(key)):
            return text[:_LONGEST_MESSAGE]
    return ""


def _field_errors(value: object) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        return {}
    return {str(name): _messages(given) for name, given in value.items()}


def _messages(given: object) -> list[str]:
    return [str(item) for item in given] if isinstance(given, list) else [str(given)]


def _wait_asked(response: Response, body: dict[str, Any], now: float) -> float | None:
    asked = retry_after(response.headers, now)
    if asked is None and isinstance(body.get("retry_after"), int | float):
        return float(body["retry_after"])
    return asked


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _http_date(text: str) -> float | None:
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # 10 ms that most apps never need

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
