"""The codecs of records on tutorials' paths that differ from the canonical ones: lists in their many forms, and
collections below a record."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.matching import wanted
from hinterland.kit.cel.conditions import eq
from hinterland.server.backend import Backend
from hinterland.server.callers import caller_address
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.reader import RecordPage
from hinterland.server.http import JSON, Codec, Headers, HttpAnswer, HttpRequest, caching
from hinterland.server.operations import records
from hinterland.server.operations.call import Call
from hinterland.server.operations.records import Listing
from hinterland.server.protocols.rest.expansions import parse_projection
from hinterland.server.protocols.rest.records import asked_again, create_in, items, next_link, path_of, view_record
from hinterland.server.protocols.rest.tutorial import in_utc
from hinterland.server.protocols.rest.tutorial_queries import (
    MOST,
    Paging,
    TutorialQuery,
    parse_tutorial_query,
    refuse_includes,
)

_PLURALS = ((re.compile("ies$"), "y"), (re.compile("s$"), ""), (re.compile("es$"), ""), (re.compile("$"), ""))


class TutorialPlace(NamedTuple):
    """The collection that a path names, the parent's path, and the fields that the path gives each record."""

    entry: Entry
    parent: str
    fixed: dict[str, Any]


async def list_array(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """A list in the form that its parameters ask for."""
    place = _located(backend, request)
    asked = parse_tutorial_query(place.entry, request.caller, request.query(MOST))
    equals = in_utc(place.entry, asked.query.equals)
    asked = asked._replace(query=msgspec.structs.replace(asked.query, equals=equals))
    page = await _page(backend, request, place, asked)
    paging, last = asked.paging, _pages(asked.paging, page)
    if paging.form == "pages" and paging.page > last:  # as json-server 1 does
        paging = paging._replace(page=last, skipped=(last - 1) * paging.limit)
        page = await _page(backend, request, place, asked._replace(paging=paging))
    headers = [JSON, caching(request), (b"x-total-count", b"%d" % (page.total or 0))]
    headers += _headers(request, place.entry, page, paging)
    return HttpAnswer(200, headers, _body(paging, page, items(request, place.entry, page)).encode())


async def create_below(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Create a record, below another one where the path says so."""
    return await create_in(backend, request, *_located(backend, request))


async def view_one(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """One record."""
    refuse_includes(backend.catalogue[request.segments["collection"]], request.query())
    return await view_record(backend, request)


TUTORIAL_RECORDS: dict[str, Codec] = {
    "records.list": list_array, "records.create": create_below, "records.view": view_one,
}  # fmt: skip


async def _page(backend: Backend, request: HttpRequest, place: TutorialPlace, asked: TutorialQuery) -> RecordPage:
    entry, parent, fixed = place
    given = [eq(name, value, entry.book.kinds[name]) for name, value in fixed.items()]
    where, projection = (*given, *asked.more), parse_projection(asked.query)
    listing = Listing(entry, parent, asked.query, where, asked.paging.skipped, projection)
    call = Call(caller=request.caller, input=listing, address=caller_address(backend, request))
    return await records.list_records(backend, call)


def _pages(paging: Paging, page: RecordPage) -> int:
    """How many pages there are, at least one."""
    return max(1, -(-(page.total or 0) // paging.limit))


def _body(paging: Paging, page: RecordPage, data: str) -> str:
    if paging.form == "data":
        return f'{{"data":{data},"page":{paging.page},"limit":{paging.limit},"total":{page.total}}}'
    if paging.form != "pages":
        return data
    number, last = paging.page, _pages(paging, page)
    before, after = number - 1 if number > 1 else "null", number + 1 if number < last else "null"
    counts = f'"first":1,"prev":{before},"next":{after},"last":{last},"pages":{last},"items":{page.total}'
    return f'{{{counts},"data":{data}}}'


def _headers(request: HttpRequest, entry: Entry, page: RecordPage, paging: Paging) -> Headers:
    if paging.form in ("array", "data"):
        return next_link(request, page.next)
    if paging.form == "range":
        first, count = paging.skipped or 0, page.size
        part = f"{first}-{first + count - 1}" if count else "*"
        return [(b"content-range", f"{entry.name} {part}/{page.total}".encode())]
    return [_page_links(request, paging, _pages(paging, page))] if paging.form == "links" else []


def _page_links(request: HttpRequest, paging: Paging, last: int) -> tuple[bytes, bytes]:
    """The Link header of a counted page, relative to the request as all links are."""
    query, number = asked_again(request, (b"_page",)), paging.page
    places = {"first": 1, "prev": min(number - 1, last), "next": number + 1 if number < last else 0, "last": last}
    start = query + b"&" if query else b""
    links = [b'<?%s_page=%d>; rel="%s"' % (start, at, name.encode()) for name, at in places.items() if at > 0]
    return b"link", b", ".join(links)


def _located(backend: Backend, request: HttpRequest) -> TutorialPlace:
    """What a tutorial's path names. Raises `not_found` where the collections are not related."""
    names = path_of(request)
    entry = backend.catalogue[names[-1]]
    if len(names) == 1 or entry.collection.parent:
        return TutorialPlace(*backend.catalogue.locate(names)[:2], {})
    above, text, _ = names
    id = backend.catalogue[above].parse_id(text)
    references = _references(above)
    field = next((name for name in references if name in entry.collection.fields), "")
    if not field:
        message = f"{entry.name} has no field {' or '.join(references[:2])} that names one of {above}"
        raise Refusal("not_found", f"{message}; list /{entry.name} with a filter")
    return TutorialPlace(entry, "", {field: wanted(entry.collection, field, str(id))})


def _references(collection: str) -> list[str]:
    """The names of fields that refer to a record of the collection, by its name in the singular, the likeliest first:
    `post_id`, `postId`."""
    singulars = dict.fromkeys([end.sub(with_, collection) for end, with_ in _PLURALS if end.search(collection)])
    return [f"{singular}{suffix}" for singular in singulars for suffix in ("_id", "Id")]
