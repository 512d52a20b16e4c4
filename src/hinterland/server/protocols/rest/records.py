"""The codec of records: list, create, view, replace, patch, delete."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Container, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from hinterland.contract import aggregation, json_patch
from hinterland.contract.changes import Act
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.query import Query, parse
from hinterland.server.backend import Backend
from hinterland.server.callers import caller_address
from hinterland.server.data.admission import is_closed
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.documents import wire
from hinterland.server.data.projection import Projection
from hinterland.server.data.reader import RecordPage
from hinterland.server.data.requests import Intent, JsonPatch, Upsert
from hinterland.server.http import JSON, Codec, Headers, HttpAnswer, HttpRequest, caching, json_answer
from hinterland.server.idempotency import REPLAYED, idempotency_key
from hinterland.server.operations import records
from hinterland.server.operations.call import UNCONDITIONAL, Call, Preconditions
from hinterland.server.operations.records import Aggregating, Listing, RecordAddress, RecordChange, Written
from hinterland.server.protocols.rest import packed
from hinterland.server.protocols.rest.expansions import parse_projection
from hinterland.server.protocols.rest.hal import hal_list, hal_record
from hinterland.server.protocols.rest.media import (
    AS_JSON,
    HAL,
    OF_LISTS,
    OF_RECORDS,
    READ_LISTS,
    READ_RECORDS,
    VARY,
    chosen,
    represented,
    tagged,
)
from hinterland.server.protocols.rest.tags import etag, etag_of_form, preconditions, tags
from hinterland.server.protocols.rest.tutorial import in_utc

RECORDS = "/v1/records/"
ACCEPT_PATCH = f"application/merge-patch+json, {json_patch.MEDIA_TYPE}, application/json"
"""The media types of patches (RFC 5789 §3.1)."""
_JSON_PATCH = json_patch.MEDIA_TYPE.encode()
_is_plain = re.compile(rb"[\w.~%!$&'()*+,/:;=?@-]*", re.ASCII).fullmatch  # with nothing for `quote` to do
_is_unreserved = re.compile(r"[\w.~-]*", re.ASCII).fullmatch  # RFC 3986 §2.3
_OF_QUERIES = "%!$&'()*+,/:;=?@"  # what a query may hold as it is (RFC 3986 §3.4), and what is encoded


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
    """A page of a collection: `{items, next, total?}`."""
    entry, parent, _ = backend.catalogue.locate(path_of(request))
    query, address = parse(request.query()), caller_address(backend, request)
    projection = parse_projection(query) if query.fields or query.expand else None
    listing = Listing(entry, parent, query, projection=projection)
    call = Call(caller=request.caller, input=listing, address=address)
    page = await records.list_records(backend, call)
    body = f'{{"items":{items(request, entry, page)},"next":"{page.next}"'
    body += f',"total":{page.total}}}' if page.total is not None else "}"
    answer = HttpAnswer(200, [JSON, VARY, caching(request), *next_link(request, page.next)], body.encode())
    if request.headers.get(b"accept") in AS_JSON:
        return answer
    if chosen(request, READ_LISTS) == HAL:
        return hal_list(backend, request, entry, path_of(request), answer)
    return represented(request, answer, OF_LISTS)


async def aggregate_records(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Values of groups of a collection's records: `{items, next}`."""
    entry, parent, _ = backend.catalogue.locate(path_of(request)[:-1])
    asked, address = aggregation.parse(request.query()), caller_address(backend, request)
    call = Call(caller=request.caller, input=Aggregating(entry, parent, asked), address=address)
    page = await records.aggregate_records(backend, call)
    answer = json_answer(page, headers=[VARY, *next_link(request, page.next)], cached=caching(request))
    return represented(request, answer, OF_LISTS)


def items(request: HttpRequest, entry: Entry, page: RecordPage) -> str:
    """The records of a page as the caller sees them, as one JSON array."""
    caller = request.caller
    if page.texts is not None:
        return join(page.texts)
    if not entry.private:
        return join([wire(record, None) for record in page.records])
    return join([entry.wire(caller, record) for record in page.records])


def next_link(request: HttpRequest, cursor: str) -> Headers:
    """The `Link: …; rel="next"` header (RFC 8288), where there is more.

    It is relative (RFC 3986 §4.2), as is every address in a response: it stays below the prefix of a proxy, which the
    server does not know.
    """
    if not cursor:
        return []
    query = asked_again(request, (b"cursor", b"page"))
    query += b"&cursor=" if query else b"cursor="
    return [(b"link", b'<?%s%s>; rel="next"' % (query, cursor.encode()))]


def asked_again(request: HttpRequest, names: Container[bytes]) -> bytes:
    """The request's query for a link, without the parameters `names`."""
    query: bytes = request.scope.get("query_string", b"")
    query = b"&".join([part for part in query.split(b"&") if part.partition(b"=")[0] not in names])
    return query if _is_plain(query) else quote(query, safe=_OF_QUERIES).encode()


async def view_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """One record, with its ETag; 304 where the caller has it already."""
    entry, parent, text = backend.catalogue.locate(path_of(request))
    conditions = preconditions(request, is_read=True) if b"if-match" in request.headers else UNCONDITIONAL
    projection = wanted_of(request) if request.scope.get("query_string") else None
    if projection is None and not entry.asking:
        call = Call(caller=request.caller, input=RecordAddress(entry, parent, text), preconditions=conditions)
        record = await records.view_record(backend, call)
        body = entry.wire(request.caller, record).encode()
        tag = etag(entry, record.revision, body)
    else:
        at, address = RecordAddress(entry, parent, text, projection), caller_address(backend, request)
        call = Call(caller=request.caller, input=at, preconditions=conditions, address=address)
        found = await records.view_text(backend, call)
        body = found.text.encode()
        tag = etag_of_form(found.revision, body)
    is_json = request.headers.get(b"accept") in AS_JSON
    offers = OF_RECORDS if request.is_alias else READ_RECORDS
    if not is_json:
        tag = tagged(request, tag, offers)
    if b"if-none-match" in request.headers and any(
        given in (b"*", tag[1]) for given in tags(request, b"if-none-match")
    ):
        return HttpAnswer(304, [tag, VARY, caching(request)], b"")
    answer = HttpAnswer(200, [JSON, tag, VARY, caching(request)], body)
    if is_json:
        return answer
    if chosen(request, offers) == HAL:
        return hal_record(backend, request, entry, path_of(request), answer)
    return represented(request, answer, OF_RECORDS)


def wanted_of(request: HttpRequest) -> Projection | None:
    """What is wanted of one record."""
    words: dict[str, str] = {}
    for name, value in request.query():
        if name not in ("fields", "expand"):
            if request.is_alias:
                continue
            raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}; there are fields, expand")
        if words.setdefault(name, value) is not value:
            raise Refusal("invalid_query", f"parameter {name} appears twice; send it once")
    return parse_projection(Query(fields=words.get("fields", ""), expand=words.get("expand", "")))


async def create_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Create a record; a string id may come with the body."""
    entry, parent, _ = backend.catalogue.locate(path_of(request))
    return await create_in(backend, request, entry, parent, {})


async def create_in(
    backend: Backend, request: HttpRequest, entry: Entry, parent: str, fixed: Mapping[str, Any]
) -> HttpAnswer:
    """Create a record of a collection; `fixed` are fields that the path sets, so that the body has no other value."""
    by, replaces = upserted(request)
    body, raw = await _body(backend, request, entry, "create", UNCONDITIONAL, is_upsert=by is not None)
    if by is not None:
        raw = request.scope["query_string"] + b"\0" + raw  # which makes it this request, too
    for name, value in fixed.items():
        if body.setdefault(name, value) != value:
            raise invalid({name: ["differs from the path"]})
    given = body.get("id")
    id = "" if given is None or (request.is_alias and entry.is_integer) else given
    change = RecordChange(entry, parent, body, id=id, intent=_intent(request), form=by, replaces=replaces)
    return _written(request, entry, await records.create_record(backend, _call(request, change, raw, UNCONDITIONAL)))


async def replace_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Replace a record's fields as a whole; with `If-None-Match: *`, create it under this id."""
    return await _change(backend, request, "replace", records.replace_record)


async def patch_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Change some fields (RFC 7396), or what a JSON Patch names (RFC 6902)."""
    try:
        return await _change(backend, request, "patch", records.patch_record)
    except Refusal as refusal:
        if refusal.code == "unsupported_media_type":
            refusal.message += f"; a JSON Patch is sent as {json_patch.MEDIA_TYPE}"
            refusal.headers += (("Accept-Patch", ACCEPT_PATCH),)
        raise


async def delete_record(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Delete a record."""
    return await _change(backend, request, "delete", records.delete_record)


OF_AGGREGATE: dict[str, Codec] = {"GET": aggregate_records}
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
    if request.scope.get("query_string") and not request.is_alias:
        _check_no_query(request)
    body, raw = await _body(backend, request, entry, act, conditions)
    change = RecordChange(entry, parent, body, text=text, intent=_intent(request))
    if act == "patch" and _is_json_patch(request):
        change = change._replace(body={}, form=JsonPatch(json_patch.operations(body)))
    return _written(request, entry, await write(backend, _call(request, change, raw, conditions)))


def _check_no_query(request: HttpRequest) -> None:
    """Raises `invalid_query` for parameters, which a write to one record does not have."""
    for name, _ in request.query():
        hint = "read the record to project or expand it" if name in ("fields", "expand") else "leave it out"
        raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}: {request.method} takes none; {hint}")


async def _body(
    backend: Backend,
    request: HttpRequest,
    entry: Entry,
    act: Act,
    conditions: Preconditions,
    *,
    is_upsert: bool = False,
) -> tuple[Any, bytes]:
    """The body of a write, which is read only where the rule can let the caller write: of a JSON Patch a list, else an
    object. A deletion has none."""
    limit = backend.settings.max_body_bytes
    try:
        if not is_upsert or is_closed(entry.rules["update"]):
            records.check_admission(entry, act, request.caller, conditions)
    except Refusal:
        await request.discard(limit)
        raise
    if act == "delete":
        return {}, b""
    if act == "patch" and _is_json_patch(request):
        return await request.json_value(limit, max_depth=json_patch.DEPTH)
    body, raw = await packed.read_object(request, limit, may_be_empty=act != "replace")
    return (in_utc(entry, body) if request.is_alias else body), raw


def _is_json_patch(request: HttpRequest) -> bool:
    given = request.headers.get(b"content-type")
    return given is not None and given.partition(b";")[0].strip().lower() == _JSON_PATCH


def upserted(request: HttpRequest, *others: str) -> tuple[Upsert | None, bool]:
    """What the query of a creation asks to be found first, and whether that is replaced. Raises `invalid_query`, also
    for a parameter that is none of an upsert's and of `others`."""
    if request.is_alias or not request.scope.get("query_string"):
        return None, False
    query, known = dict(request.query()), ("upsert", "existing", *others)
    for name in query:
        if name not in known:
            raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}; there are {', '.join(known)}")
    existing = query.get("existing", "patch")
    if existing not in ("patch", "replace") or ("existing" in query and "upsert" not in query):
        raise Refusal("invalid_query", "existing must be patch or replace, beside upsert")
    if "upsert" not in query:
        return None, False
    if b"if-match" in request.headers or b"if-none-match" in request.headers:
        hint = "a PUT or PATCH of the record takes them"
        raise Refusal("invalid_query", f"an upsert takes no If-Match and no If-None-Match; {hint}")
    return Upsert(query["upsert"], parameter="upsert"), existing == "replace"


def _intent(request: HttpRequest) -> Intent:
    """A tutorial's PATCH of a user changes the profile: what signs in changes with the password alone."""
    return "profile" if request.is_alias else "record"


def _call(request: HttpRequest, change: RecordChange, raw: bytes, conditions: Preconditions) -> Call[RecordChange]:
    key = idempotency_key(request)
    digest = fingerprint(request, raw) if key else ""
    return Call(caller=request.caller, input=change, key=key, fingerprint=digest, preconditions=conditions)


def fingerprint(request: HttpRequest, raw: bytes) -> str:
    """A digest of all that makes a request with an idempotency key this request."""
    condition = request.headers.get(b"if-match", b"") + b"\0" + request.headers.get(b"if-none-match", b"")
    parts = (request.method.encode(), request.path.encode(), condition, raw)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _written(request: HttpRequest, entry: Entry, written: Written) -> HttpAnswer:
    headers: Headers = [REPLAYED] if written.is_replayed else []
    if written.status == 204:
        if request.view == "deleted":
            id = entry.parse_id(request.segments["id"])
            return json_answer({"message": "Deleted successfully", "id": id}, headers=headers)
        return HttpAnswer(204, headers, b"")
    tag, is_json = etag(entry, written.revision, written.body), request.headers.get(b"accept") in AS_JSON
    headers += [JSON, tag if is_json else tagged(request, tag), VARY]
    if written.status == 201:
        headers.append((b"location", _location(request, entry, written).encode()))
    answer = HttpAnswer(written.status, headers, written.body)
    return answer if is_json else represented(request, answer, OF_RECORDS)


def _quoted(segment: str) -> str:
    """A segment of a path, percent-encoded (RFC 3986 §2.1)."""
    return segment if _is_unreserved(segment) else quote(segment, safe="~")


def _location(request: HttpRequest, entry: Entry, written: Written) -> str:
    """Where the created record is, relative to the request: a PUT names it itself, a POST the collection. Below another
    record, a tutorial's path names no single record."""
    *_, last, end = request.path.split("/")
    end, id = _quoted(end), _quoted(str(_identify(written.body).id))
    if "child" in request.segments:
        above = [*request.segments.values()][:2] if entry.collection.parent else []
        return "../" * (request.path.count("/") - 1) + "/".join(["v1/records", *map(_quoted, above), entry.name, id])
    if request.method == "PUT":
        return end or f"../{_quoted(last)}"
    return f"{end}/{id}" if end else id
