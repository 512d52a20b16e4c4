"""The messages of schema changes on a running server."""

from __future__ import annotations

from typing import Any

import msgspec


class SchemaAddition(msgspec.Struct, frozen=True, kw_only=True):
    """Collections to declare, each as a whole, as the description of the schema has them; others stay as they are."""

    collections: list[dict[str, Any]]


class SchemaDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The declared collections, and a `version` that changes whenever one of them does."""

    collections: list[dict[str, Any]]
    version: str
