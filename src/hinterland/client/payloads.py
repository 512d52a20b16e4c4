"""Responses of GraphQL: their data, or their errors as the client's exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from hinterland.client.answers import class_of, error_in
from hinterland.client.documents import decoded
from hinterland.client.errors import GraphQLErrorEntry, InvalidResponse, StatusError
from hinterland.client.exchange import Response
from hinterland.contract.errors import CODES, Problem
from hinterland.kit import validation_mismatch

T = TypeVar("T")
OPERATION = "graphql"
GRAPHQL_ACCEPT = "application/graphql-response+json, application/json;q=0.9"


class GraphQLPayload(msgspec.Struct, frozen=True):
    """A response, as far as the client reads it."""

    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] = []
    extensions: dict[str, Any] = {}

    @property
    def typed_errors(self) -> tuple[GraphQLErrorEntry, ...]:
        """The errors with their types."""
        return tuple(map(_entry, self.errors))

    @property
    def cursor(self) -> str:
        """Where a subscription continues behind this response; "": the server does not report it."""
        cursor = self.extensions.get("cursor")
        return cursor if isinstance(cursor, str) else ""


class DocumentResponse(msgspec.Struct, frozen=True):
    """A response with its HTTP `status`. `is_in_doubt`: an earlier attempt may have been carried out all the same;
    `retry_after`: the seconds that the server asks to wait."""

    status: int
    payload: GraphQLPayload
    is_in_doubt: bool = False
    retry_after: float | None = None


def payload_in(response: Response) -> GraphQLPayload:
    """What a response has, whatever its status. Raises the error of one that is not GraphQL's."""
    try:
        payload = decoded(response.content, GraphQLPayload, operation=OPERATION)
    except InvalidResponse:
        if response.is_error:
            raise error_in(response, operation=OPERATION) from None
        raise
    if response.is_error and not payload.errors:
        raise error_in(response, operation=OPERATION)
    return payload


def check(payload: GraphQLPayload, request_id: str = "") -> dict[str, Any]:
    """The data of a response. Raises the first of its errors, by its code; it has its `path` in the result, the `data`
    that came in spite of it, and all errors, in `graphql_errors`."""
    if payload.errors:
        raise error_of_payload(payload, request_id)
    if payload.data is None:
        raise InvalidResponse(found="neither data nor errors", operation=OPERATION, request_id=request_id)
    return payload.data


def problem_of(payload: GraphQLPayload, index: int) -> Problem:
    """One error of a response as a problem; -1: there is none, though the response has no data either."""
    if index < 0:
        message = "the server's response has neither data nor errors"
        return Problem(title="Invalid response", status=0, code=InvalidResponse.code, message=message)
    error = error_of_payload(payload, index=index)
    details = {"path": list(error.path)} if error.path else {}
    return Problem(
        title=CODES[error.code].title if error.code in CODES else error.message,
        status=error.status,
        code=error.code,
        message=error.message,
        errors=error.errors,
        details=details,
    )


def error_of_payload(payload: GraphQLPayload, request_id: str = "", index: int = 0) -> StatusError:
    """The error of a response that has some: the first, or the one at `index`."""
    entries = payload.typed_errors
    first = entries[index] if entries else GraphQLErrorEntry("")
    code = first.code or "invalid_request"
    status = CODES[code].status if code in CODES else 400
    error = class_of(code, status)(
        first.message,
        status=status,
        code=code,
        errors=first.errors,
        details={"errors": payload.errors},
        is_from_server=True,
        request_id=request_id,
        operation=OPERATION,
    )
    error.path, error.data, error.graphql_errors = first.path, payload.data, entries
    return error


def _entry(error: Mapping[str, Any]) -> GraphQLErrorEntry:
    """An error, as far as it has the form that the specification gives it (§7.1.2)."""
    extensions, places = error.get("extensions"), error.get("locations")
    known: dict[str, Any] = extensions if isinstance(extensions, dict) else {}
    code, fields = known.get("code"), known.get("errors")
    return GraphQLErrorEntry(
        str(error.get("message", "")),
        path_of(error),
        code if isinstance(code, str) else "",
        _messages(fields) if isinstance(fields, dict) else {},
        {name: value for name, value in known.items() if name not in ("code", "errors")},
        tuple(place for place in places if _is_place(place)) if isinstance(places, list) else (),
    )


def path_of(error: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Where in the result an error is: names and positions; () for no field's, or what is no path."""
    path = error.get("path")
    is_path = isinstance(path, list) and all(type(part) in (str, int) for part in path)
    return tuple(path) if path and is_path else ()


def _is_place(place: Any) -> bool:
    return isinstance(place, dict) and all(type(value) is int for value in place.values())


def _messages(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        str(name): [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]
        for name, texts in fields.items()
    }


def converted(data: Any, kind: type[T] | None) -> T:
    """Data as a `kind`; None: as it is. Raises InvalidResponse."""
    if kind is None:
        return data  # type: ignore[no-any-return]
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        _, path, _, found = validation_mismatch.read(error)
        raise InvalidResponse(path=f"$.data{path[1:]}", found=found, detail=str(error), operation=OPERATION) from None
