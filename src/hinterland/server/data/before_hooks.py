"""Before-hooks on their way through a request: what each sees, and what the request becomes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from functools import partial

from msgspec import to_builtins
from msgspec.structs import replace

from hinterland.contract import changes
from hinterland.contract.changes import Write, WriteKind, key_of
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import is_temporary
from hinterland.contract.records import Document
from hinterland.contract.temporary import Place, StandIns, candidates
from hinterland.contract.values import instant, is_same
from hinterland.kit import strict_json
from hinterland.kit.cel.conditions import eq
from hinterland.kit.clock import Clock
from hinterland.kit.time_limit import within
from hinterland.server.data import documents
from hinterland.server.data.asks import RuleChecker
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.given_ids import GivenIds, fields_of
from hinterland.server.data.refused_writes import placed
from hinterland.server.data.requests import (
    ABSENT,
    OUTDATED,
    HookedWrite,
    JsonPatch,
    Upsert,
    WholeValues,
    WriteRequest,
)
from hinterland.server.data.select.question import Select
from hinterland.server.data.state import UNWRITTEN, RecordKey
from hinterland.server.data.write_forms import patched_values, resolved
from hinterland.server.hooks import BeforeHook, BeforeWrite, Hooks, name_of
from hinterland.server.storage.protocol import Storage, StoredRecord

log = logging.getLogger("hinterland.hooks")
_Written = dict[RecordKey, StoredRecord | None]
"""The records that a request writes more than once, as its next write finds them."""


class BeforeHooks:
    """The before-hooks of an app. Each may take `seconds`."""

    def __init__(self, hooks: Hooks, storage: Storage, catalogue: Catalogue, clock: Clock, seconds: float) -> None:
        self._hooks = hooks.before
        self._collections = hooks.collections
        self._storage = storage
        self._catalogue = catalogue
        self._clock = clock
        self._seconds = seconds
        self.backend: object = None  # which hooks are given; it is made over this

    @property
    def has_any(self) -> bool:
        """Whether the app has some."""
        return bool(self._hooks)

    def of(self, write: Write) -> Sequence[BeforeHook]:
        """The hooks that run before a write, in order."""
        return self._hooks.get((write.collection, _kind(write)), ()) if self._hooks else ()

    def concern(self, request: WriteRequest) -> bool:
        """Whether some run before the request."""
        return bool(self._hooks) and any(
            self.of(write) or (index in request.forms and self.of(replace(write, act="create")))
            for index, write in enumerate(request.writes)
        )

    def are_independent(self, request: WriteRequest) -> bool:
        """Whether none needs what earlier requests of a device write: the request only creates records, and has nothing
        that could be a stand-in."""
        return all(
            write.act == "create" and not candidates(write, fields_of(self._catalogue, write))
            for write in request.writes
        )

    async def run(self, request: WriteRequest) -> WriteRequest:
        """The request as its hooks leave it. Where one refuses or fails, it has that refusal."""
        writes = await self._with_known_ids(request)
        forms, names = dict(request.forms), StandIns(is_batch=True)
        hooked: dict[int, HookedWrite] = {}
        times = Counter(map(key_of, writes))
        has_upserts = any(isinstance(form, Upsert) for form in forms.values())
        written: _Written = {}
        for index, write in enumerate(writes):
            if write.collection not in self._collections:
                continue
            if names:
                write = names.write(write, fields_of(self._catalogue, write))
            form, meant = forms.get(index), write
            try:
                if isinstance(form, Upsert):
                    meant = await self._resolved(request, writes[:index], write, form, names)
                    forms[index] = form._replace(value=write.body.get(form.by))
                old = await self._old(request, meant, written)
                if isinstance(form, JsonPatch) and old is not None:
                    meant = write = await self._with_values(request, write, old, form)
                    forms[index] = WholeValues()
                body, fields = await self._body(request, meant, old)
            except Refusal as error:
                if request.on_refusal in ("end", "place"):
                    return request._replace(refusal=error if request.on_refusal == "end" else placed(index, error))
                hooked[index] = HookedWrite(refusal=error)
                continue
            is_checked = (meant.act != "create" or isinstance(form, Upsert)) and key_of(meant) not in written
            sent = {name: write.body[name] for name in fields if name in write.body}
            hooked[index] = HookedWrite(_revision(old) if is_checked else None, fields, sent)
            writes[index] = replace(write, body=body)
            if meant.id != "" and (has_upserts or times[key_of(meant)] > 1):
                try:
                    written[key_of(meant)] = self._after(request, replace(meant, body=body), old)
                except Refusal:  # which is the writer's to find; no hook saw what follows
                    hooked |= dict.fromkeys(range(index + 1, len(writes)), HookedWrite(OUTDATED))
                    break
        return request._replace(writes=writes, hooked=hooked, forms=forms)

    async def _resolved(
        self, request: WriteRequest, earlier: Sequence[Write], write: Write, form: Upsert, names: StandIns
    ) -> Write:
        """What an upsert is, as far as the database says; `names` learn the record that it finds. Raises
        `validation`."""
        entry = self._catalogue[write.collection]
        by = form.by
        if any(one.collection == entry.name and one.body.get(by) == write.body.get(by) for one in earlier):
            message = f"two writes of one request have the same {by}; send them one after the other"
            raise invalid({by: [message]})
        hidden_of = partial(self._hidden_of, request)
        found = await resolved(entry, write, form, self._having, partial(self._viewed, request), hidden_of)
        if found.act != "create" and is_temporary(write.id):
            names.add(Place(entry.name, write.parent, str(write.id)), found.id)
        return found

    async def _having(self, entry: Entry, name: str, value: object) -> list[RecordKey]:
        select = Select(entry.name, None, (eq(name, value, entry.book.kinds[name]),), fields=("parent", "id"))
        statement = self._catalogue.look_up(select)
        rows = await self._storage.fetch(statement.sql, statement.parameters)
        return [(entry.name, parent, id) for parent, id in rows]

    async def _viewed(self, request: WriteRequest, key: RecordKey) -> StoredRecord | None:
        """A record, if the request's caller can view it."""
        entry = self._catalogue[key[0]]
        record = await self._storage.record(*key)
        if record is None or request.rights.skips_rules:
            return record
        return record if await self._rules(request).allows(entry, "view", record) else None

    async def _hidden_of(self, request: WriteRequest, entry: Entry, record: StoredRecord) -> frozenset[str]:
        if request.rights.sets_all_fields or not entry.private:
            return frozenset()
        return await self._rules(request).hidden_of(entry, record)

    def _rules(self, request: WriteRequest) -> RuleChecker:
        return RuleChecker(self._storage, request.caller, instant(self._clock.now()))

    async def _with_values(self, request: WriteRequest, write: Write, old: StoredRecord, patch: JsonPatch) -> Write:
        """A JSON Patch as the values that it gives."""
        entry = self._catalogue[write.collection]
        hidden = await self._hidden_of(request, entry, old)
        return replace(write, body=patched_values(entry, old, hidden, patch, documents.document_of(old)))

    async def _with_known_ids(self, request: WriteRequest) -> list[Write]:
        if request.once is None:
            return [*request.writes]
        known = await request.once.look_up(GivenIds(self._storage), self._catalogue)
        return [known.write(write, fields_of(self._catalogue, write)) for write in request.writes]

    async def _old(self, request: WriteRequest, write: Write, written: _Written) -> StoredRecord | None:
        """The record that is written over, as the request finds it and as far as its caller can view it."""
        if write.act == "create":
            return None
        if key_of(write) in written:
            return written[key_of(write)]
        entry = self._catalogue[write.collection]
        if isinstance(write.id, int) is not entry.is_integer:
            return None
        return await self._viewed(request, (entry.name, write.parent, write.id))

    async def _body(
        self, request: WriteRequest, write: Write, old: StoredRecord | None
    ) -> tuple[Document, frozenset[str]]:
        """The body of a write as its hooks leave it, and the fields that they set. Raises what they refuse it with."""
        body = write.body
        for hook in self.of(write) if old is not None or write.act == "create" else ():
            changed = await self._call(hook, self._details(request, write, body, old))
            body = body if changed is None else changed
        sent = write.body
        if request.acts and write.collection == "users" and self._signs_in_other(sent, body):
            log.error("the before-hooks of users changed the e-mail address that signs in; let them refuse it instead")
            raise Refusal("internal")
        return body, frozenset(name for name in body if name not in sent or not is_same(body[name], sent[name]))

    def _signs_in_other(self, sent: Document, body: Document) -> bool:
        """Whether a body of users has another address than the one sent, for which the system rows were made."""
        check = self._catalogue["users"].shape.check
        given, left = sent.get("email"), body.get("email")
        try:
            return given is not None and (left is None or check("email", given) != check("email", left))
        except ValueError:
            return False  # for the plan to refuse

    async def _call(self, hook: BeforeHook, details: BeforeWrite) -> Document | None:
        try:
            changed = await within(self._clock, self._seconds, partial(_run, hook, self.backend, details))
            if changed is not None and not isinstance(changed, dict):
                raise TypeError(f"it returned {type(changed).__name__}; return a dict of fields, or None")
            return None if changed is None else strict_json.checked(to_builtins(changed, str_keys=True))
        except Refusal:
            raise
        except TimeoutError:
            log.error(
                "the before-hook %s of %s took longer than %g s", name_of(hook), details.collection, self._seconds
            )
        except Exception as error:
            log.exception("the before-hook %s of %s failed", name_of(hook), details.collection)
            raise Refusal("internal") from error  # which the line with the request's id then shows too
        raise Refusal("internal")

    def _details(self, request: WriteRequest, write: Write, body: Document, old: StoredRecord | None) -> BeforeWrite:
        is_given = (
            write.id == ""
            or is_temporary(write.id)
            or (self._catalogue[write.collection].is_integer and not isinstance(write.id, int))
        )
        return BeforeWrite(
            caller=request.caller,
            collection=write.collection,
            kind=_kind(write),
            id=None if is_given else write.id,
            parent=write.parent,
            body=deepcopy(body),
            is_patch=write.act == "patch",
            old=None if old is None else self._catalogue[write.collection].whole(old),
        )

    def _after(self, request: WriteRequest, write: Write, old: StoredRecord | None) -> StoredRecord | None:
        """The record as later writes of the request find it. Raises what the write is refused with."""
        now = instant(self._clock.now())
        before = None if old is None else documents.document_of(old)
        filling = None if request.caller.is_admin else request.caller.id
        document = changes.apply(self._catalogue[write.collection].shape, write, before, now, filling)
        if document is None:
            return None
        body, _ = documents.split(document, ())
        return StoredRecord(write.parent, write.id, UNWRITTEN, now if old is None else old.created, now, body, None)


async def _run(hook: BeforeHook, backend: object, details: BeforeWrite) -> Document | None:
    return await hook(backend, details)


def _revision(record: StoredRecord | None) -> int:
    return ABSENT if record is None else record.revision


def _kind(write: Write) -> WriteKind:
    return "update" if write.act in ("replace", "patch") else "delete" if write.act == "delete" else "create"
