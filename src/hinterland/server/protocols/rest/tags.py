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
from hinterland.server.operations.call import UNCONDITIONAL, Preconditions

_LISTED = re.compile(rb'(?:W/)?("[^"]*"|[^,\s]+)')
_CODED = rb"(?:[-;:]{1,2}(?:x-gzip|gzip|br|zstd|deflate))*"
_OURS = re.compile(rb'(")?((\d{1,18})(?:\.[0-9a-f]{12})?(?:-msgpack|-hal)?)' + _CODED + rb'(?(1)")')


def etag(entry: Entry, revision: int, body: bytes) -> tuple[bytes, bytes]:
    """The ETag header of a record: its revision (RFC 9110 §8.8.3).

    Where fields have rules of their own, callers see different forms of one revision: a digest of this one's follows.
    """
    return etag_of_form(revision, body) if entry.private else (b"etag", b'"%d"' % revision)


def etag_of_form(revision: int, body: bytes) -> tuple[bytes, bytes]:
    """The ETag header of one form of a record among several: with a digest, which covers what comes with it too."""
    return b"etag", b'"%d.%b"' % (revision, hashlib.blake2b(body, digest_size=6).hexdigest().encode())


def etag_of(text: str) -> tuple[bytes, bytes]:
    """The ETag header of what is no record, whose tag is `text`: a weak one, since members may be in another order."""
    return b"etag", b'W/"%b"' % text.encode()


def is_known(request: HttpRequest, text: str) -> bool:
    """Whether If-None-Match names what has the tag `text` (RFC 9110 §13.1.2)."""
    ours = re.compile(rb'(")?' + re.escape(text.encode()) + _CODED + rb'(?(1)")')
    return any(tag == b"*" or ours.fullmatch(tag) for tag in tags(request, b"if-none-match"))


def tags(request: HttpRequest, name: bytes) -> list[bytes]:
    """The entity tags of a header, ours as the server gave them."""
    return [_as_given(tag) for tag in _LISTED.findall(request.headers.get(name, b""))]


def _as_given(tag: bytes) -> bytes:
    ours = _OURS.fullmatch(tag)
    return tag if ours is None else b'"%b"' % ours[2]


def revisions(given: list[bytes]) -> frozenset[int]:
    """The revisions that tags name; those of others name none."""
    return frozenset({int(ours[3]) for ours in map(_OURS.fullmatch, given) if ours is not None})


def preconditions(request: HttpRequest, *, is_read: bool = False) -> Preconditions:
    """What If-Match and If-None-Match ask for (RFC 9110 §13.1.1, §13.1.2); of a read, If-Match alone. Raises
    `invalid_query`."""
    match = request.headers.get(b"if-match")
    other = None if is_read else request.headers.get(b"if-none-match")
    if match is None and other is None:
        return UNCONDITIONAL
    excluded = [] if other is None else _listed(request, b"if-none-match", "If-None-Match")
    expected = [] if match is None else _listed(request, b"if-match", "If-Match")
    exists = False if excluded == [b"*"] else True if expected == [b"*"] else None
    return Preconditions(
        exists=exists,
        revisions=None if match is None or expected == [b"*"] else revisions(expected),
        other_than=revisions(excluded),
    )


def _listed(request: HttpRequest, name: bytes, shown: str) -> list[bytes]:
    given = tags(request, name)
    if b"*" in given and len(given) > 1:
        raise Refusal("invalid_query", f"{shown} has * and ETags; send one or the other")
    return given
