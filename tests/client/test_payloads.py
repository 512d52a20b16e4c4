"""Responses of GraphQL, of whatever server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from hinterland.client.errors import (
    Forbidden,
    GraphQLErrorEntry,
    InvalidResponse,
    ServiceUnavailable,
    StatusError,
    ValidationFailed,
)
from hinterland.client.exchange import Response
from hinterland.client.payloads import GraphQLPayload, check, payload_in, problem_of
from tests.client.graphql.drawn import DATA, ERRORS


@given(ERRORS, DATA)
def test_errors_of_any_form(errors: list[dict[str, Any]], data: dict[str, Any] | None) -> None:
    """Errors of any form are raised as the client's, with all that has the right form, and each is a problem."""
    payload = GraphQLPayload(data=data, errors=errors)
    if not errors:
        return
    with pytest.raises(StatusError) as caught:
        check(payload)
    entries = caught.value.graphql_errors
    assert len(entries) == len(errors)
    assert msgspec.convert(msgspec.to_builtins(entries), tuple[GraphQLErrorEntry, ...]) == entries
    assert caught.value.data == data
    for index in range(len(errors)):
        assert problem_of(payload, index).code


def test_a_code_decides_on_the_class() -> None:
    """An error is raised by its code; its messages by field and its other extensions are there."""
    extensions = {"code": "validation", "errors": {"title": ["is required"]}, "hint": 1}
    body = {"message": "title: is required", "path": ["a", 0], "extensions": extensions, "locations": [{"line": 1}]}
    with pytest.raises(ValidationFailed) as caught:
        check(GraphQLPayload(errors=[body, {"message": "no", "extensions": {"code": "forbidden"}}]))
    first, second = caught.value.graphql_errors
    assert (caught.value.path, caught.value.errors) == (("a", 0), {"title": ["is required"]})
    assert (first.extensions, first.locations) == ({"hint": 1}, ({"line": 1},))
    assert second == GraphQLErrorEntry("no", code="forbidden")
    with pytest.raises(Forbidden):
        check(GraphQLPayload(errors=[{"message": "no", "extensions": {"code": "forbidden"}}]))


def test_what_is_no_response_of_graphql() -> None:
    """The page of a proxy is an error by its status; a body without data and without errors is no response."""
    with pytest.raises(ServiceUnavailable):
        payload_in(Response(status=502, content=b"<html>"))
    with pytest.raises(ServiceUnavailable):
        payload_in(Response(status=503, content=b"{}"))
    with pytest.raises(InvalidResponse):
        payload_in(Response(status=200, content=b"<html>"))
    with pytest.raises(InvalidResponse):
        check(payload_in(Response(status=200, content=b"{}")))
    assert problem_of(GraphQLPayload(), -1).code == "invalid_response"
