"""What becomes of a request of a group: what it will write, then its result and what is kept of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hinterland.server.data.plan import Plan
from hinterland.server.data.requests import KeptOutcome, WriteRequest, WriteResult, WrittenRecord
from hinterland.server.data.state import UNWRITTEN, RecordKey, State, key_of
from hinterland.server.storage.protocol import Change, StoredRecord
from hinterland.server.storage.system import Assigned, Put, RowAct


class PlannedRequest(NamedTuple):
    """A request that writes records or rows: its plan, the rows that change with it, and what must still hold."""

    request: WriteRequest
    plan: Plan
    acts: list[RowAct]
    guards: Sequence[RowAct]


Decided = PlannedRequest | KeptOutcome
"""The second: a request that has its outcome before it is written: a repetition, or a refusal that is kept."""


def changes_of(decided: Decided) -> Sequence[Change]:
    """The changes of records that a request makes."""
    return decided.plan.changes if isinstance(decided, PlannedRequest) else ()


def stage(decided: Decided, state: State) -> int:
    """Show later requests of the group what this one is about to write; returns its size in bytes."""
    if not isinstance(decided, PlannedRequest):
        state.stage({}, (), decided.acts)
        return 0
    once, plan = decided.request.once, decided.plan
    # Its acts come last, as they are written: they may drop what is claimed, with the account.
    acts = decided.acts if once is None else [*once.claims(), *decided.acts]
    state.stage(plan.records, plan.changes, acts, plan.holders)
    return plan.size


def planned(request: WriteRequest, plan: Plan, guards: Sequence[RowAct]) -> PlannedRequest:
    """The request with all rows that change with its records."""
    if request.once is None and not request.acts:
        return PlannedRequest(request, plan, plan.acts, guards)
    naming = request.once.naming(plan.ids) if request.once is not None else ()
    acts = [*naming, *(assigned(act, plan.written) for act in request.acts), *plan.acts]
    return PlannedRequest(request, plan, acts, guards)


def assigned(act: RowAct, written: Sequence[WrittenRecord]) -> RowAct:
    """`act` with the id of the created record where it asks for it."""
    if isinstance(act, Put) and any(isinstance(value, Assigned) for value in act.row.values()):
        id = next(str(record.id) for record in written if record.before is None)
        return Put(act.table, {name: id if isinstance(v, Assigned) else v for name, v in act.row.items()})
    return act


def numbered(changes: Sequence[Change], last: int, latest: dict[RecordKey, StoredRecord]) -> list[Change]:
    """`changes` with their revisions, from `last` + 1; `latest` holds what the group has written before."""
    result: list[Change] = []
    for revision, change in enumerate(changes, last + 1):
        collection, kind, before, after, columns, timestamp, origin, actor = change
        if before is not None and before.revision == UNWRITTEN:
            before = latest[collection, before.parent, before.id]
        if after is not None:
            parent, id, _, created, updated, body, private = after
            after = StoredRecord(parent, id, revision, created, updated, body, private)
            latest[collection, parent, id] = after
        result.append(Change(collection, kind, before, after, columns, timestamp, origin, actor))
    return result


def finished(decided: Decided, changes: Sequence[Change], revision: int, now: float) -> KeptOutcome:
    """The result of a request whose `changes` end at `revision`, and the rows to write with it."""
    if not isinstance(decided, PlannedRequest):
        return decided
    request, plan, acts, guards = decided
    result = _result(plan, changes, revision)
    if request.once is None:
        return KeptOutcome(result, acts, guards)
    kept = request.once.keep(result, now)
    return KeptOutcome(kept.result, [*kept.acts, *acts], guards)  # its acts may drop what is kept, with the account


def _result(plan: Plan, changes: Sequence[Change], revision: int) -> WriteResult:
    if len(plan.written) == len(changes) == 1:
        name, id, parent, before, _, asked = plan.written[0]
        written = WrittenRecord(name, id, parent, before, changes[0].after, asked)
        return WriteResult((written,), revision, plan.ids, tuple(plan.lost), refused=plan.refused.by_index)
    final = {key_of(change): change.after for change in changes}
    records = tuple(
        WrittenRecord(name, id, parent, before, final.get((name, parent, id), after), asked)
        for name, id, parent, before, after, asked in plan.written
    )
    last = revision if changes else plan.found
    return WriteResult(records, last, plan.ids, tuple(plan.lost), refused=plan.refused.by_index)
