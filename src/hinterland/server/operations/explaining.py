"""Why rules allow users something, or do not."""

from __future__ import annotations

from hinterland.contract import changes, values
from hinterland.contract.errors import Refusal
from hinterland.contract.explanations import Explanation, RuleQuestion
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId, new_id
from hinterland.contract.records import Document
from hinterland.kit.closest_first import closest_first
from hinterland.server.auth.roles import account_of
from hinterland.server.backend import Backend
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.explained_rules import explained, record_of
from hinterland.server.data.rules import Rule
from hinterland.server.operations.call import Call
from hinterland.server.security.sessions import new_session
from hinterland.server.storage.protocol import Snapshot, StoredRecord

_FIELD_NEEDED = "is required for the action read"


async def explain_rule(backend: Backend, call: Call[RuleQuestion]) -> Explanation:
    """Whether a rule lets a user do something, and which part of it refuses."""
    asked = call.input
    entry = backend.catalogue.named(asked.collection, is_admin=True)
    backend.catalogue.check_parent(entry, asked.parent)
    instant = values.instant(backend.clock.now())
    async with backend.storage.snapshot() as snapshot:
        caller = await _caller(backend, snapshot, asked)
        rule = _rule(entry, asked)
        if asked.action == "create":
            return await explained(snapshot, entry, caller, rule, _draft(backend, entry, caller, asked), instant)
        before = await _stored(snapshot, entry, asked)
        if asked.action == "read" and asked.field not in entry.private:
            return Explanation(allowed=True)
        if asked.action != "update":
            return await explained(snapshot, entry, caller, rule, before, instant)
        old = documents.document_of(before)
        after = _patched(backend, entry, before, old, asked.body)
        return await explained(snapshot, entry, caller, rule, after, instant, documents.with_meta(before, old))


def _rule(entry: Entry, asked: RuleQuestion) -> Rule | None:
    """The rule that is asked about. Raises `invalid_body`."""
    if asked.action != "read":
        if asked.field:
            raise Refusal("invalid_body", f'field: is for the action "read", not for {asked.action}; leave it out')
        return entry.rules[asked.action]
    if not asked.field:
        raise Refusal("invalid_body", f"field: {_FIELD_NEEDED}", errors={"field": [_FIELD_NEEDED]})
    if asked.field not in entry.collection.fields:
        known = ", ".join(closest_first(asked.field, entry.collection.fields))
        raise Refusal("invalid_body", f"field: {entry.name} has no field {asked.field[:64]!r}; there are {known}")
    return entry.private.get(asked.field)


async def _caller(backend: Backend, snapshot: Snapshot, asked: RuleQuestion) -> Principal:
    """The user in a session that begins now. Raises `not_found`."""
    if not asked.user:
        return SIGNED_OUT
    account = await account_of(snapshot, asked.user)
    methods = ("pwd", "otp", "mfa") if asked.acr == "aal2" else ("pwd",)
    session = new_session("", account["id"], backend.clock.now(), 0, amr=methods)
    sessions = backend.accounts.sessions
    return sessions.principal(account, session, await sessions.record(snapshot, account))


async def _stored(snapshot: Snapshot, entry: Entry, asked: RuleQuestion) -> StoredRecord:
    """The record that is named. Raises `not_found`, and `invalid_body` where none is."""
    if asked.id == "":
        raise Refusal("invalid_body", f"id: is required to explain the {asked.action} rule; name a record")
    record = await snapshot.record(entry.name, asked.parent, _id(entry, asked.id))
    if record is None:
        raise Refusal("not_found", f"there is no {entry.name}/{asked.id}")
    return record


def _id(entry: Entry, id: RecordId) -> RecordId:
    return entry.parse_id(str(id))


def _draft(backend: Backend, entry: Entry, caller: Principal, asked: RuleQuestion) -> StoredRecord:
    """The record that the user would create. Raises `validation`."""
    now = backend.clock.now()
    given = _id(entry, asked.id) if asked.id != "" else 0 if entry.is_integer else new_id(now)
    document = entry.shape.new(asked.body, None if caller.is_admin else caller.id)
    return record_of(entry, asked.parent, given, document, values.instant(now))


def _patched(backend: Backend, entry: Entry, before: StoredRecord, old: Document, body: Document) -> StoredRecord:
    """The record after a PATCH. Raises `validation`."""
    instant = values.instant(backend.clock.now())
    document, errors = entry.shape.try_patch(old, changes.resolve(entry.shape, old, body, instant))
    if errors:
        raise entry.shape.refusal(errors)
    after = record_of(entry, before.parent, before.id, document, instant)
    return after._replace(created=before.created)
