"""Every error that an operation can answer with: its code, HTTP status and what it means.

The table is the only list: the server answers from it, the client builds its error tree from it, OpenAPI prints it.
The body is RFC 9457 problem+json: `{type, title, status, code, message, errors?, request_id?, …}`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ErrorCode(msgspec.Struct, frozen=True):
    """A row of the table: the stable `code`, the HTTP `status` and a `title` that never varies."""

    code: str
    status: int
    title: str


def _table(*rows: tuple[str, int, str]) -> dict[str, ErrorCode]:
    return {code: ErrorCode(code, status, title) for code, status, title in rows}


CODES = _table(
    ("invalid_request", 400, "Bad request"),
    ("invalid_body", 400, "Malformed request body"),
    ("validation", 400, "Validation failed"),
    ("invalid_query", 400, "Invalid query parameter"),
    ("invalid_cursor", 400, "Invalid cursor"),
    ("too_costly", 400, "Query too expensive"),
    ("invalid_grant", 400, "Invalid refresh token"),
    ("invalid_challenge", 400, "Invalid challenge"),
    ("unauthorized", 401, "Unauthorized"),
    ("invalid_credentials", 401, "Wrong e-mail address or password"),
    ("challenge_required", 401, "Second factor required"),
    ("forbidden", 403, "Forbidden"),
    ("not_found", 404, "Not found"),
    ("unknown_collection", 404, "Unknown collection"),
    ("method_not_allowed", 405, "Method not allowed"),
    ("not_acceptable", 406, "Not acceptable"),
    ("timeout", 408, "Request timeout"),
    ("conflict", 409, "Conflict"),
    ("in_progress", 409, "Request in progress"),
    ("fork", 409, "Device id in use"),
    ("unacknowledged", 409, "Too many unacknowledged results"),
    ("gap", 409, "Missing mutation"),
    ("stale", 412, "Precondition failed"),
    ("too_large", 413, "Content too large"),
    ("unsupported_media_type", 415, "Unsupported media type"),
    ("range_not_satisfiable", 416, "Range not satisfiable"),
    ("misdirected", 421, "Misdirected request"),
    ("key_reused", 422, "Idempotency key reused"),
    ("password_policy", 422, "Password not accepted"),
    ("upgrade_required", 426, "Upgrade required"),
    ("rate_limited", 429, "Too many requests"),
    ("headers_too_large", 431, "Request header fields too large"),
    ("internal", 500, "Internal server error"),
    ("not_implemented", 501, "Not implemented"),
    ("unavailable", 503, "Service unavailable"),
    ("http_version", 505, "HTTP version not supported"),
    ("storage_full", 507, "Insufficient storage"),
)


class Problem(msgspec.Struct, omit_defaults=True):
    """The body of an error answer (RFC 9457 §3), media type `application/problem+json`."""

    title: str
    status: int
    code: str
    message: str
    type: str = "about:blank"
    errors: dict[str, list[str]] = {}
    request_id: str = ""
    retry_after: float | None = None
    details: dict[str, Any] = {}


class Refusal(Exception):
    """An operation's refusal: `code` from the table, a `message` for people, `errors` by field.

    `retry_after` is in seconds; `details` has more for programs (JSON values); `headers` are sent
    with the answer.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        errors: dict[str, list[str]] | None = None,
        retry_after: float | None = None,
        details: dict[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        row = CODES[code]
        self.code = code
        self.status = row.status
        self.message = message or row.title
        self.errors = errors or {}
        self.retry_after = retry_after
        self.details = details or {}
        self.headers = headers
        super().__init__(f"{code}: {self.message}")

    def problem(self, request_id: str = "") -> Problem:
        """The answer's body."""
        return Problem(
            title=CODES[self.code].title,
            status=self.status,
            code=self.code,
            message=self.message,
            errors=self.errors,
            request_id=request_id,
            retry_after=self.retry_after,
            details=self.details,
        )


def invalid(errors: dict[str, list[str]], message: str = "") -> Refusal:
    """The refusal of a body whose fields are not valid; `errors` maps a field's name to its messages."""
    if not message:
        name, messages = next(iter(errors.items()))
        message = f"{name}: {messages[0]}"
    return Refusal("validation", message, errors=errors)
