"""Errors of GraphQL's responses (GraphQL §7.1.7), with our codes as extensions."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from hinterland.contract.errors import Refusal
from hinterland.server.protocols.graphql.chosen import Chosen


class RequestError(Exception):
    """The document can't be carried out at all; `errors` say why."""

    def __init__(self, *errors: GraphQLError, code: str = "invalid_query") -> None:
        self.errors = errors
        self.code = code
        super().__init__(str(errors[0]))


def error_of(refusal: Refusal, path: list[str | int] | None = None, chosen: Chosen | None = None) -> dict[str, Any]:
    """A refusal as an error of a response."""
    extensions: dict[str, Any] = {"code": refusal.code}
    if refusal.errors:
        extensions["errors"] = refusal.errors
    if refusal.retry_after is not None:
        extensions["retry_after"] = refusal.retry_after
    if refusal.details:
        extensions["details"] = refusal.details
    error: dict[str, Any] = {"message": refusal.message}
    if chosen is not None and (place := chosen.nodes[0].loc) is not None:
        line, column = place.source.get_location(place.start)
        error["locations"] = [{"line": line, "column": column}]
    if path is not None:
        error["path"] = path
    return {**error, "extensions": extensions}


def errors_of(error: Refusal | RequestError) -> list[dict[str, Any]]:
    """The errors of a response that has nothing else."""
    if isinstance(error, Refusal):
        return [error_of(error)]
    return [_formatted(each, error.code) for each in error.errors]


def _formatted(error: GraphQLError, code: str) -> dict[str, Any]:
    """An error of the library as one of a response."""
    made: dict[str, Any] = {"message": error.message}
    if error.locations:
        made["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return {**made, "extensions": {"code": code}}
