"""The media type of a response with records, as `Accept` asks for it (RFC 9110 §12.5.1).

Codecs make JSON; another form is made of that. Where no form fits, the response is JSON, as RFC 9110 §12.4.1 lets a
server do: a caller who can't read it knows what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from hinterland.server.http import Headers, HttpAnswer, HttpRequest

JSON_TYPE = b"application/json"
PACKED = (b"application/vnd.msgpack", b"application/msgpack", b"application/x-msgpack")
LINES = (b"application/jsonl", b"application/x-ndjson", b"application/x-jsonlines")
OF_LISTS = (JSON_TYPE, *LINES, *PACKED)
"""What a list can be, the form that is preferred where the caller has no preference first."""
OF_RECORDS = (JSON_TYPE, *PACKED)
HAL = b"application/hal+json"
READ_LISTS, READ_RECORDS = (*OF_LISTS, HAL), (*OF_RECORDS, HAL)
"""What the list of a collection, and a record that is read, can be."""
VARY = (b"vary", b"Accept")
AS_JSON = frozenset({None, b"*/*", b"application/json", b"application/json, */*", b"application/json, text/plain, */*"})
"""What most callers send as `Accept`: the response is JSON."""
_RANGE = re.compile(rb"\s*([\w!#$&^.+*-]+)/([\w!#$&^.+*-]+)\s*((?:;[^,]*)?)", re.ASCII)
_WEIGHT = re.compile(rb";\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_LONGEST = 1_000
_decode = msgspec.json.Decoder().decode
_pack = msgspec.msgpack.Encoder().encode


class _Listed(msgspec.Struct):
    items: list[msgspec.Raw]
    total: int | None = None


_listed = msgspec.json.Decoder(_Listed).decode


def chosen(request: HttpRequest, offers: Sequence[bytes]) -> bytes:
    """The one of `offers` that the caller prefers; the first where none is acceptable."""
    accept = request.headers.get(b"accept")
    return offers[0] if accept is None or accept in AS_JSON else _preferred(accept[:_LONGEST].lower(), offers)


@lru_cache(maxsize=256)
def _preferred(accept: bytes, offers: Sequence[bytes]) -> bytes:
    weights: dict[bytes, float] = {}
    for main, sub, parameters in _RANGE.findall(accept):
        found = _WEIGHT.search(parameters)
        weights.setdefault(main + b"/" + sub, float(found[1]) if found else 1.0)
    return max(offers, key=lambda offer: _weight(offer, weights))  # the first of equals


def _weight(offer: bytes, weights: dict[bytes, float]) -> float:
    """How much a type is wanted: the most specific range that it is in says so."""
    ranges = (offer, offer.partition(b"/")[0] + b"/*", b"*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)


def tagged(request: HttpRequest, tag: tuple[bytes, bytes], offers: Sequence[bytes] = OF_RECORDS) -> tuple[bytes, bytes]:
    """The ETag of a record in the form that the caller prefers: no two forms have the same (RFC 9110 §8.8.3.3)."""
    kind = chosen(request, offers)
    if kind == JSON_TYPE:
        return tag
    return tag[0], tag[1][:-1] + (b'-hal"' if kind == HAL else b'-msgpack"')


def represented(request: HttpRequest, answer: HttpAnswer, offers: Sequence[bytes]) -> HttpAnswer:
    """A response with JSON, and with `VARY`, in the form of `offers` that the caller prefers."""
    kind = chosen(request, offers)
    if kind == JSON_TYPE:
        return answer
    assert type(answer.body) is bytes
    headers: Headers = [(name, kind if name == b"content-type" else value) for name, value in answer.headers]
    if kind not in LINES:
        return HttpAnswer(answer.status, headers, _pack(_decode(answer.body)))
    page = _listed(answer.body)
    if page.total is not None:
        headers.append((b"x-total-count", b"%d" % page.total))
    return HttpAnswer(answer.status, headers, b"".join([bytes(item) + b"\n" for item in page.items]))
