"""Records over HTTP: list, create, view, replace, patch, delete."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from hinterland.contract.changes import Act, Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.query import MAX_LIMIT, parse
from hinterland.server.addresses import asker_of
from hinterland.server.backend import Backend
from hinterland.server.data.admission import admit
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.documents import wire
from hinterland.server.data.reader import RecordPage
from hinterland.server.data.requests import Answer, IdempotencyKey, WriteRequest, WriteResult
from hinterland.server.http import JSON, Headers, HttpAnswer, HttpRequest, caching
from hinterland.server.protocols.rest.keys import REPLAYED, idempotency_key
from hinterland.server.protocols.rest.tags import demands_absence, etag, names, revisions, tags
from hinterland.server.protocols.rest.tutorial import in_utc
from hinterland.server.security.sessions import key_owner

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
    query, asker = parse(pairs), asker_of(backend, request, request.caller)
    if request.is_alias and query.equals:
        query = msgspec.structs.replace(query, equals=in_utc(entry, query.equals))
    if request.view == "array":
        is_paged = any(name in ("page", "limit") for name, _ in pairs)
        query = msgspec.structs.replace(query, total=True, limit=query.limit if is_paged else MAX_LIMIT)
        page = await backend.reader.page(request.caller, entry, parent, query, asker)
        return _array(backend, request, entry, page, (query.page or 1, query.limit) if is_paged else None)
    page = await backend.reader.page(request.caller, entry, parent, query, asker)
    body = f'{{"items":{_items(request, entry, page)},"next":"{page.next}"'
    body += f',"total":{page.total}}}' if page.total is not None else "}"
    return HttpAnswer(200, [JSON, caching(request), *_link(request, page)], body.encode())


def _items(request: HttpRequest, entry: Entry, page: RecordPage) -> str:
    caller = request.caller
    if not entry.private:
        return join([wire(record, None) for record in page.records])
    return join([entry.wire(caller, record) for record in page.records])


def _array(
    backend: Backend, request: HttpRequest, entry: Entry, page: RecordPage, paged: tuple[int, int] | None
) -> HttpAnswer:
    items = _items(request, entry, page)
    headers = [JSON, caching(request), (b"x-total-count", str(page.total).encode()), *_link(request, page)]
    if paged is None:
        return HttpAnswer(200, headers, items.encode())
    number, limit = paged
    body = f'{{"data":{items},"page":{number},"limit":{limit},"total":{page.total}}}'
    return HttpAnswer(200, headers, body.encode())


def _link(request: HttpRequest, page: RecordPage) -> Headers:
    """The `Link: …; rel="next"` header (RFC 8288), where there is more.

    It is relative (RFC 3986 §4.2), as is every address that an answer holds: only so it stays below the prefix of a
    proxy, which the server does not know.
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
    entry, parent, id = backend.catalogue.locate(path_of(request))
    record = await backend.reader.view(request.caller, entry, parent, entry.parse_id(id))
    body = entry.wire(request.caller, record).encode()
    tag = etag(entry, record.revision, body)
    if b"if-match" in request.headers and not names(tags(request, b"if-match"), record.revision):
        raise Refusal("stale", f"{entry.name}/{record.id} is not what If-Match names any more")
    if any(given in (b"*", tag[1]) for given in tags(request, b"if-none-match")):
        return HttpAnswer(304, [tag, caching(request)], b"")
    return HttpAnswer(200, [JSON, tag, caching(request)], body)


async def create_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Create a record; a string id may come with the body."""
    entry, parent, _ = backend.catalogue.locate(path_of(request))
    body, raw = await _body(backend, request, entry, "create", may_be_empty=True)
    given = body.get("id")
    if given is not None and type(given) not in (str, int):
        raise Refusal("validation", "id must be text or a number", errors={"id": ["must be text or a number"]})
    id = "" if given is None or (request.is_alias and entry.is_integer) else given
    write = Write(act="create", collection=entry.name, parent=parent, id=id, body=body)
    return await _write(backend, request, entry, write, raw, 201)


async def replace_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Replace a record's fields as a whole; with `If-None-Match: *`, create it under this id."""
    return await _change(backend, request, "create" if demands_absence(request) else "replace")


async def patch_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Change some fields (RFC 7396)."""
    return await _change(backend, request, "patch")


async def delete_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Delete a record."""
    return await _change(backend, request, "delete")


async def _change(backend: Backend, request: HttpRequest, act: Act) -> HttpAnswer:
    entry, parent, text = backend.catalogue.locate(path_of(request))
    body, raw = await _body(backend, request, entry, act, may_be_empty=act == "patch")
    id = entry.parse_id(text)
    exists = False if demands_absence(request) else request.headers.get(b"if-match") == b"*" or None
    if exists is not False and b"if-none-match" in request.headers:
        await _refuse_known(backend, request, entry, parent, id)
    write = Write(
        act=act,
        collection=entry.name,
        parent=parent,
        id=id,
        body=body,
        revision=await _expected_revision(backend, request, entry, parent, id),
        exists=exists,
    )
    return await _write(backend, request, entry, write, raw, 201 if act == "create" else 200)


async def _body(
    backend: Backend, request: HttpRequest, entry: Entry, act: Act, *, may_be_empty: bool
) -> tuple[dict[str, Any], bytes]:
    """The body of a write, which only those are worth reading for whom the rule can be true; a deletion has none."""
    limit = backend.settings.max_body_bytes
    try:
        admit(entry, "update" if act in ("replace", "patch") else act, request.caller)
    except Refusal:
        await request.discard(limit)
        raise
    if act == "delete":
        return {}, b""
    body, raw = await request.json_object(limit, may_be_empty=may_be_empty)
    return (in_utc(entry, body) if request.is_alias else body), raw


async def _refuse_known(backend: Backend, request: HttpRequest, entry: Entry, parent: str, id: RecordId) -> None:
    """Raises `stale` where the record is what If-None-Match names. What it is not now, it will not be again."""
    try:
        record = await backend.reader.view(request.caller, entry, parent, id)
    except Refusal as refusal:
        if refusal.code not in ("not_found", "forbidden", "unauthorized"):
            raise
        return  # what is not there, or hidden, is the write's to answer
    if names(tags(request, b"if-none-match"), record.revision):
        raise Refusal("stale", f"{entry.name}/{record.id} is what If-None-Match names")


async def _expected_revision(
    backend: Backend, request: HttpRequest, entry: Entry, parent: str, id: RecordId
) -> int | None:
    """The revision of If-Match (RFC 9110 §13.1.1); -1, which no record has, where no tag is one of ours.

    Of a list it is the record's, where that is listed: the writer finds out whether it still stands, and what the
    caller may know.
    """
    given = request.headers.get(b"if-match")
    if given is None or given == b"*":
        return None
    listed = tags(request, b"if-match")
    if b"*" in listed:
        raise Refusal("invalid_query", "If-Match has * and ETags; send one or the other")
    expected = revisions(listed)
    if len(expected) > 1:
        record = await backend.storage.record(entry.name, parent, id)
        expected &= {record.revision} if record is not None else set()
    return expected.pop() if expected else -1


async def _write(
    backend: Backend, request: HttpRequest, entry: Entry, write: Write, raw: bytes, status: int
) -> HttpAnswer:
    key = _key(request, raw)
    answer = _answerer(request, entry, write, status)
    # A tutorial's PATCH of a user changes the profile: what signs in changes with the password alone.
    wanted = WriteRequest(
        (write,),
        request.caller,
        key=key,
        answer=answer if key is not None else None,
        is_profile_only=request.is_alias,
    )
    outcome = await backend.writer.submit(wanted)
    stored = outcome.answer if outcome.answer is not None else answer(outcome)
    headers: Headers = [JSON] if stored.body else []
    if stored.body and write.act != "delete":
        headers.append(etag(entry, outcome.revision, stored.body))
    if stored.status == 201:
        headers.append((b"location", _location(request, stored).encode()))
    if outcome.replayed:
        headers.append(REPLAYED)
    return HttpAnswer(stored.status, headers, stored.body)


def _location(request: HttpRequest, stored: Answer) -> str:
    """Where the created record is, relative to the request: a PUT names it itself, a POST the collection."""
    last = request.path.rpartition("/")[2]
    return last if request.method == "PUT" else f"{last}/{_identify(stored.body).id}"


def _answerer(request: HttpRequest, entry: Entry, write: Write, status: int) -> Callable[[WriteResult], Answer]:
    caller, is_deleted_view = request.caller, request.view == "deleted"

    def answer(outcome: WriteResult) -> Answer:
        record = outcome.records[0].after
        if write.act == "delete":
            return Answer(200, _DELETED) if is_deleted_view else Answer(204, b"")
        assert record is not None
        return Answer(status, entry.wire(caller, record).encode())

    return answer


def _key(request: HttpRequest, raw: bytes) -> IdempotencyKey | None:
    """The idempotency key of the request, with a digest of all that makes it this request."""
    key = idempotency_key(request)
    if not key:
        return None
    condition = request.headers.get(b"if-match", b"") + b"\0" + request.headers.get(b"if-none-match", b"")
    parts = (request.method.encode(), request.path.encode(), condition, raw)
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return IdempotencyKey(key_owner(request.caller.id, is_admin=request.caller.is_admin), key, digest)
