"""What a server reports of itself."""

from __future__ import annotations

from typing import Any

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process is alive."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The `database`, "sqlite" or "postgres", answers; `revision` is that of the last change."""

    status: str = "ready"
    database: str
    revision: int


class GraphQLRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request of GraphQL over HTTP (§5.1): a document or the id of one, the operation of it by name, and its
    variables."""

    query: str = ""
    documentId: str | None = None  # noqa: N815
    operationName: str | None = None  # noqa: N815
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class GraphQLResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Its response: `data` by the keys of the document, and what went wrong, each with our `code` in `extensions`."""

    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] = []
