"""What a response to a GraphQL mutation says of it: pure, and the same in every client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hinterland.client.payloads import path_of

Verdict = Literal["applied", "refused", "later", "pause"]
"""`later`: it is sent again, with the same key. `pause`: nothing is sent before the user has signed in again."""

# Statuses and codes of what may be gone at the next try; the server keeps no response of them.
_LATER = frozenset({408, 429, 500, 502, 503, 504, 507})
_LATER_CODES = frozenset({"in_progress", "timeout", "rate_limited", "unavailable", "storage_full", "internal"})
_SIGN_IN = 401
GraphQLErrors = Sequence[Mapping[str, Any]]


def verdict(status: int, errors: GraphQLErrors, data: Mapping[str, Any] | None) -> tuple[Verdict, int]:
    """What became of the mutation by the `status`, `errors` and `data` of its response, and which error says so, by
    its position (-1: none).

    An error below a field of the root that has a value says that a part of the result could not be read: the field's
    write has happened.
    """
    if status == _SIGN_IN:
        return "pause", 0 if errors else -1
    if status in _LATER:
        return "later", 0 if errors else -1
    deciding = [index for index, error in enumerate(errors) if _is_at_root(error, data)]
    later = [index for index in deciding if code_of(errors[index]) in _LATER_CODES]
    if later:
        return "later", later[0]
    if deciding:
        return "refused", deciding[0]
    return ("applied", -1) if data is not None else ("refused", 0 if errors else -1)


def code_of(error: Mapping[str, Any]) -> str:
    """The code of an error; "": it has none."""
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return code if isinstance(code, str) else ""


def _is_at_root(error: Mapping[str, Any], data: Mapping[str, Any] | None) -> bool:
    """Whether an error is of the request, or of a field of the root, not of a part of what the field returned."""
    path = path_of(error)
    if len(path) < 2 or data is None:
        return True
    return data.get(str(path[0])) is None
