"""Bytes as responses, and ranges of them."""

from __future__ import annotations

import re
from urllib.parse import quote

from hinterland.contract.transfers import Download
from hinterland.server.http import NO_STORE, REVALIDATED, BodyPart, Headers, HttpAnswer, HttpRequest
from hinterland.server.protocols.rest.tags import tags
from hinterland.server.ranges import asked_range

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
    part = asked_range(request, body.length, tag)
    if part is None:
        return HttpAnswer(200, [*headers, _length(body.length)], BodyPart(body))
    start, stop = part
    span = (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, body.length))
    return HttpAnswer(206, [*headers, span, _length(stop - start)], BodyPart(body, start, stop))


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
