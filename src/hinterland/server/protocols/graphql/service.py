"""What answers GraphQL's requests, whatever carries them: the schema of the moment, documents, and their execution."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call
from hinterland.server.protocols.graphql.documents import Documents, PlannedDocument
from hinterland.server.protocols.graphql.endpoint import Parameters
from hinterland.server.protocols.graphql.execution import Execution, RequestError, operation_of
from hinterland.server.protocols.graphql.schema import SchemaMaker
from hinterland.server.protocols.graphql.subscriptions import Followed, follow

_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_encode = msgspec.json.Encoder().encode


class GraphQL:
    """GraphQL of one backend."""

    def __init__(self, backend: Backend) -> None:
        settings = backend.settings
        self._backend = backend
        self._version = ""
        self._schema: GraphQLSchema | None = None
        self.documents = Documents(
            tokens=settings.graphql_tokens,
            depth=settings.graphql_depth,
            has_introspection=settings.graphql_introspection,
        )

    @property
    def schema(self) -> GraphQLSchema:
        """The schema of the collections as they are declared now."""
        catalogue = self._backend.catalogue
        if self._schema is None or self._version != catalogue.version:
            maker = SchemaMaker(catalogue, is_subgraph=self._backend.settings.graphql_federation)
            self._schema, self._version = maker.made(), catalogue.version
        return self._schema

    async def respond(self, caller: Principal, address: str, asked: Parameters, *, is_get: bool) -> tuple[int, bytes]:
        """The status and the body of a response."""
        try:
            document, operation = self.read(asked)
            if is_get and operation.operation is not OperationType.QUERY:
                kind = operation.operation.value
                raise Refusal("method_not_allowed", f"send a {kind} with POST", headers=(("Allow", "POST"),))
            if operation.operation is OperationType.SUBSCRIPTION:
                raise RequestError(GraphQLError("a subscription needs a stream: accept text/event-stream"))
            settings = self._backend.settings
            limits = (settings.graphql_aliases, settings.graphql_cost)
            call = Call(caller=caller, input=None, address=address)
            done = await Execution(self._backend, self.schema, document, call, limits).run(operation, asked.variables)
        except RequestError as error:
            return 400, _encode({"errors": [formatted(each, error.code) for each in error.errors]})
        body: dict[str, Any] = {"errors": done.errors} if done.errors else {}
        return 200, _encode({"data": done.data, **body})

    def read(self, asked: Parameters) -> tuple[PlannedDocument, OperationDefinitionNode]:
        """The document of a request, and the operation that it asks for. Raises `RequestError`."""
        document = self._document(asked)
        return document, operation_of(document, asked.operation)

    async def follow(self, asked: Parameters, call: Call[None]) -> Followed:
        """Begin a subscription. Raises `RequestError` and what the feed refuses."""
        document, operation = self.read(asked)
        return await follow(self._backend, self.schema, document, operation, asked.variables, asked.extensions, call)

    def _document(self, asked: Parameters) -> PlannedDocument:
        text, persisted = asked.query, asked.extensions.get("persistedQuery")
        if persisted is not None:
            digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
            if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
                raise RequestError(GraphQLError("persistedQuery must have sha256Hash, 64 hexadecimal digits"))
            if not text:
                known = self.documents.registered(digest.lower())
                if known is None:
                    raise RequestError(GraphQLError("PersistedQueryNotFound"), code="PERSISTED_QUERY_NOT_FOUND")
                text = known
            elif not self.documents.register(digest.lower(), text):
                raise RequestError(GraphQLError("sha256Hash is not the digest of the query"))
        return self.documents.of(self.schema, text)


def formatted(error: GraphQLError, code: str) -> dict[str, Any]:
    """An error of the library as one of a response."""
    made: dict[str, Any] = {"message": error.message}
    if error.locations:
        made["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return {**made, "extensions": {"code": code}}
