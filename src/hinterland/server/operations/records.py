"""Records: list, create, view, replace, patch, delete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.aggregation import AggregatePage, Aggregation
from hinterland.contract.changes import Act, Write, checked
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.matching import wanted
from hinterland.contract.query import MAX_LIMIT, Query
from hinterland.contract.records import META, Document
from hinterland.kit.cel.conditions import Condition
from hinterland.server.backend import Backend
from hinterland.server.data.admission import admit
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.once_by_key import OnceByKey
from hinterland.server.data.projection import WHOLE, Projection
from hinterland.server.data.reader import RecordJson, RecordPage
from hinterland.server.data.requests import Answer, Intent, Upsert, WriteForm, WriteRequest, WriteResult
from hinterland.server.operations.call import UNCONDITIONAL, Call, Preconditions
from hinterland.server.storage.protocol import StoredRecord

ADMINISTRATOR = Principal(id="admin/app", is_admin=True)
"""An app's own code, where it acts for nobody: `each_record` and `write_records` take it in the place of a call."""
_OF_APPS = frozenset({"invalid_query", "too_costly", "unknown_collection"})


class Listing(NamedTuple):
    """The records of a collection, those below `parent`, that `query` and the conditions `more` ask for, without the
    first `skipped` where no page and no cursor says where it begins; `projection`: what is wanted of them, and with
    `has_cursors` the cursor behind each. `is_backward`: the last ones, those before the cursor."""

    entry: Entry
    parent: str
    query: Query
    more: tuple[Condition, ...] = ()
    skipped: int | None = None
    projection: Projection | None = None
    has_cursors: bool = False
    is_backward: bool = False


class Aggregating(NamedTuple):
    """Values of groups of the records of a collection, those below `parent`, that `asked` and the conditions `more` ask
    for."""

    entry: Entry
    parent: str
    asked: Aggregation
    more: tuple[Condition, ...] = ()


class RecordAddresses(NamedTuple):
    """The records of a collection, below `parent`, that have these `ids`; `projection`: what is wanted of them."""

    entry: Entry
    parent: str
    ids: Sequence[RecordId]
    projection: Projection


class RecordAddress(NamedTuple):
    """The record of a collection, below `parent`, that has the id `text`; `projection`: what is wanted of it."""

    entry: Entry
    parent: str
    text: str
    projection: Projection | None = None


class RecordChange(NamedTuple):
    """A write of one record: `text` is its id in the path, `id` that of a creation ("": the server gives one).
    `intent` "profile": what is written to a user's record does not change how the user signs in. `form`: what it is
    beyond its act; an upsert "replaces" the record that it finds, or patches it."""

    entry: Entry
    parent: str
    body: Document
    text: str = ""
    id: RecordId = ""
    intent: Intent = "record"
    form: WriteForm | None = None
    replaces: bool = False


class Written(NamedTuple):
    """The outcome of a write: `status` 201 (created), 200 (changed) or 204 (deleted), and the record as JSON."""

    status: int
    body: bytes
    revision: int
    is_replayed: bool


async def list_records(backend: Backend, call: Call[Listing]) -> RecordPage:
    """A page of the records that the caller can see."""
    entry, parent, query, more, skipped, projection, has_cursors, is_backward = call.input
    if projection is None and entry.is_mixed and not call.caller.is_admin:
        projection = WHOLE  # where a page of stored texts ends would tell how long a hidden one is
    parts = (call.caller, entry, parent, query, call.asker, more, skipped, projection)
    return await backend.reader.page(*parts, has_cursors=has_cursors, is_backward=is_backward)


async def list_array(backend: Backend, call: Call[Listing]) -> str:
    """The records that the caller can see as one JSON array of the objects that the members of a projection make of
    them; the query has no cursor."""
    entry, parent, query, more, skipped, projection, _, _ = call.input
    assert projection is not None
    return await backend.reader.array(call.caller, entry, parent, query, call.asker, more, skipped or 0, projection)


async def aggregate_records(backend: Backend, call: Call[Aggregating]) -> AggregatePage:
    """Values of groups of the records that the caller can see."""
    return await backend.reader.aggregate(call.caller, *call.input, call.asker)


async def view_record(backend: Backend, call: Call[RecordAddress]) -> StoredRecord:
    """One record as it is stored; where rules of fields ask other collections, `view_text` knows what is shown of it.
    Raises `not_found`, also for one that the caller can't see."""
    entry, parent, text, _ = call.input
    record = await backend.reader.view(call.caller, entry, parent, entry.parse_id(text))
    if call.preconditions is not UNCONDITIONAL:
        call.preconditions.check(f"{entry.name}/{record.id}", record.revision)
    return record


async def view_text(backend: Backend, call: Call[RecordAddress]) -> RecordJson:
    """One record with what its projection wants of it. Raises `not_found`, also for one that the caller can't see."""
    entry, parent, text, projection = call.input
    wanted = projection or WHOLE
    record = await backend.reader.view_text(call.caller, entry, parent, entry.parse_id(text), wanted, call.asker)
    call.preconditions.check(f"{entry.name}/{record.id}", record.revision)
    return record


async def view_texts(backend: Backend, call: Call[RecordAddresses]) -> dict[RecordId, RecordJson]:
    """Those of several records that the caller may see, by their ids, with what their projection wants of them."""
    return await backend.reader.view_texts(call.caller, *call.input, call.asker)


def check_admission(entry: Entry, act: Act, caller: Principal, conditions: Preconditions) -> None:
    """Raises `unauthorized` where the rule refuses every such write of the caller: the body need not be read then."""
    is_creation = act == "create" or (act == "replace" and conditions.exists is False)
    admit(entry, "create" if is_creation else "delete" if act == "delete" else "update", caller)


async def create_record(backend: Backend, call: Call[RecordChange]) -> Written:
    """Create a record; an upsert writes to the one that it finds."""
    change = call.input
    if type(change.id) not in (str, int):
        raise Refusal("validation", "id must be text or a number", errors={"id": ["must be text or a number"]})
    if isinstance(change.form, Upsert):
        return await _write(backend, call, _write_of(change, "replace" if change.replaces else "patch", change.id), 200)
    return await _write(backend, call, _write_of(change, "create", change.id), 201)


async def replace_record(backend: Backend, call: Call[RecordChange]) -> Written:
    """Replace a record's fields as a whole; where it must not exist, create it under this id."""
    if call.preconditions.exists is False:
        return await _change(backend, call, "create", 201)
    return await _change(backend, call, "replace", 200)


async def patch_record(backend: Backend, call: Call[RecordChange]) -> Written:
    """Change some fields of a record (RFC 7396), or what the operations of its form name (RFC 6902)."""
    return await _change(backend, call, "patch", 200)


async def delete_record(backend: Backend, call: Call[RecordChange]) -> Written:
    """Delete a record."""
    return await _change(backend, call, "delete", 204)


async def each_record(
    backend: Backend,
    call: Call[Any] | Principal,
    path: str,
    *,
    filter: str = "",
    where: Mapping[str, Any] | None = None,
    sort: str | Sequence[str] = (),
) -> AsyncGenerator[dict[str, Any], None]:
    """Every record of the collection at `path` ("orders", "posts/42/comments") that the caller of an operation, or
    `ADMINISTRATOR`, can see, for the code of apps. `filter` is CEL, `where` are values that fields must have (None: no
    value), `sort` fields in order.

    Raises ValueError for what no caller's value makes wrong: a path that is no collection's, a filter, names of fields,
    a question that is too costly. Raises `invalid_query` for a value in `where` that the field can't have."""
    by = Call(call, None) if isinstance(call, Principal) else call
    segments, place = path.split("/"), f"each_record of {path!r}"
    with _mistakes_of_apps(place):
        backend.catalogue.named(segments[0], is_admin=True)  # what follows may have a caller's id in it
    entry, parent, id = backend.catalogue.locate(segments)
    if id:
        raise ValueError(f"{path} is the path of a record; give that of a collection")
    names = [name for name in sort.split(",") if name] if isinstance(sort, str) else sort
    equals = dict(where or {})
    _check_values(entry, equals)
    query = Query(limit=MAX_LIMIT, filter=filter, equals=equals, sort=tuple(names))
    instant = backend.reader.instant()
    while True:
        with _mistakes_of_apps(place):
            page = await backend.reader.page(by.caller, entry, parent, query, by.asker, instant=instant)
        for record in page.records:
            yield entry.seen(by.caller, record)
        for text in page.texts or ():
            yield entry.completed(msgspec.json.decode(text), frozenset(entry.private))
        if not page.next:
            return
        query = msgspec.structs.replace(query, cursor=page.next)


async def write_records(backend: Backend, call: Call[Any] | Principal, writes: Sequence[Write]) -> list[RecordId]:
    """Write records as the caller of an operation, or as `ADMINISTRATOR`, all of them or none, for the code of apps: by
    the rules, and through the hooks. Returns their ids, in order. Raises the refusal of the first write that is not
    possible, and ValueError for an unknown collection."""
    caller = call if isinstance(call, Principal) else call.caller
    all_checked = [*map(checked, writes)]
    with _mistakes_of_apps("write_records"):
        for name in {write.collection for write in all_checked}:
            backend.catalogue.named(name, is_admin=True)
    result = await backend.commands.submit(WriteRequest(all_checked, caller))
    return [written.id for written in result.records]


@contextmanager
def _mistakes_of_apps(what: str) -> Iterator[None]:
    """Refusals that only the app's code can cause become its errors, so that its callers are not blamed and the log has
    them."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code not in _OF_APPS:
            raise
        raise ValueError(f"{what}: {refusal.message}") from refusal


def _check_values(entry: Entry, equals: Mapping[str, Any]) -> None:
    """Raises `invalid_query` for a value that its field can't have; such values come from callers."""
    for name, value in equals.items():
        field = entry.collection.fields.get(name)
        if name in META or (field is not None and field.is_sortable and value is not None):
            wanted(entry.collection, name, value)


async def _change(backend: Backend, call: Call[RecordChange], act: Act, status: int) -> Written:
    change, conditions = call.input, call.preconditions
    id = change.entry.parse_id(change.text)
    write = _write_of(change, act, id)
    if conditions is not UNCONDITIONAL:
        if conditions.other_than:
            await _check_known(backend, call, id)
        revision = await _expected_revision(backend, change, conditions, id)
        write = msgspec.structs.replace(write, revision=revision, exists=conditions.exists)
    return await _write(backend, call, write, status)


def _write_of(change: RecordChange, act: Act, id: RecordId) -> Write:
    return Write(act=act, collection=change.entry.name, parent=change.parent, id=id, body=change.body)


async def _check_known(backend: Backend, call: Call[RecordChange], id: RecordId) -> None:
    """Raises `stale` where the record has an excluded revision. What it is not now, it will not be again."""
    entry, parent, *_ = call.input
    try:
        record = await backend.reader.view(call.caller, entry, parent, id)
    except Refusal as refusal:
        if refusal.code not in ("not_found", "forbidden", "unauthorized"):
            raise
        return  # the write itself answers for a record that does not exist, or is hidden
    Preconditions(other_than=call.preconditions.other_than).check(f"{entry.name}/{record.id}", record.revision)


async def _expected_revision(
    backend: Backend, change: RecordChange, conditions: Preconditions, id: RecordId
) -> int | None:
    """The revision that the record must have; -1, which no record has, where it can have none of those asked for.

    Of several it is the record's, where that is among them: the writer finds out whether it is still the same, and what
    the caller may know.
    """
    expected = conditions.revisions
    if expected is None:
        return None
    if len(expected) > 1:
        record = await backend.storage.record(change.entry.name, change.parent, id)
        expected &= {record.revision} if record is not None else frozenset[int]()
    return next(iter(expected), -1)


async def _write(backend: Backend, call: Call[RecordChange], write: Write, status: int) -> Written:
    answer = _answerer(call, status)
    once = OnceByKey.of(call.caller, call.key, call.fingerprint, answer, call.part_key) if call.key else None
    wanted = WriteRequest((write,), call.caller, once=once, intent=call.input.intent, shows_records=True)
    if call.input.form is not None:
        wanted = wanted._replace(forms={0: call.input.form})
    outcome = await backend.commands.submit(wanted)
    stored = outcome.answer if outcome.answer is not None else answer(outcome)
    return Written(stored.status, stored.body, outcome.revision, outcome.replayed)


def _answerer(call: Call[RecordChange], status: int) -> Callable[[WriteResult], Answer]:
    entry, caller = call.input.entry, call.caller
    is_upsert = isinstance(call.input.form, Upsert)

    def answer(outcome: WriteResult) -> Answer:
        _, _, _, before, record, asked = outcome.records[0]
        done = 201 if is_upsert and before is None else status
        return Answer(done, entry.wire(caller, record, asked).encode() if record is not None else b"")

    return answer
