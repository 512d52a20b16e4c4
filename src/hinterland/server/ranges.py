"""The range of bytes that a request asks for (RFC 9110 §14)."""

from __future__ import annotations

import re

from hinterland.contract.errors import Refusal
from hinterland.server.http import HttpRequest

_RANGE = re.compile(r"bytes=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.IGNORECASE)


def asked_range(request: HttpRequest, size: int, tag: bytes) -> tuple[int, int] | None:
    """The range that a request asks for; None for the whole, also where there are several ranges or another unit, which
    a server may ignore (§14.2), or where If-Range names another version than `tag` (§13.1.5)."""
    given = request.headers.get(b"range")
    if given is None or request.method != "GET":
        return None
    condition = request.headers.get(b"if-range")
    if condition is not None and (not tag or condition != tag):
        return None
    return wanted_range(given.decode("latin-1"), size)


def wanted_range(given: str, size: int) -> tuple[int, int] | None:
    """Where the range of a header Range begins, and where it ends, of `size` bytes; None: the header is ignored.

    Raises `range_not_satisfiable` for one that begins behind the last byte (§15.5.17).
    """
    match = _RANGE.fullmatch(given)
    if match is None:
        return None
    first, last, suffix = match.groups()
    start = max(0, size - int(suffix)) if suffix else int(first)
    stop = min(size, int(last) + 1) if last else size
    if last and int(last) < start:
        return None  # not a valid range (§14.1.1)
    if start >= size or (suffix and not int(suffix)):
        message = f"the range begins behind the end; the whole has {size:,} bytes"
        raise Refusal("range_not_satisfiable", message, headers=(("Content-Range", f"bytes */{size}"),))
    return start, stop
