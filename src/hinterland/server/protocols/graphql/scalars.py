"""The scalars of the schema, and the names that GraphQL can have."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLScalarType, GraphQLString

from hinterland.kit import strict_json
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, INT, INT64, STRING, TIMESTAMP, Type

DATE_TIME = GraphQLScalarType(
    "DateTime",
    description="An instant: RFC 3339 in UTC",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
)
JSON = GraphQLScalarType("JSON", description="Any JSON value", coerce_input_value=strict_json.checked)
INTEGER = GraphQLScalarType("Integer", description="A whole number within ±(2^53−1)")
BIG_INT = GraphQLScalarType("BigInt", description="An integer of 64 bits, as a text")
BYTES_TEXT = GraphQLScalarType("Bytes", description="Bytes in base64")
SCALARS: dict[Type, Any] = {
    STRING: GraphQLString, INT: INTEGER, INT64: BIG_INT, DOUBLE: GraphQLFloat, BOOL: GraphQLBoolean,
    TIMESTAMP: DATE_TIME, BYTES: BYTES_TEXT,
}  # fmt: skip
