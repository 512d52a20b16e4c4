"""Entity tags of records, and the conditions that name them (RFC 9110 §8.8.3, §13.1).

A proxy that compresses answers changes their tags: it weakens them, or appends the coding within the quotes. Clients
send such tags back, so both forms count as the tag that the server gave.
"""

from __future__ import annotations

import hashlib
import re

from hinterland.contract.errors import Refusal
from hinterland.server.data.catalogue import Entry
from hinterland.server.http import HttpRequest

_LISTED = re.compile(rb'(?:W/)?("[^"]*"|[^,\s]+)')
_OURS = re.compile(rb'(")?((\d{1,18})(?:\.[0-9a-f]{12})?)(?:[-;:]{1,2}(?:x-gzip|gzip|br|zstd|deflate))*(?(1)")')


def etag(entry: Entry, revision: int, body: bytes) -> tuple[bytes, bytes]:
    """The ETag header of a record: its revision (RFC 9110 §8.8.3).

    Where fields have rules of their own, callers see different forms of one revision: a digest of this one's follows.
    """
    if not entry.private:
        return b"etag", b'"%d"' % revision
    return b"etag", b'"%d.%b"' % (revision, hashlib.blake2b(body, digest_size=6).hexdigest().encode())


def tags(request: HttpRequest, name: bytes) -> list[bytes]:
    """The entity tags of a header, ours as the server gave them."""
    return [_as_given(tag) for tag in _LISTED.findall(request.headers.get(name, b""))]


def _as_given(tag: bytes) -> bytes:
    ours = _OURS.fullmatch(tag)
    return tag if ours is None else b'"%b"' % ours[2]


def revisions(given: list[bytes]) -> set[int]:
    """The revisions that tags name; those of others name none."""
    return {int(ours[3]) for ours in map(_OURS.fullmatch, given) if ours is not None}


def names(given: list[bytes], revision: int) -> bool:
    """Whether one of the tags is `*`, or of this revision."""
    return b"*" in given or revision in revisions(given)


def demands_absence(request: HttpRequest) -> bool:
    """Whether the write is for a record that must not be there: `If-None-Match: *` (RFC 9110 §13.1.2)."""
    given = tags(request, b"if-none-match") if b"if-none-match" in request.headers else []
    if b"*" in given and len(given) > 1:
        raise Refusal("invalid_query", "If-None-Match has * and ETags; send one or the other")
    return given == [b"*"]
