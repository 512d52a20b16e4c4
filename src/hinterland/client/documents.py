"""Reading the document that a server answers with, as a typed value."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from hinterland.client.errors import InvalidResponse

T = TypeVar("T")
_PATH = re.compile(r" - at `([^`]*)`")
_GOT = re.compile(r"got `([^`]*)`")


def decoded(content: bytes, kind: type[T], *, operation: str = "", request_id: str = "") -> T:
    """The document in `content` as a `kind`. Raises InvalidResponse, which names the path and what was found."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _misfit(str(error), content, operation, request_id) from None


def _misfit(text: str, content: bytes, operation: str, request_id: str) -> InvalidResponse:
    path, found = place_in(text)
    return InvalidResponse(
        path=path, found=found or _looks_like(content), detail=text, operation=operation, request_id=request_id
    )


def place_in(text: str) -> tuple[str, str]:
    """The path (`$` at the top) and what was found there, "" if it is not said, in a message of the decoder."""
    path, got = _PATH.search(text), _GOT.search(text)
    return path[1] if path else "$", got[1] if got else ""


def _looks_like(content: bytes) -> str:
    start = content.lstrip()[:1]
    if not start:
        return "an empty body"
    if start == b"<":
        return "HTML or XML"
    return "" if start in b'{["' else "text that is not JSON"
