"""What errors of pushes say: whether anything was taken, whether it may pass, and why a write is held."""

from __future__ import annotations

from collections.abc import Sequence

from hinterland.client.errors import HinterlandError, StatusError
from hinterland.contract.errors import Problem, Refusal

MOST_FAILURES = 8  # of sending one mutation, each while the server answers other pushes; then it is withdrawn or held
# What the server says of the content of a push, before it takes anything; of its caller; and of itself.
_UNREADABLE = ("invalid_body", "validation", "too_large")
_NOT_NOW = ("unauthorized", "rate_limited")
_UNABLE = (*_NOT_NOW, "unavailable", "storage_full")


def is_about_content(error: StatusError) -> bool:
    """Whether a push is refused for its content by the server itself, or for its size by anything in between."""
    return error.status == 413 or _has_code(error, _UNREADABLE)


def is_untaken(error: HinterlandError) -> bool:
    """Whether certainly nothing of a push was taken, in none of its attempts."""
    if isinstance(error, StatusError) and _has_code(error, _NOT_NOW):
        return not error.is_in_doubt
    return error.sent == "no"


def is_unable(error: HinterlandError) -> bool:
    """Whether the server itself says that it can't take anything now."""
    return _has_code(error, _UNABLE)


def reason(error: HinterlandError) -> Problem:
    """Why a mutation is held, from the answer to its push."""
    if not isinstance(error, StatusError):
        message = f"sending it failed {MOST_FAILURES} times while the server answered: {error.message}"
        return Problem(title=error.message, status=0, code=error.code, message=message)
    if error.is_from_server:
        return Problem(
            title=error.message, status=error.status, code=error.code, message=error.message, errors=error.errors
        )
    if error.status == 413:
        message = "something between client and server, such as a proxy, accepts no requests of this size"
        return Refusal("too_large", message).problem()
    message = f"something between client and server, such as a proxy, responds to it with status {error.status}"
    return Problem(title=message, status=error.status, code=error.code, message=message)


def _has_code(error: HinterlandError, codes: Sequence[str]) -> bool:
    """Whether the server itself answered one of the codes."""
    return isinstance(error, StatusError) and error.is_from_server and error.code in codes
