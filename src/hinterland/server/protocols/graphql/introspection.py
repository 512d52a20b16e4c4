"""Introspection: what a document asks of the schema itself, which the library answers from the schema alone.

It is worked out beside the event loop, since the whole schema takes as long as thousands of reads; no document may ask
for more than the whole schema twice; and answers are kept, so that the same question costs once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import msgspec
from graphql import DocumentNode, GraphQLError, GraphQLSchema, execute_sync

_encode = msgspec.json.encode
_TIMES = 20  # fields of an answer for each part of the schema: the whole schema has about ten
_LEAST = 2_000
_KEPT_BYTES = 4 * 1024 * 1024
_SchemaQuestion = tuple[str, str, bytes]
_SchemaAnswer = dict[str, msgspec.Raw]


class _TooMuchError(BaseException):
    """Ends an execution at once: the library makes an error of the field of every `Exception`."""


class Introspection:
    """Answers introspection in the thread of `worker`."""

    def __init__(self, worker: Executor) -> None:
        self._worker = worker
        self._schema: GraphQLSchema | None = None
        self._most = 0
        self._kept: OrderedDict[_SchemaQuestion, _SchemaAnswer] = OrderedDict()
        self._bytes = 0

    async def answer(
        self, schema: GraphQLSchema, key: _SchemaQuestion, document: DocumentNode, variables: Mapping[str, Any]
    ) -> _SchemaAnswer:
        """The fields of `document`, which has one operation of introspection, by their names in the response. `key` is
        that of the question. Raises `GraphQLError` where it asks for too much."""
        if schema is not self._schema:
            self._schema, self._bytes, self._most = schema, 0, _TIMES * _size(schema) + _LEAST
            self._kept.clear()
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._worker, _answered, schema, document, dict(variables), self._most)
        if made is None:
            raise GraphQLError("the document asks for the schema several times over; ask for each part once")
        if schema is self._schema and key not in self._kept:
            self._keep(key, made)
        return made

    def _keep(self, key: _SchemaQuestion, made: _SchemaAnswer) -> None:
        self._kept[key] = made
        self._bytes += _length(key, made)
        while self._bytes > _KEPT_BYTES:
            self._bytes -= _length(*self._kept.popitem(last=False))


def _answered(
    schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any], most: int
) -> _SchemaAnswer | None:
    left = most

    def counted(resolve: Any, root: Any, info: Any, **arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooMuchError
        return resolve(root, info, **arguments)

    try:
        result = execute_sync(schema, document, variable_values=variables, middleware=[counted])
    except _TooMuchError:
        return None
    return {name: msgspec.Raw(_encode(value)) for name, value in (result.data or {}).items()}


def _size(schema: GraphQLSchema) -> int:
    """How many types, fields, arguments and values a schema has."""
    size = 0
    for kind in schema.type_map.values():
        fields = getattr(kind, "fields", {})
        arguments = sum([len(getattr(field, "args", ())) for field in fields.values()])
        size += 1 + len(fields) + arguments + len(getattr(kind, "values", ()))
    return size


def _length(key: _SchemaQuestion, made: _SchemaAnswer) -> int:
    return len(key[0]) + len(key[2]) + sum([memoryview(value).nbytes for value in made.values()])
