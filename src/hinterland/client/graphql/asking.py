"""What an app asks, and what it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec

from hinterland.client.answers import refused_here
from hinterland.client.errors import HinterlandError
from hinterland.client.graphql.documents import GraphQLDocument, GraphQLOperation, parsed
from hinterland.client.graphql.normalizing import ResultShape
from hinterland.contract.errors import Refusal
from hinterland.kit import strict_json

T = TypeVar("T")
GraphQLVariables = Mapping[str, Any] | None
Offline = Literal["fail", "queue"]


class GraphQLState(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A live result. `is_stale`: the server is being asked, or could not be (`error`), and `data` is what the cache
    has."""

    data: T
    is_stale: bool = False
    error: HinterlandError | None = None


class GraphQLEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a subscription delivers. `data` is a response's; None at `resync` (the cursor can't be continued: read
    again) and `offline` (the stream dropped and comes back). `cursor` is where to resume behind it."""

    kind: Literal["next", "resync", "offline"]
    data: T | None = None
    cursor: str = ""


class AskedDocument:
    """A document's operation with its variables."""

    def __init__(
        self, document: str, variables: GraphQLVariables, operation: str, possible: Mapping[str, list[str]]
    ) -> None:
        self.given = document
        self.document: GraphQLDocument = parsed(document)
        self.operation: GraphQLOperation = self.document.operation(operation)
        self.variables = dict(variables or {})
        self.shape = ResultShape(self.document, self.operation, self.variables, possible)

    def body(self, *, is_plain: bool = False, **more: Any) -> dict[str, Any]:
        """The request; `is_plain`: with the document as it was given, for no cache."""
        name = {"operationName": self.operation.name} if self.operation.name else {}
        variables = {"variables": self.variables} if self.variables else {}
        return {"query": self.given if is_plain else self.document.text, **name, **variables, **more}


def checked_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables as they come back from JSON. Raises BadRequest for what JSON can't hold."""
    try:
        values: dict[str, Any] = strict_json.checked(msgspec.to_builtins(dict(variables), str_keys=True))
    except (strict_json.StrictJsonError, TypeError) as error:
        raise refused_here(Refusal("invalid_body", f"variables: {error}")) from None
    return values
