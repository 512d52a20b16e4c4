"""One collection of the local store as typed records: the network repository's questions and writes, kept here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from hinterland.client.answers import refused_here
from hinterland.client.errors import ClientClosed, HinterlandError, WrongLoop
from hinterland.client.local import pulls, records
from hinterland.client.local.connection import Connection, Scope
from hinterland.client.local.fields import Declared, Guessed
from hinterland.client.local.identity import identified, stored
from hinterland.client.local.order import Order
from hinterland.client.local.outbox import Handle, Outbox
from hinterland.client.local.question import Question, answers, order_of
from hinterland.client.local.status import Bell, Status
from hinterland.client.local.store import Store
from hinterland.client.local.typed import fitting, kept
from hinterland.client.repository import Body, Page, asked
from hinterland.contract import query as queries
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.query import DEFAULT_LIMIT, Query
from hinterland.contract.records import STAMPS, Document, Ids
from hinterland.kit.clock import Clock

T = TypeVar("T")
Documents = list[Document]
_documents = msgspec.json.Decoder(list[dict[str, Any]])


class Parts(Protocol):
    """What a repository uses of the local client."""

    store: Store
    outbox: Outbox
    clock: Clock

    @property
    def scope(self) -> Scope:
        """Whose data is meant."""
        ...

    @property
    def subscription(self) -> str:
        """The collections that are kept in step."""
        ...

    def refusal(self, collection: str) -> HinterlandError | None:
        """Why the server does not give this collection, where it has said so."""
        ...

    @property
    def status(self) -> Status:
        """How synchronisation is doing."""
        ...

    @property
    def status_bell(self) -> Bell:
        """Rings when the status is another."""
        ...

    def bell(self, collection: str) -> Bell:
        """Rings when records of the collection look different."""
        ...


class Written(Handle, Generic[T]):
    """A write as it is kept on this device: the record's `id`, at once, and the `record` as it looks with it (None:
    deleted). `await settled()` gives its fate."""

    def __init__(self, handle: Handle, record: T | None) -> None:
        super().__init__(handle._outbox, handle.mutation, handle.ids)
        [self.id] = handle.ids
        self.record = record

    def __repr__(self) -> str:
        return f"Written(id={self.id!r}, mutation={self.mutation!r})"


class QueryState(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A live query as a screen shows it: `data`, or None while it is `is_loading` for the first time; `is_stale`: the
    server's news does not come in at the moment, for the reason `error` where there is one."""

    data: Sequence[T] | None
    is_loading: bool
    is_stale: bool
    error: HinterlandError | None


class LocalRepository(Generic[T]):
    """The records of one collection below one parent ("" at the top) as `T`, a msgspec.Struct or dict.

    Questions and writes are those of the network's Repository. A write answers at once with a `Written`; it raises
    what can be found here: NotFound, Conflict, and ValidationFailed, by field, where the record would not fit `T` or
    the collection's declaration. A record of the server that does not fit `T` is an InvalidResponse, which names it,
    to every question that it answers.
    """

    def __init__(self, parts: Parts, collection: str, kind: type[T], *, ids: Ids, parent: str) -> None:
        self.collection = collection
        self.parent = parent
        self._parts = parts
        self._kind = kind
        self._ids = ids

    # ------------------------------------------------------------ questions

    async def get(self, record_id: RecordId) -> T:
        """One record. Raises NotFound."""
        scope = self._parts.scope
        return self._typed(await self._parts.store.read(lambda connection: self._seen(connection, scope, record_id)))

    def _seen(self, connection: Connection, scope: Scope, record_id: RecordId) -> Document:
        known = records.real_id(connection, scope, stored(record_id, self._ids))
        document = records.seen(connection, scope, (self.collection, self.parent, known))
        if document is None:
            raise Refusal("not_found", f"there is no {self.collection}/{record_id}")
        return document

    async def list(
        self,
        *,
        page: int = 1,
        limit: int = DEFAULT_LIMIT,
        cursor: str = "",
        filter: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        **equals: Any,
    ) -> Page[T]:
        """A page of the records that the question finds, as from the server; without `sort` the newest come first."""
        query = _checked(page=page, limit=limit, cursor=cursor, filter=filter, sort=sort, total=total, equals=equals)
        scope = self._parts.scope
        found = await self._parts.store.read(lambda connection: self._page(connection, scope, query))
        return Page([self._typed(document) for document in found.items], found.next, found.total)

    def _page(self, connection: Connection, scope: Scope, query: Query) -> Page[Document]:
        question = Question(filter=query.filter, sort=query.sort, equals=query.equals)
        found, order = self._found(connection, scope, question)
        mark = _mark(self.collection, self.parent, question)
        start = order.after(mark, query.cursor, found) if query.cursor else ((query.page or 1) - 1) * query.limit
        items = found[start : start + query.limit]
        following = order.cursor(mark, items[-1]) if start + query.limit < len(found) else None
        return Page(items, following, len(found) if query.total else None)

    async def iterate(
        self, *, filter: str = "", sort: Sequence[str] = (), limit: int = 100, **equals: Any
    ) -> AsyncGenerator[T, None]:
        """All records that the question finds, as they are now."""
        for document in await self._ask(_question(filter, sort, equals, limit=limit)):
            yield self._typed(document)

    async def search(self, text: str, fields: Sequence[str], *, limit: int | None = None) -> Sequence[T]:
        """The records in one of whose `fields` the text occurs, whatever its case, ordered by the first of them; all,
        the newest first, where it is empty."""
        found = await self._ask(Question(search=text, fields=tuple(fields)))
        return [self._typed(document) for document in found[:limit]]

    async def watch(
        self,
        *,
        filter: str = "",
        sort: Sequence[str] = (),
        search: str = "",
        fields: Sequence[str] = (),
        limit: int | None = None,
        **equals: Any,
    ) -> AsyncGenerator[Sequence[T], None]:
        """The records that the question finds: as they are now, and again after each change that alters the answer."""
        question = _question(filter, sort, equals, search, fields)
        last = None
        with self._parts.bell(self.collection).heard() as rung:
            while True:
                rung.clear()
                found = (await self._ask(question))[:limit]
                if found != last:
                    last = found
                    yield [self._typed(document) for document in found]
                await rung.wait()

    async def states(
        self,
        *,
        filter: str = "",
        sort: Sequence[str] = (),
        search: str = "",
        fields: Sequence[str] = (),
        limit: int | None = None,
        **equals: Any,
    ) -> AsyncGenerator[QueryState[T], None]:
        """The same as `watch`, as the state that a screen shows, which also changes with the connection."""
        question = _question(filter, sort, equals, search, fields)
        last = None
        with self._parts.bell(self.collection).heard() as rung, self._parts.status_bell.heard() as changed:
            while True:
                rung.clear()
                changed.clear()
                state = await self._state(question, limit)
                if state != last:
                    last = state
                    yield state
                await _either(rung, changed)

    async def _state(self, question: Question, limit: int | None) -> QueryState[T]:
        status, scope, subscription = self._parts.status, self._parts.scope, self._parts.subscription
        try:
            data = [self._typed(document) for document in (await self._ask(question))[:limit]]
        except (ClientClosed, WrongLoop):
            raise
        except HinterlandError as error:
            return QueryState(data=None, is_loading=False, is_stale=True, error=error)
        at = await self._parts.store.read(partial(pulls.position, scope=scope, subscription=subscription))
        refusal = self._parts.refusal(self.collection)
        is_known = bool(data or (at.is_whole and refusal is None))
        return QueryState(
            data=data if is_known else None,
            is_loading=not is_known and refusal is None,
            is_stale=refusal is not None or status.state not in ("online", "following"),
            error=refusal or status.error,
        )

    async def _ask(self, question: Question) -> Documents:
        scope = self._parts.scope
        found, _ = await self._parts.store.read(lambda connection: self._found(connection, scope, question))
        return found

    def _found(self, connection: Connection, scope: Scope, question: Question) -> tuple[Documents, Order]:
        texts = records.texts(connection, scope, self.collection, self.parent)
        documents = _documents.decode(f"[{','.join(texts)}]")
        shape = scope.shapes.get(self.collection)
        fields = Guessed(self.collection, self._kind, documents) if shape is None else Declared(shape.collection)
        known = {name: records.real_id(connection, scope, value) for name, value in question.equals.items()}
        order = order_of(question, fields)
        return order.ordered(answers(msgspec.structs.replace(question, equals=known), documents, fields)), order

    def _typed(self, document: Document) -> T:
        place = f"{self.parent}/{self.collection}" if self.parent else self.collection
        return kept(document, self._kind, f"{place}/{document.get('id')}")

    # ------------------------------------------------------------ writes

    async def create(self, body: Body, *, replace_on: str = "") -> Written[T]:
        """Create a record; its id is known at once, a temporary one where the server gives the ids.

        `replace_on` names a field: where a record with the same value in it is here already, it is replaced instead.
        """
        document = _body(body)
        if replace_on and (clash := await self._clash(replace_on, document.get(replace_on))) is not None:
            return await self.replace(clash["id"], document)
        return await self._write(Write(**self._at(""), act="create", body=document))

    async def _clash(self, field: str, value: Any) -> Document | None:
        found = await self._ask(Question()) if value is not None else []
        return next((document for document in found if document.get(field) == value), None)

    async def update(self, record_id: RecordId, patch: Body) -> Written[T]:
        """Change the given fields (RFC 7396); a value may be a transform such as `{"$increment": 1}`."""
        return await self._write(Write(**self._at(record_id), act="patch", body=_body(patch)))

    async def replace(self, record_id: RecordId, body: Body) -> Written[T]:
        """Replace all fields."""
        return await self._write(Write(**self._at(record_id), act="replace", body=_body(body)))

    async def delete(self, record_id: RecordId) -> Written[T]:
        """Delete the record."""
        return await self._write(Write(**self._at(record_id), act="delete"))

    def _at(self, record_id: RecordId) -> dict[str, Any]:
        return {"collection": self.collection, "parent": self.parent, "id": record_id}

    async def _write(self, write: Write) -> Written[T]:
        known = identified(write, self._ids, self._parts.clock.now())
        handle, [record] = await self._parts.outbox.add([known], lambda made: fitting(made, self._kind))
        return Written(handle, record)


def _checked(**asking: Any) -> Query:
    """A question as the server would read it. Raises what the server would."""
    try:
        return queries.parse(queries.parameters(asked(**asking)))
    except Refusal as error:
        raise refused_here(error) from None


def _question(
    filter: str,
    sort: Sequence[str],
    equals: Mapping[str, Any],
    search: str = "",
    fields: Sequence[str] = (),
    limit: int = DEFAULT_LIMIT,
) -> Question:
    query = _checked(filter=filter, sort=sort, equals=equals, limit=limit)
    return Question(filter=query.filter, sort=query.sort, equals=query.equals, search=search, fields=tuple(fields))


def _mark(*asked: object) -> str:
    """What tells the cursors of one question from those of others."""
    return hashlib.blake2b(repr(asked).encode(), digest_size=6).hexdigest()


def _body(body: Body) -> Document:
    plain = msgspec.to_builtins(body)
    return {name: value for name, value in plain.items() if name not in STAMPS}


async def _either(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
