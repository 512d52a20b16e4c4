"""The codec of records: list, create, view, replace, patch, delete."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import msgspec

from hinterland.contract.changes import Act
from hinterland.contract.errors import Refusal
from hinterland.contract.query import MAX_LIMIT, parse
from hinterland.server.backend import Backend
from hinterland.server.callers import caller_address
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.documents import wire
from hinterland.server.data.reader import RecordPage
from hinterland.server.data.requests import Intent
from hinterland.server.http import JSON, Codec, Headers, HttpAnswer, HttpRequest, caching
from hinterland.server.operations import records
from hinterland.server.operations.call import UNCONDITIONAL, Call, Preconditions
from hinterland.server.operations.records import Listing, RecordAddress, RecordChange, Written
from hinterland.server.protocols.rest.keys import REPLAYED, idempotency_key
from hinterland.server.protocols.rest.tags import etag, preconditions, tags
from hinterland.server.protocols.rest.tutorial import in_utc

RECORDS = "/v1/records/"
_is_plain = re.compile(rb"[\w.~%!$&'()*+,/:;=?@-]*", re.ASCII).fullmatch  # with nothing for `quote` to do
_OF_QUERIES = "%!$&'()*+,/:;=?@"  # what a query may hold as it is (RFC 3986 §3.4), and what is encoded
_DELETED = b'{"message":"Deleted successfully"}'


class _WithId(msgspec.Struct):
    id: str | int


_identify = msgspec.json.Decoder(_WithId).decode


def path_of(request: HttpRequest) -> tuple[str, ...]:
    """The collection, ids and nested collections that the request's path names."""
    return tuple(request.segments.values()) if request.is_alias else tuple(request.path[len(RECORDS) :].split("/"))


def join(texts: list[str]) -> str:
    """JSON texts as one JSON array."""
    return f"[{','.join(texts)}]"


async def list_records(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """A page of a collection: `{items, next, total?}`, or the tutorial's bare array."""
    entry, parent, _ = backend.catalogue.locate(path_of(request))
    pairs = request.query()
    query, address, is_paged = parse(pairs), caller_address(backend, request), False
    if request.is_alias and query.equals:
        query = msgspec.structs.replace(query, equals=in_utc(entry, query.equals))
    if request.view == "array":
        is_paged = any(name in ("page", "limit") for name, _ in pairs)
        query = msgspec.structs.replace(query, total=True, limit=query.limit if is_paged else MAX_LIMIT)
    call = Call(caller=request.caller, input=Listing(entry, parent, query), address=address)
    page = await records.list_records(backend, call)
    if request.view == "array":
        return _array(request, entry, page, (query.page or 1, query.limit) if is_paged else None)
    body = f'{{"items":{_items(request, entry, page)},"next":"{page.next}"'
    body += f',"total":{page.total}}}' if page.total is not None else "}"
    return HttpAnswer(200, [JSON, caching(request), *_link(request, page)], body.encode())


def _items(request: HttpRequest, entry: Entry, page: RecordPage) -> str:
    caller = request.caller
    if not entry.private:
        return join([wire(record, None) for record in page.records])
    return join([entry.wire(caller, record) for record in page.records])


def _array(request: HttpRequest, entry: Entry, page: RecordPage, paged: tuple[int, int] | None) -> HttpAnswer:
    items = _items(request, entry, page)
    headers = [JSON, caching(request), (b"x-total-count", str(page.total).encode()), *_link(request, page)]
    if paged is None:
        return HttpAnswer(200, headers, items.encode())
    number, limit = paged
    body = f'{{"data":{items},"page":{number},"limit":{limit},"total":{page.total}}}'
    return HttpAnswer(200, headers, body.encode())


def _link(request: HttpRequest, page: RecordPage) -> Headers:
    """The `Link: …; rel="next"` header (RFC 8288), where there is more.

    It is relative (RFC 3986 §4.2), as is every address in a response: it stays below the prefix of a proxy, which the
    server does not know.
    """
    if not page.next:
        return []
    query: bytes = request.scope.get("query_string", b"")
    if b"cursor=" in query or b"page=" in query:
        parts = query.split(b"&")
        query = b"&".join(part for part in parts if part.partition(b"=")[0] not in (b"cursor", b"page"))
    if _is_plain(query) is None:
        query = quote(query, safe=_OF_QUERIES).encode()
    query += b"&cursor=" if query else b"cursor="
    return [(b"link", b'<?%s%s>; rel="next"' % (query, page.next.encode()))]


async def view_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """One record, with its ETag; 304 where the caller has it already."""
    entry, parent, text = backend.catalogue.locate(path_of(request))
    conditions = preconditions(request, is_read=True) if b"if-match" in request.headers else UNCONDITIONAL
    call = Call(caller=request.caller, input=RecordAddress(entry, parent, text), preconditions=conditions)
    record = await records.view_record(backend, call)
    body = entry.wire(request.caller, record).encode()
    tag = etag(entry, record.revision, body)
    if b"if-none-match" in request.headers and any(
        given in (b"*", tag[1]) for given in tags(request, b"if-none-match")
    ):
        return HttpAnswer(304, [tag, caching(request)], b"")
    return HttpAnswer(200, [JSON, tag, caching(request)], body)


async def create_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Create a record; a string id may come with the body."""
    entry, parent, _ = backend.catalogue.locate(path_of(request))
    body, raw = await _body(backend, request, entry, "create", UNCONDITIONAL)
    given = body.get("id")
    id = "" if given is None or (request.is_alias and entry.is_integer) else given
    change = RecordChange(entry, parent, body, id=id, intent=_intent(request))
    return _written(request, entry, await records.create_record(backend, _call(request, change, raw, UNCONDITIONAL)))


async def replace_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Replace a record's fields as a whole; with `If-None-Match: *`, create it under this id."""
    return await _change(backend, request, "replace", records.replace_record)


async def patch_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Change some fields (RFC 7396)."""
    return await _change(backend, request, "patch", records.patch_record)


async def delete_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Delete a record."""
    return await _change(backend, request, "delete", records.delete_record)


OF_COLLECTION: dict[str, Codec] = {"GET": list_records, "POST": create_record}
OF_RECORD: dict[str, Codec] = {
    "GET": view_record,
    "PUT": replace_record,
    "PATCH": patch_record,
    "DELETE": delete_record,
}

_Write = Callable[[Backend, Call[RecordChange]], Awaitable[Written]]


async def _change(backend: Backend, request: HttpRequest, act: Act, write: _Write) -> HttpAnswer:
    entry, parent, text = backend.catalogue.locate(path_of(request))
    conditions = preconditions(request)
    body, raw = await _body(backend, request, entry, act, conditions)
    change = RecordChange(entry, parent, body, text=text, intent=_intent(request))
    return _written(request, entry, await write(backend, _call(request, change, raw, conditions)))


async def _body(
    backend: Backend, request: HttpRequest, entry: Entry, act: Act, conditions: Preconditions
) -> tuple[dict[str, Any], bytes]:
    """The body of a write, which is read only where the rule can let the caller write; a deletion has none."""
    limit = backend.settings.max_body_bytes
    try:
        records.check_admission(entry, act, request.caller, conditions)
    except Refusal:
        await request.discard(limit)
        raise
    if act == "delete":
        return {}, b""
    body, raw = await request.json_object(limit, may_be_empty=act != "replace")
    return (in_utc(entry, body) if request.is_alias else body), raw


def _intent(request: HttpRequest) -> Intent:
    """A tutorial's PATCH of a user changes the profile: what signs in changes with the password alone."""
    return "profile" if request.is_alias else "record"


def _call(request: HttpRequest, change: RecordChange, raw: bytes, conditions: Preconditions) -> Call[RecordChange]:
    key = idempotency_key(request)
    fingerprint = _fingerprint(request, raw) if key else ""
    return Call(caller=request.caller, input=change, key=key, fingerprint=fingerprint, preconditions=conditions)


def _fingerprint(request: HttpRequest, raw: bytes) -> str:
    """A digest of all that makes a request with an idempotency key this request."""
    condition = request.headers.get(b"if-match", b"") + b"\0" + request.headers.get(b"if-none-match", b"")
    parts = (request.method.encode(), request.path.encode(), condition, raw)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _written(request: HttpRequest, entry: Entry, written: Written) -> HttpAnswer:
    headers: Headers = [REPLAYED] if written.is_replayed else []
    if written.status == 204:
        if request.view == "deleted":
            return HttpAnswer(200, [JSON, *headers], _DELETED)
        return HttpAnswer(204, headers, b"")
    headers += [JSON, etag(entry, written.revision, written.body)]
    if written.status == 201:
        headers.append((b"location", _location(request, written).encode()))
    return HttpAnswer(written.status, headers, written.body)


def _location(request: HttpRequest, written: Written) -> str:
    """Where the created record is, relative to the request: a PUT names it itself, a POST the collection."""
    last = quote(request.path.rpartition("/")[2], safe="~")
    return last if request.method == "PUT" else f"{last}/{quote(str(_identify(written.body).id), safe='~')}"
