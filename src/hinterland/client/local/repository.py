"""One collection of the local store as typed records: the network repository's questions and writes, kept here."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from hinterland.client.answers import refused_here
from hinterland.client.errors import ClientClosed, HinterlandError, WrongLoop
from hinterland.client.local import pulls, records, stand_ins
from hinterland.client.local.asking import QuestionRunner, array
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.finding import Findings, find
from hinterland.client.local.identity import identified, stored
from hinterland.client.local.outbox import Handle, Outbox
from hinterland.client.local.queries import Found, Queries, QueryState, Rows, Shared
from hinterland.client.local.question import Question
from hinterland.client.local.signals import STATUS, records_of
from hinterland.client.local.status import Status
from hinterland.client.local.store import Store
from hinterland.client.local.typed import fitting, kept, kept_each
from hinterland.client.local.windows import LiveWindow
from hinterland.client.repository import Iteration, Page, RecordBody, asked, checked_body
from hinterland.contract import query as queries
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.kinds.field import Ids
from hinterland.contract.query import DEFAULT_LIMIT, Query
from hinterland.contract.records import SERVER_FIELDS, Document

T = TypeVar("T")
_NONE = b"[]"


class LocalParts(Protocol):
    """What a repository uses of the local client."""

    store: Store
    outbox: Outbox

    def next_id(self) -> str:
        """An id for a new record."""
        ...

    def ids_of(self, collection: str) -> Ids:
        """Who makes the ids of a collection, as far as that is known now."""
        ...

    @property
    def scope(self) -> Scope:
        """Whose data is meant."""
        ...

    @property
    def subscription(self) -> str:
        """The collections that are synchronised."""
        ...

    def refusal(self, collection: str) -> HinterlandError | None:
        """Why the server does not give this collection, where it has said so."""
        ...

    @property
    def status(self) -> Status:
        """How synchronisation is doing."""
        ...

    @property
    def queries(self) -> Queries:
        """What live queries share."""
        ...


class LocalWrite(Handle, Generic[T]):
    """A write as it is kept on this device: the record's `id`, at once, and the `record` as it looks with it (None:
    deleted). `await settled()` gives its outcome."""

    def __init__(self, handle: Handle, record: T | None) -> None:
        super().__init__(handle._outbox, handle.mutation, handle.ids)
        [self.id] = handle.ids
        self.record = record

    def __repr__(self) -> str:
        return f"LocalWrite(id={self.id!r}, mutation={self.mutation!r})"


class LocalRepository(Generic[T]):
    """The records of one collection below one parent ("" at the top) as `T`, a msgspec.Struct or dict.

    Questions and writes are those of the network's Repository. A write answers at once with a `LocalWrite`; it raises
    what can be found here: NotFound, Conflict, and ValidationFailed, by field, where the record would not fit `T` or
    the collection's declaration. A record of the server that does not fit `T` is an InvalidResponse, which names it, to
    `get`, and beside the others, in `mismatches`, to every other question that finds it.
    """

    def __init__(self, parts: LocalParts, collection: str, kind: type[T], *, parent: str) -> None:
        self.collection = collection
        self.parent = parent
        self._parts = parts
        self._kind = kind
        self._questions = QuestionRunner(parts.store, lambda: parts.scope, collection, parent, kind)

    @property
    def _ids(self) -> Ids:
        return self._parts.ids_of(self.collection)

    # ------------------------------------------------------------ questions

    async def get(self, record_id: RecordId) -> T:
        """One record. Raises NotFound."""
        scope = self._parts.scope
        return self._typed(await self._parts.store.read(lambda connection: self._seen(connection, scope, record_id)))

    def _seen(self, connection: StoreConnection, scope: Scope, record_id: RecordId) -> Document:
        parent = stand_ins.real_parent(connection, scope, self.parent)
        known = stand_ins.real_id(connection, scope, (self.collection, parent, stored(record_id, self._ids)))
        document = records.seen(connection, scope, (self.collection, parent, known))
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
        search: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        **equals: Any,
    ) -> Page[T]:
        """A page of the records that the question finds, as from the server; without `sort` the newest come first, and
        of a `search` for words those that have them early."""
        query = _checked(
            page=page, limit=limit, cursor=cursor, filter=filter, search=search, sort=sort, total=total, equals=equals
        )
        question = _question_of(query)
        found = await self._questions.ask(question, lambda found: self._page(question, query, found))
        rows = self._rows(array(found.items))
        return Page(rows, found.next, found.total, [*rows.mismatches])

    def _page(self, question: Question, query: Query, found: Findings) -> Page[str]:
        mark = _mark(self.collection, self.parent, question)
        if query.cursor:
            items = found.beyond(found.order.place(mark, query.cursor), query.limit + 1)
        else:
            items = found.some(query.limit + 1, skip=((query.page or 1) - 1) * query.limit)
        following = None
        if len(items) > query.limit:
            del items[query.limit :]
            following = found.order.cursor(mark, records.decoded(items[-1]))
        return Page(items, following, found.count() if query.total else None)

    def iterate(
        self, *, filter: str = "", search: str = "", sort: Sequence[str] = (), limit: int = 100, **equals: Any
    ) -> Iteration[T]:
        """All records that the question finds, as they are now."""
        return Iteration(self._whole(partial(_question, filter, sort, equals, search, limit=limit)))

    async def _whole(self, question: Callable[[], Question]) -> AsyncGenerator[Page[T], None]:
        rows = await self._all(question())
        yield Page(rows, mismatches=[*rows.mismatches])

    async def search(self, text: str, fields: Sequence[str], *, limit: int | None = None) -> Rows[T]:
        """The records in one of whose `fields` the text occurs, whatever its case, ordered by the first of them; all,
        the newest first, where it is empty."""
        return await self._all(Question(search=text, fields=tuple(fields)), limit)

    async def _all(self, question: Question, limit: int | None = None) -> Rows[T]:
        return self._rows(array(await self._questions.ask(question, lambda found: found.some(limit))))

    async def watch(
        self,
        *,
        filter: str = "",
        sort: Sequence[str] = (),
        search: str = "",
        fields: Sequence[str] = (),
        limit: int | None = None,
        **equals: Any,
    ) -> AsyncGenerator[Rows[T], None]:
        """The records that the question finds: as they are now, and again after each change that alters the answer.
        `search` is a text that occurs in one of `fields`; without these, words as of `list`."""
        live = self._live(_question(filter, sort, equals, search, fields), limit)
        last = None
        with self._parts.store.signals.watching(records_of(self.collection)) as watcher:
            while True:
                seen = watcher.notifications
                found = (await live.now()).records
                if found != last:
                    last = found
                    yield self._rows(found)
                await watcher.beyond(seen)

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
        live = self._live(_question(filter, sort, equals, search, fields), limit)
        found: Found | None = None
        last: QueryState[T] | None = None
        with self._parts.store.signals.watching(records_of(self.collection), STATUS) as watcher:
            while True:
                seen = watcher.notifications
                before, (found, state) = found, await self._state(live)
                if (found, state) != (before, last):
                    last = state
                    yield state if found is None else self._filled(found, state)
                await watcher.beyond(seen)

    async def _state(self, live: Shared[Found]) -> tuple[Found | None, QueryState[T]]:
        """What is found, and the state without its records."""
        try:
            found = await live.now()
            refusal = self._parts.refusal(self.collection)
            is_known = found.records != _NONE or (refusal is None and (await self._position().now()).is_whole)
        except (ClientClosed, WrongLoop):
            raise
        except HinterlandError as error:
            return None, QueryState(data=None, is_loading=False, is_stale=True, error=error)
        status = self._parts.status
        return found, QueryState(
            data=() if is_known else None,
            is_loading=not is_known and refusal is None,
            is_stale=refusal is not None or status.state not in ("online", "following"),
            error=refusal or status.error,
        )

    def _filled(self, found: Found, state: QueryState[T]) -> QueryState[T]:
        rows = self._rows(found.records)
        data = None if state.data is None else rows
        return msgspec.structs.replace(state, data=data, mismatches=rows.mismatches, refused=found.refused)

    def _live(self, question: Question, limit: int | None) -> Shared[Found]:
        """The answer that all who watch the question here share. Raises WrongLoop."""
        self._parts.store.guard.check()
        window = LiveWindow(limit)
        return self._parts.queries.shared(
            (self.collection, self.parent, self._kind, limit, repr(question)),
            lambda keys: self._questions.ask_again(question, window, keys),
            records_of(self.collection),
        )

    def _position(self) -> Shared[pulls.Position]:
        scope, subscription = self._parts.scope, self._parts.subscription
        read = partial(pulls.position, scope=scope, subscription=subscription)
        return self._parts.queries.shared(
            (scope.space, subscription, self.collection),
            lambda _: self._parts.store.reread(read),
            STATUS,
            records_of(self.collection),
        )

    def _typed(self, document: Document) -> T:
        return kept(document, self._kind, f"{self._place}/{document.get('id')}")

    def _rows(self, documents: bytes) -> Rows[T]:
        return Rows(*kept_each(documents, self._kind, self._place))

    @property
    def _place(self) -> str:
        return f"{self.parent}/{self.collection}" if self.parent else self.collection

    # ------------------------------------------------------------ writes

    async def create(self, body: RecordBody, *, replace_on: str = "") -> LocalWrite[T]:
        """Create a record; its id is known at once, a temporary one where the server gives the ids.

        `replace_on` names a field: where a record with the same value in it is here already, it is replaced instead.
        """
        return await self._write(Write(**self._at(""), act="create", body=_body(body)), replace_on)

    def _replacing(self, connection: StoreConnection, write: Write, field: str) -> Write:
        """The creation `write`, or where a record has its value in `field`, the replacement of that record."""
        value = write.body.get(field) if field else None
        if value is None:
            return write
        place = self._questions.source(connection, self._parts.scope)
        clash = find(connection, place, Question(same={field: value})).some(1)
        return msgspec.structs.replace(write, act="replace", id=records.decoded(clash[0])["id"]) if clash else write

    async def update(self, record_id: RecordId, patch: RecordBody) -> LocalWrite[T]:
        """Change the given fields (RFC 7396); a value may be a transform such as `{"$increment": 1}`."""
        return await self._write(Write(**self._at(record_id), act="patch", body=_body(patch)))

    async def replace(self, record_id: RecordId, body: RecordBody) -> LocalWrite[T]:
        """Replace all fields."""
        return await self._write(Write(**self._at(record_id), act="replace", body=_body(body)))

    async def delete(self, record_id: RecordId) -> LocalWrite[T]:
        """Delete the record."""
        return await self._write(Write(**self._at(record_id), act="delete"))

    def _at(self, record_id: RecordId) -> dict[str, Any]:
        return {"collection": self.collection, "parent": self.parent, "id": record_id}

    async def _write(self, write: Write, replace_on: str = "") -> LocalWrite[T]:
        known = identified(write, self._ids, self._parts.next_id)
        if replace_on and (value := known.body.get(replace_on)) is not None:  # what finds it may have to be made first
            await self._questions.ask(Question(same={replace_on: value}), lambda found: None)
        handle, [record] = await self._parts.outbox.add(
            lambda connection: [self._replacing(connection, known, replace_on)],
            lambda made: fitting(made, self._kind),
        )
        return LocalWrite(handle, record)


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
    words = "" if fields else search
    query = _checked(filter=filter, search=words, sort=sort, equals=equals, limit=limit)
    question = _question_of(query)
    return msgspec.structs.replace(question, search=search, fields=tuple(fields)) if fields else question


def _question_of(query: Query) -> Question:
    return Question(filter=query.filter, sort=query.sort, equals=query.equals, words=query.search.strip())


def _mark(*asked: object) -> str:
    """What tells the cursors of one question from those of others."""
    return hashlib.blake2b(repr(asked).encode(), digest_size=6).hexdigest()


def _body(body: RecordBody) -> Document:
    plain = msgspec.to_builtins(checked_body(body))
    return {name: value for name, value in plain.items() if name not in SERVER_FIELDS}
