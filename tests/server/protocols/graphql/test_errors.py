from __future__ import annotations

from graphql import GraphQLError, GraphQLSyntaxError, parse

from hinterland.contract.errors import Refusal, invalid
from hinterland.server.protocols.graphql.errors import RequestError, error_of, errors_of


def test_refusals() -> None:
    """A refusal has its code, its errors by field and when to retry as extensions, and the path of its field."""
    assert errors_of(invalid({"title": ["is required"]}))[0]["extensions"] == {
        "code": "validation", "errors": {"title": ["is required"]},
    }  # fmt: skip
    error = error_of(Refusal("rate_limited", "too many", retry_after=2), ["a", 0])
    assert error == {"message": "too many", "path": ["a", 0], "extensions": {"code": "rate_limited", "retry_after": 2}}


def test_documents_that_are_wrong() -> None:
    """Each error of a document comes with its place and the request's code."""
    try:
        parse("{\n  a(")
    except GraphQLSyntaxError as found:
        first, second = errors_of(RequestError(found, GraphQLError("second"), code="too_costly"))
    assert first["locations"] == [{"line": 2, "column": 5}]
    assert second == {"message": "second", "extensions": {"code": "too_costly"}}
