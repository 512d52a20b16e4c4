"""Calling operations by name: an app's own, and those of the table."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from math import inf
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from hinterland.client.calls import Calls, Pairs, segment
from hinterland.client.documents import check_empty, decoded
from hinterland.client.exchange import Request, Response
from hinterland.contract.operations import FUNCTIONS, Method, Operation
from hinterland.contract.transfers import Download, body_field
from hinterland.kit.body import Body, OnceBody

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_FILE_NAME = re.compile(r"filename\*=UTF-8''([^;]+)|filename=\"([^\"]*)\"")


class Functions:
    """Calls operations with inputs that are structs or dicts."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def call(
        self,
        name: str,
        input: object,
        *,
        output: Any,
        method: Method,
        deadline: float | None,
        headers: Mapping[str, str],
    ) -> Any:
        """The output of an operation. One that the table does not have is an app's own, at `/v1/functions/{name}`."""
        calls = self._calls
        row = calls.table.get(name)
        if row is None:
            row = Operation(name=name, method=method, path=f"{FUNCTIONS}{quote(name, safe='.')}")
        request = self._request(row, input, headers)
        kind = row.output if output is None else output
        if deadline is not None or kind is Download or request.body is not None:
            request = request.replaced(deadline=inf if deadline is None else calls.until(deadline))
        response = await calls.perform(request.replaced(is_stream=kind is Download))
        return _output(response, kind, name)

    def _request(self, row: Operation, input: object, headers: Mapping[str, str]) -> Request:
        fields = _fields(input)
        segments = {name: segment(name, fields.pop(name)) for name in row.segments}
        bytes_of = next((name for name, value in fields.items() if isinstance(value, Body)), "") or body_field(
            row.input
        )
        body: object = fields.pop(bytes_of, None) if bytes_of else None
        query: Pairs = ()
        if bytes_of or row.has_query_input:
            query = _pairs(fields)
        elif input is not None or row.input is not None:
            body = fields if segments or input is None else input
        return self._calls.foreign(
            row.method, row.path_of(**segments), query=query, body=body, headers=headers, max_depth=row.max_depth
        ).replaced(operation=row.name, has_auth=row.auth != "ignored", is_repeatable=row.is_repeatable)


class ReceivedBody(OnceBody):
    """The body of a response, which holds a connection until it is read to its end or closed."""

    def __init__(self, response: Response) -> None:
        assert response.stream is not None
        length = response.headers.get("content-length", "")
        super().__init__(_until_closed(response), int(length) if length.isdigit() else None)
        self._response = response

    async def close(self) -> None:
        """Let the connection go."""
        await self._response.close()


async def _until_closed(response: Response) -> AsyncGenerator[bytes, None]:
    assert response.stream is not None
    try:
        async for piece in response.stream:
            yield piece
    finally:
        await response.close()


def _fields(input: object) -> dict[str, Any]:
    if input is None:
        return {}
    if isinstance(input, msgspec.Struct):
        names = zip(input.__struct_fields__, input.__struct_encode_fields__, strict=True)
        return {shown: getattr(input, name) for name, shown in names}
    if isinstance(input, Mapping):
        return dict(input)
    raise TypeError(f"the input of an operation must be a msgspec.Struct or a dict, not {type(input).__name__}")


def _pairs(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        values = value if isinstance(value, list | tuple | set | frozenset) else [value]
        pairs += [(name, _text(one)) for one in values if one is not None]
    return pairs


def _text(value: object) -> str:
    plain = msgspec.to_builtins(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _output(response: Response, kind: Any, name: str) -> Any:
    headers = response.headers
    request_id = headers.get("x-request-id", "")
    if kind is Download:
        return _download(response)
    if response.status == 204 or kind is type(None):
        check_empty(response.content, operation=name, request_id=request_id)
        return None
    return decoded(response.content, Any if kind is None else kind, operation=name, request_id=request_id)


def _download(response: Response) -> Download:
    headers = response.headers
    body = ReceivedBody(response)
    span = _RANGE.fullmatch(headers.get("content-range", ""))
    size = int(span[2]) if span and span[2] != "*" else None if span else body.length
    return Download(
        body=body,
        content_type=headers.get("content-type", ""),
        name=_file_name(headers.get("content-disposition", "")),
        tag=headers.get("etag", "").strip('"'),
        start=int(span[1]) if span else 0,
        size=size,
    )


def _file_name(disposition: str) -> str:
    match = _FILE_NAME.search(disposition)
    return "" if match is None else unquote(match[1]) if match[1] else match[2]
