"""HAL (draft-kelly-json-hal): records and lists with links, and what comes with a record in `_embedded`.

Addresses are relative to the request (RFC 3986 §4.2), as all are in responses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.relations import Relation
from hinterland.server.http import Headers, HttpAnswer, HttpRequest
from hinterland.server.protocols.rest.media import HAL

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_Linked = dict[str, dict[str, str]]


class HalForm:
    """Gives what a response to `request` holds HAL's form."""

    def __init__(self, backend: Backend, request: HttpRequest, path: tuple[str, ...]) -> None:
        self._catalogue = backend.catalogue
        self._caller = request.caller
        self._up = "../" * (len(path) - 1)

    def record(self, entry: Entry, place: str | None, record: dict[str, Any]) -> dict[str, Any]:
        """A record of the collection at `place` (None: it has a parent that is not known)."""
        id = quote(str(record["id"]), safe="~")
        expanded = record.pop("_expand", {})
        links: _Linked = {}
        if place is not None:
            links["self"] = _link(f"{self._up}{place}/{id}")
            links |= {name: _link(href) for name, href in self._related(entry, f"{place}/{id}", record)}
        made = {"_links": links, **record}
        if expanded:
            relations = self._catalogue.relations.of(entry)
            made["_embedded"] = {
                name: self._embedded(relations[name], None if place is None else f"{place}/{id}", value)
                for name, value in expanded.items()
            }
        return made

    def _related(self, entry: Entry, at: str, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Where related records are: those below, and those whose ids a field holds."""
        for name, relation in self._catalogue.relations.of(entry).items():
            is_known = self._caller.is_admin or self._catalogue.is_used(self._catalogue[relation.collection])
            if not is_known or relation.back:
                continue
            if not relation.by:
                yield name, f"{self._up}{at}/{relation.collection}"
            elif relation.is_one and record.get(relation.by) is not None:
                yield name, f"{self._up}{relation.collection}/{quote(str(record[relation.by]), safe='~')}"

    def _embedded(self, relation: Relation, at: str | None, value: Any) -> Any:
        inner = self._catalogue[relation.collection]
        is_below = not relation.by and not relation.back
        place = inner.name if not is_below else None if at is None else f"{at}/{inner.name}"
        if value is None:
            return None
        if relation.is_one:
            return self.record(inner, place, value)
        if inner.collection.parent and not is_below:
            return [self.record(inner, f"{quote(each['_parent'], safe='~/')}/{place}", each) for each in value["items"]]
        return [self.record(inner, place, each) for each in value["items"]]


def hal_record(
    backend: Backend, request: HttpRequest, entry: Entry, path: tuple[str, ...], answer: HttpAnswer
) -> HttpAnswer:
    """A response with one record, in HAL's form."""
    record = _decode(_body(answer))
    return _in_hal(answer, HalForm(backend, request, path).record(entry, "/".join(path[:-1]), record))


def hal_list(
    backend: Backend, request: HttpRequest, entry: Entry, path: tuple[str, ...], answer: HttpAnswer
) -> HttpAnswer:
    """A response with a list, in HAL's form."""
    page, form = _decode(_body(answer)), HalForm(backend, request, path)
    query = request.scope.get("query_string", b"").decode("latin-1")
    links: _Linked = {"self": _link(f"{quote(path[-1], safe='~')}?{query}" if query else path[-1])}
    for name, value in answer.headers:
        if name == b"link":
            links["next"] = _link(value.decode("latin-1").partition(">")[0].removeprefix("<"))
    items = [form.record(entry, "/".join(path), each) for each in page.pop("items")]
    return _in_hal(answer, {"_links": links, **page, "_embedded": {entry.name: items}})


def _body(answer: HttpAnswer) -> bytes:
    assert type(answer.body) is bytes
    return answer.body


def _in_hal(answer: HttpAnswer, value: dict[str, Any]) -> HttpAnswer:
    headers: Headers = [(name, HAL if name == b"content-type" else value) for name, value in answer.headers]
    return HttpAnswer(answer.status, headers, _encode(value))


def _link(href: str) -> dict[str, str]:
    return {"href": href}
