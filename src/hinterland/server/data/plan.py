"""What a request will do, decided against the state that it will be written to.

`Plan` checks preconditions, merges, validates and asks the rules; it changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from hinterland.contract import changes
from hinterland.contract.changes import Write, WriteKind
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId, is_temporary
from hinterland.contract.records import Document
from hinterland.contract.sync import FUTURE_SECONDS, Lost
from hinterland.contract.temporary import Place, StandIns
from hinterland.server.data import access, documents, write_forms
from hinterland.server.data.asks import RuleChecker
from hinterland.server.data.cascades import Cascade, RequestRecords
from hinterland.server.data.catalogue import Catalogue, Entry, Referring
from hinterland.server.data.device_edits import DeviceEdits, is_repeated
from hinterland.server.data.given_ids import fields_of
from hinterland.server.data.plan_records import PlanRecords
from hinterland.server.data.prefetching import CHUNK, prefetch
from hinterland.server.data.references import References
from hinterland.server.data.refused_writes import RefusedWrites, undo
from hinterland.server.data.request_ids import RequestIds
from hinterland.server.data.requests import (
    ABSENT,
    OUTDATED,
    CallerLeft,
    HookedWrite,
    HooksOutdated,
    JsonPatch,
    Times,
    Upsert,
    WriteForm,
    WriteRequest,
    WrittenRecord,
)
from hinterland.server.data.staged_records import RequestStaged
from hinterland.server.data.state import UNWRITTEN, Deferred, HeldValue, RecordKey, RecordsByKey, State, key_of
from hinterland.server.data.uniqueness import UniqueValues
from hinterland.server.data.weights import Weights
from hinterland.server.security.sessions import Actor
from hinterland.server.storage.protocol import Change, StoredRecord
from hinterland.server.storage.reading import pause
from hinterland.server.storage.system import RowAct

_UNHOOKED = HookedWrite()
_LARGE = 64 * 1024  # bytes of records, which take about a millisecond


class Plan:
    """One request's changes so far, seen by its own later writes."""

    def __init__(
        self,
        request: WriteRequest,
        state: State,
        catalogue: Catalogue,
        now: float,
        instant: str,
        max_record_bytes: int,
        is_given_up: Callable[[], bool],
    ) -> None:
        self.request = request
        self._is_given_up = is_given_up
        self.state = state
        self.catalogue = catalogue
        self.instant = instant
        self.timestamp = min(request.timestamp if request.timestamp is not None else now, now + FUTURE_SECONDS)
        self.origin = request.origin
        self.actor = str(request.caller.id)
        self._hooked = _UNHOOKED  # what hooks did of the write at hand
        self._form: WriteForm | None = None  # of the write at hand
        self._skips_rules = request.caller.is_admin or request.rights.skips_rules
        self._sets_all_fields = request.caller.is_admin or request.rights.sets_all_fields
        self.refused = RefusedWrites(request.on_refusal)
        self.changes: list[Change] = []
        self.acts: list[RowAct] = []
        self.written: list[WrittenRecord] = []
        known = request.once.stand_ins() if request.once is not None else StandIns()
        self._given = StandIns(is_batch=True) if request.is_batch else known
        self._ids = RequestIds(request, state, self._given, now)
        self._weights = Weights(max_record_bytes)
        self.found = 0  # the last revision of the records that were there already as they are asked for
        self._unique: UniqueValues | None = None
        self._references: References | None = None
        self._staged = RequestStaged(catalogue.asked, state.staged)
        skips = request.rights.skips_rules
        self._rules = RuleChecker(
            state.transaction, request.caller, instant, self._staged, locks=True, skips_rules=skips
        )
        self._naming = RuleChecker(state.transaction, request.caller, instant, self._staged, locks=True)
        self._records = PlanRecords(request, state, self._staged, self._rules, instant)
        self._edits = DeviceEdits(state, request.origin, self.timestamp, self._rules)
        self._created: dict[str, list[RecordKey]] = {}

    @property
    def ids(self) -> Mapping[int, RecordId]:
        """The ids that the server gave to creations, by position."""
        return self._ids.given

    @property
    def lost(self) -> Sequence[Lost]:
        """The edits of the device that were not kept."""
        return self._edits.lost

    @property
    def size(self) -> int:
        """How much of records the request keeps in memory, in bytes."""
        return self._weights.size

    @property
    def holders(self) -> Mapping[HeldValue, Sequence[RecordKey]]:
        """The records that the request gave a value of a unique field, or a reference; some may have another again."""
        found = [each.holders for each in (self._unique, self._references) if each is not None]
        return found[0] if len(found) == 1 else dict(item for held in found for item in held.items())

    @property
    def records(self) -> RecordsByKey:
        """The records that the request writes, as they will be."""
        return self._records.mine

    async def run(self) -> Plan:
        """Decide every write of the request. Raises the refusal that ends it, and `CallerLeft`."""
        count, rested = len(self.request.writes), 0
        for index, write in enumerate(self.request.writes):
            if count > 1 and index % CHUNK == 0:
                chunk = self.request.writes[index : index + CHUNK]
                await prefetch(self.catalogue, chunk, self._records, self._unique_values(), self._referring())
            base = self.request.base[index] if index < len(self.request.base) else None
            times = self.request.times[index] if index < len(self.request.times) else None
            known = self._given.write(write, fields_of(self.catalogue, write)) if self._given else write
            try:
                await self._decide_or_undo(known, index, base, times)
            except Refusal as refusal:
                self.refused.add(index, refusal)
            if count > 1:
                is_due = self._weights.size - rested > _LARGE
                rested = self._weights.size if is_due else rested
                await (asyncio.sleep(0) if is_due else pause(index, count))
                if self._is_given_up():
                    raise CallerLeft
        self.refused.finish()
        if self.request.shows_records and not self.request.caller.is_admin:
            self.written = await self._records.shown(self.catalogue, self.written, self._is_given_up)
        return self

    async def _decide_or_undo(self, write: Write, index: int, base: int | None, times: Times | None) -> None:
        done = len(self.changes), len(self.acts), len(self.written)
        is_upsert = isinstance(self.request.forms.get(index), Upsert)
        for is_last in (not is_upsert, True):
            try:
                await self._decide(write, index, base, times)
                break
            except Refusal as refusal:
                undone = self.changes[done[0] :]
                undo(undone, self._records.mine, self._created)
                self._staged.restore(map(key_of, undone), self._records.mine)
                del self.changes[done[0] :], self.acts[done[1] :], self.written[done[2] :]
                if is_last or refusal.code != "conflict":
                    raise
                # Another process may have created what was not there when the upsert looked for it.

    async def _decide(self, write: Write, index: int, base: int | None, times: Times | None) -> None:
        hooked = self._hooked = self.request.hooked.get(index, _UNHOOKED)
        if hooked.seen == OUTDATED:
            raise HooksOutdated
        if hooked.refusal is not None:
            raise hooked.refusal
        entry = self.catalogue[write.collection]
        self.catalogue.check_parent(entry, write.parent)
        self._form = self.request.forms.get(index)
        if isinstance(self._form, Upsert):
            write = await self._upserted(entry, write, self._form)
        changes.check_place(write)
        id = await self._ids.of(entry, write, index)
        key = (entry.name, write.parent, id)
        if write.act == "create":
            is_new = index in self._ids.given  # no record has an id that was just made
            before = None if is_new else await self._records.read(key)
            await self._create(entry, write, key, before, times or Times())
            return
        before = await self._records.visible(entry, key)  # preconditions must not tell of another either
        if hooked.seen is not None and hooked.seen != (ABSENT if before is None else before.revision):
            raise HooksOutdated
        access.check_preconditions(write, before)
        if before is None:
            raise Refusal("not_found", f"there is no {entry.name}/{id}")
        if write.act == "delete":
            base = None if key in self._records.mine else base
            await self._delete(entry, key, before, await self._edits.is_outdated(entry, key, before, base))
        else:
            await self._change(entry, write, key, before, base)

    async def _upserted(self, entry: Entry, write: Write, form: Upsert) -> Write:
        """What an upsert is: the same write of the record that it finds, or a creation."""
        having, view = self._unique_values().having, partial(self._records.visible, entry)
        found = await write_forms.resolved(entry, write, form, having, view, self._records.hidden_of)
        if found.act == "create" and self._hooked.seen not in (None, ABSENT):
            raise HooksOutdated
        if found.act != "create" and is_temporary(write.id):
            self._given.add(Place(entry.name, write.parent, str(write.id)), found.id)
        return found

    # ------------------------------------------------------------ the four acts

    async def _create(
        self, entry: Entry, write: Write, key: RecordKey, before: StoredRecord | None, times: Times
    ) -> None:
        if write.parent:
            await self._check_parent(entry, write.parent)
        body = self._settable(entry, write, {}, frozenset())
        caller = self.request.caller
        document = entry.shape.new(body, None if caller.is_admin else caller.id)
        created = times.created or self.instant
        after = documents.stored(entry.private, key, document, created, times.updated or created)
        await self._rules.check(entry, "create", after, document)
        if before is not None and await self._is_repeated(entry, key, body, before, after):
            self.found = max(self.found, before.revision)
            self.written.append(WrittenRecord(entry.name, key[2], key[1], before, before))
            return
        # The revision of a record that the caller can't see is not theirs to compare with.
        is_seen = before is not None and await self._rules.allows(entry, "view", before)
        access.check_preconditions(write, before if is_seen else None)
        if before is not None:
            raise Refusal("conflict", f"{entry.name}/{key[2]} already exists")
        if entry.links:
            await self._check_references(entry, key, {}, document)
        self._edits.note_creation(key)
        await self._stage(entry, key, None, after, document)

    async def _is_repeated(
        self, entry: Entry, key: RecordKey, body: Document, before: StoredRecord, after: StoredRecord
    ) -> bool:
        """Whether a device creates what is there already; a record is created once in a request, however equal."""
        if key in self._records.mine or not self.origin or not await self._rules.allows(entry, "view", before):
            return False
        hidden = await self._records.hidden_of(entry, before)
        return is_repeated(before, after, hidden, body.keys() - self._hooked.fields)

    async def _check_parent(self, entry: Entry, parent: str) -> None:
        above, grandparent, id = self.catalogue.locate(parent.split("/"))
        record = await self._records.read((above.name, grandparent, above.parse_id(id)))
        if record is None or not await self._rules.allows(above, "view", record):
            raise Refusal("not_found", f"there is no {parent} to hold a record of {entry.name}")

    async def _change(self, entry: Entry, write: Write, key: RecordKey, before: StoredRecord, base: int | None) -> None:
        """Replace or patch. The rule is asked before anything is said about the result: until then an answer depends on
        the body, and on what the caller can read."""
        old = self._records.document_of(before)
        is_whole = self._form is not None and not isinstance(self._form, Upsert)
        if isinstance(self._form, JsonPatch):
            unread = await self._records.hidden_of(entry, before, old)
            body = write_forms.patched_values(entry, before, unread, self._form, old)
            write = replace(write, body=body)
            changes.check_place(write)
        hidden = await self._hidden(entry, before, old, write)
        asked = self._settable(entry, write, old, hidden)
        if write.act == "patch" and is_whole:
            document, errors = entry.shape.try_set(old, asked)
        elif write.act == "patch":
            body = changes.resolve(entry.shape, old, asked, self.instant)
            plain = {name: body[name] for name in body if name not in hidden and not changes.is_transform(asked[name])}
            met = await self._edits.merged(entry, key, before, old, plain, base)
            if met is not plain:
                body = {name: value for name, value in body.items() if name not in plain} | met
            document, errors = entry.shape.try_patch(old, body, hidden - self._hooked.fields)
        else:
            unseen = hidden if self._sets_all_fields else entry.shape.admin_only | hidden
            document, errors = entry.shape.try_replace(old, asked, unseen)
        after = documents.stored(entry.private, key, document, before.created, self.instant)
        await self._rules.check(entry, "update", after, document, documents.with_meta(before, old))
        if errors:
            raise entry.shape.refusal(errors)
        if entry.links:
            await self._check_references(entry, key, old, document)
        if base:
            self._edits.note(key, old, document, asked if write.act == "patch" else document)
        await self._stage(entry, key, before, after, document, had=old)

    async def _check_references(self, entry: Entry, key: RecordKey, old: Document, document: Document) -> None:
        await self._referring().check(entry, key, old, document, self._hooked.fields)

    async def _hidden(self, entry: Entry, record: StoredRecord, document: Document, write: Write) -> frozenset[str]:
        """The fields of the record that are hidden from the caller, as far as they matter to `write`."""
        if write.act == "patch" and entry.private.keys().isdisjoint(write.body):
            return frozenset()
        return await self._records.hidden_of(entry, record, document)

    def _settable(self, entry: Entry, write: Write, old: Document, hidden: frozenset[str]) -> Document:
        return write.body if self._sets_all_fields else access.settable(entry, write, old, hidden, self._hooked)

    async def _delete(self, entry: Entry, key: RecordKey, before: StoredRecord, is_outdated: bool) -> None:
        await self._rules.check(entry, "delete", before, None)
        if is_outdated and before.revision == UNWRITTEN:
            raise Deferred  # its answer names the current revision
        if is_outdated:
            self._edits.lost.append(Lost("", None, before.revision))
            self.written.append(WrittenRecord(entry.name, key[2], key[1], before, before))
            return
        if entry.children or entry.referring:
            await self._delete_dependent(entry, key)
        await self._stage(entry, key, before, None, {})

    async def _delete_dependent(self, entry: Entry, key: RecordKey) -> None:
        """Delete or change what depends on a record that goes. Raises `conflict`."""
        weigh = partial(self._weights.add_dependent, path=f"{key[1]}/{entry.name}/{key[2]}".lstrip("/"))
        found = Cascade(
            self.catalogue, self.state, RequestRecords(self._records.mine, self._created, self.holders, weigh)
        )
        await found.find(key, self._can_name)
        for other, before, document in found.changed():
            holder = self.catalogue[other[0]]
            after = documents.stored(holder.private, other, document, before.created, self.instant)
            await self._stage(holder, other, before, after, document, is_cascade=True)
        for level in found.deleted():
            for index, (other, before) in enumerate(level.items()):
                await self._stage(self.catalogue[other[0]], other, before, None, {}, is_cascade=True)
                await pause(index, len(level))

    async def _can_name(self, field: Referring, record: StoredRecord) -> bool:
        """Whether the caller may know that the record refers to another by this field: also where their own account is
        deleted, by rights that they don't have themselves."""
        entry = self.catalogue[field.collection]
        is_hidden = field.field in entry.private and field.field in await self._naming.hidden_of(entry, record)
        return not is_hidden and await self._naming.allows(entry, "view", record)

    # ------------------------------------------------------------ staging

    async def _stage(
        self,
        entry: Entry,
        key: RecordKey,
        before: StoredRecord | None,
        after: StoredRecord | None,
        document: Document,
        *,
        had: Document | None = None,
        is_cascade: bool = False,
    ) -> None:
        if not is_cascade:
            self._weights.add(before, after)
        if before is None:
            self._created.setdefault(entry.name, []).append(key)
        if after is not None and entry.unique:
            await self._unique_values().check(entry, key, had or {}, document)
        kind: WriteKind = "delete" if after is None else "create" if before is None else "update"
        columns = entry.table.columns(document) if after is not None else ()
        change = Change(entry.name, kind, before, after, columns, self.timestamp, self.origin, self.actor)
        self.changes.append(change)
        self._records.keep(key, after, document)
        self._staged.add(key, after, is_new=before is None)
        if entry.name in self.state.transaction_hooks:
            # Where a row clashes with another one the database refuses it, in the order of the writes: an earlier one
            # may have given the value up.
            by = _actor(self.request, key[2], is_system=self._skips_rules)
            old, new = before and documents.document_of(before), None if after is None else document
            self.acts += self.state.transaction_hooks[entry.name](key[2], old, new, by)
        if not is_cascade:
            self.written.append(WrittenRecord(entry.name, key[2], key[1], before, after))

    def _referring(self) -> References:
        if self._references is None:
            self._references = References(self.catalogue, self.request.caller, self._records)
        return self._references

    def _unique_values(self) -> UniqueValues:
        if self._unique is None:
            self._unique = UniqueValues(self.state, self.catalogue, self._records.read)
        return self._unique


def _actor(request: WriteRequest, id: RecordId, *, is_system: bool) -> Actor:
    """Who changes the system rows that change with a record."""
    is_owner = request.caller.id == id and request.intent != "profile"
    return "system" if is_system else "owner" if is_owner else "other"
