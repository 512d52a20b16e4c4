"""Bytes as responses, and ranges of them (RFC 9110 §14)."""

from __future__ import annotations

import re
from urllib.parse import quote

from hinterland.contract.errors import Refusal
from hinterland.contract.transfers import Download
from hinterland.server.http import NO_STORE, REVALIDATED, BodyPart, Headers, HttpAnswer, HttpRequest
from hinterland.server.protocols.rest.tags import tags

_RANGE = re.compile(r"bytes=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._-]+")
_TAG = re.compile(r"[!#-~]*")


def download_answer(request: HttpRequest, download: Download) -> HttpAnswer:
    """The bytes, or the one range of them that is asked for. Raises `range_not_satisfiable`."""
    body, tag = download.body, _tag(download)
    if not download.content_type.isprintable():
        raise ValueError(f"a media type has no line breaks and other controls, as {download.content_type!r} does")
    headers: Headers = [
        (b"content-type", download.content_type.encode("latin-1", "replace")),
        (b"content-disposition", _disposition(download.name)),
        REVALIDATED if tag else NO_STORE,
    ]
    if tag:
        headers.append((b"etag", tag))
        if any(given in (b"*", tag) for given in tags(request, b"if-none-match")):
            return HttpAnswer(304, headers, b"")
    if body.length is None:
        return HttpAnswer(200, headers, BodyPart(body))
    headers.append((b"accept-ranges", b"bytes"))
    part = _asked(request, body.length, tag)
    if part is None:
        return HttpAnswer(200, [*headers, _length(body.length)], BodyPart(body))
    start, stop = part
    span = (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, body.length))
    return HttpAnswer(206, [*headers, span, _length(stop - start)], BodyPart(body, start, stop))


def _asked(request: HttpRequest, size: int, tag: bytes) -> tuple[int, int] | None:
    """The range that a request asks for; None for the whole, also where there are several ranges or another unit, which
    a server may ignore (§14.2), or where If-Range names another version (§13.1.5)."""
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


def _length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def _tag(download: Download) -> bytes:
    if _TAG.fullmatch(download.tag) is None:
        raise ValueError(f"a tag has visible ASCII characters without quotation marks, not {download.tag!r}")
    return f'"{download.tag}"'.encode() if download.tag else b""


def _disposition(name: str) -> bytes:
    """As an attachment (RFC 6266): bytes that a user uploaded never become a page of this origin."""
    if not name:
        return b"attachment"
    if _PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'.encode()
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}".encode()
