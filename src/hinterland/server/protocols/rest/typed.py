"""The codec of operations whose input and output the table names: JSON, queries, forms and bodies of bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_origin

import msgspec

from hinterland.contract.accounts import FORM_BYTES, Form
from hinterland.contract.errors import Refusal
from hinterland.contract.operations import Operation
from hinterland.contract.transfers import Download, body_field
from hinterland.server.backend import Backend
from hinterland.server.callers import caller_address
from hinterland.server.http import LIMIT, REVALIDATED, BodyPart, HttpAnswer, HttpRequest, json_answer
from hinterland.server.idempotency import REPLAYED, idempotency_key
from hinterland.server.operations.call import Call, Handler, Reply
from hinterland.server.operations.unfitting import unfitting
from hinterland.server.protocols.rest import packed
from hinterland.server.protocols.rest.downloads import download_answer
from hinterland.server.protocols.rest.tags import etag_of, is_known
from hinterland.server.protocols.rest.tutorial_forms import account_form

_BY_CALLER = (b"vary", b"Authorization")
_LISTS = frozenset({list, tuple, set, frozenset})


class TypedCodec:
    """One operation over HTTP."""

    def __init__(self, row: Operation, handler: Handler) -> None:
        self.row = row
        self.handler = handler
        self._input = InputReader(row) if isinstance(row.input, type) else None

    async def __call__(self, backend: Backend, request: HttpRequest) -> HttpAnswer:
        """Carry out one request."""
        limiter = request.scope.get(LIMIT)
        given = None if self._input is None else await self._input.read(backend, request)
        key = idempotency_key(request) if self.row.is_idempotent_by_key else ""
        output = await self.handler(
            backend,
            Call(
                caller=request.caller,
                input=given,
                key=key,
                deadline=None if limiter is None else limiter.due,
                address=caller_address(backend, request),
                user_agent=request.header(b"user-agent"),
            ),
        )
        reply = output if type(output) is Reply else Reply(output)
        if type(reply.output) is Download:
            return await _downloaded(request, reply.output)
        return self._answer(request, reply)

    def _answer(self, request: HttpRequest, reply: Reply) -> HttpAnswer:
        headers = [REPLAYED] if reply.is_replayed else []
        if reply.place:
            headers.append((b"location", _relative(request.path, reply.place)))
        if self.row.status == 204:
            return HttpAnswer(204, headers, b"")
        if reply.tag:
            headers += [etag_of(reply.tag), _BY_CALLER]
            if is_known(request, reply.tag):
                return HttpAnswer(304, [*headers, REVALIDATED], b"")
            return json_answer(reply.output, self.row.status, headers, REVALIDATED)
        if reply.max_age:
            cached = (b"cache-control", b"max-age=%d" % reply.max_age)
            return json_answer(reply.output, self.row.status, headers, cached)
        return json_answer(reply.output, self.row.status, headers)


class InputReader:
    """Reads the input of one operation: a form's fields, else a struct of the row's type."""

    def __init__(self, row: Operation) -> None:
        assert isinstance(row.input, type)
        self._kind: type[Any] = row.input
        self._row = row
        self._is_form = issubclass(row.input, Form)
        self._body = body_field(row.input)
        self._is_query = row.has_query_input
        fields = msgspec.structs.fields(row.input)
        self._types = {field.encode_name: field.type for field in fields}
        self._can_be_empty = not any(field.required for field in fields)
        self._segments = row.segments

    async def read(self, backend: Backend, request: HttpRequest) -> Any:
        """The input. Raises `invalid_body` and `invalid_query`, which name each field that does not fit by its place,
        such as `mutations[3].writes[0].act`."""
        row, limit = self._row, self._row.max_bytes or backend.settings.max_body_bytes
        setting = "" if row.max_bytes else "max_body_bytes"
        if self._is_form and request.is_alias:
            return await account_form(backend, request, row)
        if self._is_form:
            return (await request.json_object(FORM_BYTES, may_be_empty=True, setting=""))[0]
        if self._is_query:
            given = self._queried(request)
            if self._body:
                given[self._body] = request.arriving(limit, setting)
            return self._converted(given | self._placed(request), "invalid_query", is_strict=False)
        if row.takes_packed:
            given, _ = await packed.read_object(request, limit, max_depth=row.max_depth)
        else:
            given, _ = await request.json_object(
                limit, may_be_empty=self._can_be_empty, setting=setting, max_depth=row.max_depth
            )
        placed = self._placed(request)
        for name in placed.keys() & given.keys():
            if given[name] != placed[name] and self._kind.__struct_config__.forbid_unknown_fields:
                problem = "differs from the path"
                raise Refusal("invalid_body", f"{name}: {problem}; leave it out", errors={name: [problem]})
        return self._converted(given | placed, "invalid_body", is_strict=True)

    def _queried(self, request: HttpRequest) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, value in request.query():
            if name not in self._types or name == self._body:
                allowed = ", ".join(name for name in self._types if name != self._body) or "none"
                raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}; allowed: {allowed}")
            if _is_list(self._types[name]):
                given.setdefault(name, []).append(value)
            elif name in given:
                raise Refusal("invalid_query", f"the parameter {name} appears twice; send it once")
            else:
                given[name] = value
        return given

    def _placed(self, request: HttpRequest) -> dict[str, Any]:
        """The fields that are segments of the path."""
        placed: dict[str, Any] = {}
        for name in self._segments:
            text = request.segments[name].replace("\0", "/")  # which was encoded
            try:
                placed[name] = msgspec.convert(text, self._types[name], strict=False)
            except msgspec.ValidationError as error:
                raise unfitting(error, "invalid_query", self._types[name], name) from None
        return placed

    def _converted(self, given: Mapping[str, Any], code: str, *, is_strict: bool) -> Any:
        try:
            return msgspec.convert(given, self._kind, strict=is_strict)
        except msgspec.ValidationError as error:
            raise unfitting(error, code, self._kind) from None


async def _downloaded(request: HttpRequest, download: Download) -> HttpAnswer:
    """The response of a download. Its body is closed where nothing of it will be sent."""
    is_sent = False
    try:
        answer = download_answer(request, download)
        is_sent = type(answer.body) is BodyPart
        return answer
    finally:
        if not is_sent:
            await download.body.close()


def _is_list(kind: Any) -> bool:
    origin = get_origin(kind)
    return (get_origin(kind.__origin__) if hasattr(kind, "__metadata__") else origin) in _LISTS


def _relative(path: str, place: str) -> bytes:
    """`place`, a path below the root of this server, relative to the request's path: so it stays below the prefix of a
    proxy, which the server does not know."""
    return ("../" * (path.count("/") - 1) + place.lstrip("/")).encode()
