"""What becomes of a request of a group: from what it will write to its outcome, and to what is kept of that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Settled
from hinterland.contract.temporary import StandIns
from hinterland.server.data import devices, given_ids
from hinterland.server.data.plan import Plan
from hinterland.server.data.requests import Answer, WriteRequest, WriteResult, WrittenRecord
from hinterland.server.data.state import UNWRITTEN, RecordKey, key_of
from hinterland.server.storage.protocol import Change, StoredRecord
from hinterland.server.storage.system import Assigned, Put, Row, RowAct


class Decided(NamedTuple):
    """A request of the group that is about to be written."""

    request: WriteRequest
    answer: asyncio.Future[WriteResult]
    changes: list[Change]
    acts: list[RowAct]
    plan: Plan | None
    outcome: WriteResult | None
    guards: Sequence[RowAct] = ()


def kept(request: WriteRequest, ids: Mapping[int, RecordId], given: StandIns) -> list[RowAct]:
    """The rows by which later mutations of the device find the `ids` that this one's creations were given."""
    return (
        given_ids.keep(request.step, given.learn(request.writes, ids), ids) if request.step is not None and ids else []
    )


def assigned(act: RowAct, written: Sequence[WrittenRecord]) -> RowAct:
    """`act` with the id of the created record where it asks for it."""
    if isinstance(act, Put) and any(isinstance(value, Assigned) for value in act.row.values()):
        id = next(str(record.id) for record in written if record.before is None)
        return Put(act.table, {name: id if isinstance(v, Assigned) else v for name, v in act.row.items()})
    return act


def replayed(row: Row, fingerprint: str) -> WriteResult:
    """The answer that is kept for an idempotency key. Raises `key_reused` for another request."""
    if row["fingerprint"] != fingerprint:
        raise Refusal("key_reused", "this idempotency key was used for another request: take a new one")
    return WriteResult(revision=row["revision"], answer=Answer(row["status"], bytes(row["body"])), replayed=True)


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


def outcome_of(item: Decided, changes: Sequence[Change], revision: int) -> WriteResult:
    """The outcome of a planned request, whose changes end at `revision`."""
    assert item.plan is not None
    plan = item.plan
    final = {key_of(change): change.after for change in changes}
    records = tuple(
        WrittenRecord(name, id, parent, before, final.get((name, parent, id), after))
        for name, id, parent, before, after in plan.written
    )
    return WriteResult(records, revision if changes else plan.found, plan.ids, tuple(plan.lost))


def finished(item: Decided, outcome: WriteResult, now: float) -> tuple[WriteResult, list[RowAct]]:
    """The outcome with what is kept for its key or step, and the system rows to write."""
    request, acts = item.request, item.acts
    if item.plan is None:
        return outcome, acts
    if request.answer is not None:
        outcome = outcome._replace(answer=request.answer(outcome))
    if request.step is not None:
        settled = Settled(seq=request.step.seq, status="applied" if request.writes else "withdrawn",
                          revision=outcome.revision, ids=dict(outcome.ids), lost=list(outcome.lost))  # fmt: skip
        outcome = outcome._replace(records=(), settled=settled)  # a push waits for many, and reads no records
        return outcome, [*devices.settle(request.step, settled, now), *acts]  # which may drop it, with the account
    if request.key is not None and outcome.answer is not None:
        row = {**request.key._asdict(), **outcome.answer._asdict(), "revision": outcome.revision, "at": now}
        return outcome, [Put("_answers", row), *acts]
    return outcome, acts
