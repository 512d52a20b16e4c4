"""Reading the document that a server answers with, as a typed value."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hinterland.client.errors import InvalidResponse
from hinterland.kit import misfit

T = TypeVar("T")


def decoded(content: bytes, kind: type[T], *, operation: str = "", request_id: str = "") -> T:
    """The document in `content` as a `kind`. Raises InvalidResponse, which names the path and what was found."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _, path, _, found = misfit.read(error)
        raise InvalidResponse(
            path=path, found=found or _looks_like(content), detail=str(error), operation=operation,
            request_id=request_id,
        ) from None  # fmt: skip


def check_empty(content: bytes, *, operation: str = "", request_id: str = "") -> None:
    """Raises InvalidResponse where something is answered, such as a portal's page, in the place of nothing."""
    if content:
        found = _looks_like(content) or "JSON"
        raise InvalidResponse(found=found, detail="no body was expected", operation=operation, request_id=request_id)


def _looks_like(content: bytes) -> str:
    start = content.lstrip()[:1]
    if not start:
        return "an empty body"
    if start == b"<":
        return "HTML or XML"
    return "" if start in b'{["' else "text that is not JSON"
