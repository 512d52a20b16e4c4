"""What answers GraphQL's requests, whatever carries them: the schema of the moment, documents, and their execution."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec
from graphql import FieldNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.background_worker import BackgroundWorker
from hinterland.kit.fair_turns import FairTurns, TooManyWaiting
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call
from hinterland.server.protocols.graphql.documents import Documents, PlannedDocument
from hinterland.server.protocols.graphql.endpoint import Parameters
from hinterland.server.protocols.graphql.errors import RequestError, errors_of
from hinterland.server.protocols.graphql.execution import Executed, Execution, operation_of, values_of
from hinterland.server.protocols.graphql.introspection import Introspection
from hinterland.server.protocols.graphql.schema import schema_of
from hinterland.server.protocols.graphql.subscriptions import Followed, follow
from hinterland.server.protocols.graphql.trusted import SHA256, TrustedDocuments, digest_of
from hinterland.server.security.sessions import key_owner

_LONG = 512  # characters of a document, whose validation may take long
_MANY_VALUES = 1_000  # of variables, which take as long
_WAITING = 16  # new documents and large variables of one asker
_SIGN_IN = frozenset({"signUp", "logIn", "refresh", "__typename"})
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_NO_INTROSPECTION = (
    "introspection is turned off; print the schema with `hinterland graphql schema`, or set graphql_introspection to "
    "true"
)
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_sorted = msgspec.json.Encoder(order="deterministic").encode


class GraphQLOutcome(NamedTuple):
    """What a request led to: the status and the body of its response. `is_replayed`: an earlier request with its
    idempotency key did all of it; `is_subscription`: it asks for a subscription, which has no such response."""

    status: int
    body: bytes
    is_replayed: bool = False
    is_subscription: bool = False


class GraphQL:
    """GraphQL of one backend."""

    def __init__(self, backend: Backend, trusted: TrustedDocuments | None = None) -> None:
        settings = backend.settings
        self._backend = backend
        self._trusted = trusted
        self._version = ""
        self._schema: GraphQLSchema | None = None
        self._running: set[tuple[str, str]] = set()  # the idempotency keys of requests, with whose they are
        self.documents = Documents(tokens=settings.graphql_tokens, depth=settings.graphql_depth)
        # One thread: what a flood of such documents asks for waits for its turn, and the event loop for none of it.
        self._worker = BackgroundWorker("graphql")
        self._turns = FairTurns(1, 1, _WAITING)
        self._introspection = Introspection(self._worker)

    @property
    def schema(self) -> GraphQLSchema:
        """The schema of the collections as they are declared now."""
        catalogue = self._backend.catalogue
        if self._schema is None or self._version != catalogue.version:
            app, is_subgraph = self._backend.app, self._backend.settings.graphql_federation
            self._schema = schema_of(catalogue, app.own_operations, is_subgraph=is_subgraph)
            self._version = catalogue.version
        return self._schema

    async def respond(self, caller: Principal, address: str, asked: Parameters, *, is_get: bool) -> GraphQLOutcome:
        """The response to a request. Raises refusals of the request as a whole."""
        try:
            call = Call(caller=caller, input=None, address=address)
            document, operation = await self.read(asked, call.asker)
            if operation.operation is OperationType.SUBSCRIPTION:
                message = "a subscription needs a stream; send Accept: text/event-stream, or use a WebSocket"
                errors = errors_of(RequestError(GraphQLError(message)))
                return GraphQLOutcome(400, _encode({"errors": errors}), is_subscription=True)
            if is_get and operation.operation is not OperationType.QUERY:
                raise Refusal("method_not_allowed", "send a mutation with POST", headers=(("Allow", "POST"),))
            if asked.key and operation.operation is OperationType.MUTATION:
                keyed = replace(call, key=asked.key, fingerprint=_fingerprint(document, operation, asked))
                done = await self._execute_once(keyed, document, operation, asked)
            else:
                done = await self._execute(call, document, operation, asked)
        except RequestError as error:
            return GraphQLOutcome(400, _encode({"errors": errors_of(error)}))
        body: dict[str, Any] = {"errors": done.errors} if done.errors else {}
        return GraphQLOutcome(200, _encode({"data": done.data, **body}), done.is_replayed)

    async def _execute(
        self, call: Call[None], document: PlannedDocument, operation: OperationDefinitionNode, asked: Parameters
    ) -> Executed:
        settings = self._backend.settings
        limits = (settings.graphql_root_fields, settings.graphql_cost)
        schema = self.schema
        read = partial(values_of, schema, operation, asked.variables, sees_schema=asked.sees_schema)
        values = await self._in_turn(read, call.asker) if has_over(asked.variables, _MANY_VALUES) else read()
        execution = Execution(self._backend, schema, document, call, limits, self._introspection)
        return await execution.run(operation, asked.variables, values)

    async def _execute_once(
        self, call: Call[None], document: PlannedDocument, operation: OperationDefinitionNode, asked: Parameters
    ) -> Executed:
        """Carry out a mutation whose `call` has an idempotency key. Raises `in_progress`, and `key_reused`."""
        name = (key_owner(call.caller.id, is_admin=call.caller.is_admin), call.key)
        if name in self._running:
            message = "a request with this idempotency key is still running; retry shortly"
            raise Refusal("in_progress", message, retry_after=1)
        self._running.add(name)
        try:
            return await self._execute(call, document, operation, asked)
        finally:
            self._running.discard(name)

    def only_reads(self, asked: Parameters) -> bool:
        """Whether what a request asks for was asked before and is a query of records, which runs no code of the app."""
        try:
            document = self.documents.known(self.schema, self._text(asked))
            operation = None if document is None else operation_of(document, asked.operation)
        except RequestError:
            return False
        return document is not None and operation is not None and document.fixed.only_reads(self.schema, operation)

    async def read(self, asked: Parameters, asker: str) -> tuple[PlannedDocument, OperationDefinitionNode]:
        """The document of a request, and the operation that it asks for. Raises `RequestError`, and `rate_limited`
        where many new ones of the asker wait already."""
        text, document = self._text(asked), None
        while document is None:
            schema = self.schema
            document = self.documents.known(schema, text)
            if document is None:
                made = partial(self.documents.made, schema, text, sees_schema=asked.sees_schema)
                document = await self._in_turn(made, asker) if len(text) > _LONG else made()
                self.documents.keep(schema, document)
                document = document if schema is self.schema else None  # which may be another one meanwhile
        if document.introspection is not None and not asked.sees_schema:
            raise RequestError(GraphQLError(_NO_INTROSPECTION, document.introspection))
        return document, operation_of(document, asked.operation)

    async def only_signs_in(self, asked: Parameters, asker: str) -> bool:
        """Whether a request signs up, logs in or renews a session, and does nothing else."""
        try:
            _, operation = await self.read(asked, asker)
        except RequestError:
            return False
        chosen = operation.selection_set.selections
        names = {each.name.value if isinstance(each, FieldNode) else "" for each in chosen}
        return operation.operation is OperationType.MUTATION and names <= _SIGN_IN

    async def follow(self, asked: Parameters, call: Call[None]) -> Followed:
        """Begin a subscription. Raises `RequestError` and what the feed refuses."""
        document, operation = await self.read(asked, call.asker)
        if has_over(asked.variables, _MANY_VALUES):
            raise Refusal("too_costly", f"the variables of a subscription have at most {_MANY_VALUES:,} values")
        return await follow(self._backend, self.schema, document, operation, asked, call)

    async def _in_turn(self, made: Callable[[], T], asker: str) -> T:
        """Read a document or variables beside the event loop; who asks for many waits for itself, and delays no
        others."""
        try:
            async with self._turns.of(asker):
                return await asyncio.get_running_loop().run_in_executor(self._worker, made)
        except TooManyWaiting:
            message = f"{_WAITING} new documents and large variables wait to be read; send documents again, and retry"
            raise Refusal("rate_limited", message, retry_after=1) from None

    def _text(self, asked: Parameters) -> str:
        text, digest = asked.query, _digest(asked)
        if self._trusted is not None:
            return _trusted_text(self._trusted, asked, digest)
        if digest and text and not self.documents.register(digest, text):
            raise RequestError(GraphQLError("sha256Hash is not the digest of the query"))
        if text:
            return text
        known = self.documents.registered(digest or asked.document_id.removeprefix(SHA256).lower())
        if known is None:
            named = f"there is no document {asked.document_id[:100]!r}; send its text as query"
            raise _not_found("PersistedQueryNotFound" if digest else named)
        return known


def has_over(value: Any, most: int) -> bool:
    """Whether a value of JSON holds over `most` others."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return count > most


def _fingerprint(document: PlannedDocument, operation: OperationDefinitionNode, asked: Parameters) -> str:
    """A digest of what a request asks for, whichever way it names its document."""
    name = operation.name.value if operation.name else ""
    parts = (b"graphql", document.text.encode("utf-8", "surrogatepass"), name.encode(), _sorted(asked.variables))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _digest(asked: Parameters) -> str:
    """The SHA-256 of a document by which a request names it; "" where it does not."""
    persisted = asked.extensions.get("persistedQuery")
    if persisted is None:
        return ""
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise RequestError(GraphQLError("persistedQuery must have sha256Hash, 64 hexadecimal digits"))
    return digest.lower()


def _trusted_text(trusted: TrustedDocuments, asked: Parameters, digest: str) -> str:
    """The document of a request, which is one of the list, whatever names it."""
    if asked.query:
        text, named = trusted.by_digest(digest_of(asked.query)), "this document"
    elif asked.document_id:
        text, named = trusted.by_id(asked.document_id), f"the document {asked.document_id[:100]!r}"
    else:
        text, named = trusted.by_digest(digest), f"a document with the digest {digest}"
    if text is None:
        advice = "add it to graphql_trusted_documents"
        message = f"{named} is not in the list of this server, which carries out no others; {advice}"
        raise _not_found(message)
    return text


def _not_found(message: str) -> RequestError:
    return RequestError(GraphQLError(message), code="PERSISTED_QUERY_NOT_FOUND")
