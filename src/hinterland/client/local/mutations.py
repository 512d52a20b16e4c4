"""The outbox's mutations on this device: making them, and changing those that wait or are held.

Moves of a mutation's state::

    pending ── first send ──> sent ──> applied ── a pull holds it ──> gone (conflicted: stays until discarded)
       ^                       └─────> refused ── retried or edited ──> pending, as a new mutation at the end
       └── fork, or a push of which provably nothing was taken ── sent

A seq is given at the first send, in the transaction before it, so that seqs have no gaps whatever is discarded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.errors import AlreadySending
from hinterland.client.local.outcomes import Counts, OutboxEntry, Outcome, QueuedDocument
from hinterland.client.local.overlay import after_anew, after_if_possible
from hinterland.client.local.records import lay, lift, refresh, revision_seen, seen, text, writes_in
from hinterland.client.local.stand_ins import name_anew, real_write
from hinterland.contract.changes import Write, checked, key_of
from hinterland.contract.errors import Problem, Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.records import CompiledCollection, Document
from hinterland.contract.sync import MAX_WRITES
from hinterland.contract.temporary import created, references

T = TypeVar("T")
DocumentsByKey = dict[Key, Document | None]
ApplyWrite = Callable[[Document | None, Write, float, CompiledCollection | None, object], Document | None]
_STEP = 1e-6  # seconds between two timestamps of one instant
_KEPT_OUTCOMES = 20_000
_COLUMNS = "id, state, seq, timestamp, writes, outcome, document"
_UNDECIDED = "m.space = ? AND m.state IN ('pending', 'sent') AND m.number > ?"
_OPEN, _HELD = "state IN ('pending', 'sent', 'posted')", "state IN ('refused', 'conflicted')"
_COUNTS = f"coalesce(sum({_OPEN}), 0), coalesce(sum({_HELD}), 0)"
_OF_DOCUMENTS = {"posted": "sent", "answered": "applied"}
_outcomes = msgspec.json.Decoder(Outcome)
_documents = msgspec.json.Decoder(QueuedDocument)


def timestamp(connection: StoreConnection, now: float) -> float:
    """The next hybrid time: the wall clock's `now`, or just after the last timestamp where the clock went back."""
    value = max(now, last_timestamp(connection) + _STEP)
    connection.execute(
        "INSERT INTO clock VALUES (1, ?) ON CONFLICT DO UPDATE SET timestamp = excluded.timestamp", (value,)
    )
    return value


def last_timestamp(connection: StoreConnection) -> float:
    """The last hybrid time that was given; 0: none."""
    row = connection.execute("SELECT timestamp FROM clock").fetchone()
    return 0.0 if row is None else float(row[0])


class Kept(NamedTuple, Generic[T]):
    """A write's record with the writes of this device on it: its `id` as it is known by now; None: deleted."""

    id: RecordId
    record: T | None


def enqueue(
    connection: StoreConnection,
    scope: Scope,
    mutation: str,
    writes: Sequence[Write],
    now: float,
    read: Callable[[Document], T],
) -> list[Kept[T]]:
    """Keep a mutation at the outbox's end and show its writes at once; answers what `read` makes of their records.

    Raises the refusals that these checks find here already: `conflict`, `not_found`, `validation`, `too_large`, and
    what `read` raises.
    """
    if len(writes) > MAX_WRITES:
        raise Refusal("too_large", f"one change has at most {MAX_WRITES} writes, this one {len(writes)}")
    written = [*map(checked, writes)]
    known = [real_write(connection, scope, write) for write in written]
    moment = timestamp(connection, now)
    views = _after_all(connection, scope, known, moment, after_anew)
    _insert(connection, scope, mutation, known, moment, views, None if known == written else text(written))
    documents = [(write.id, seen(connection, scope, key_of(write))) for write in known]
    return [Kept(id, None if document is None else read(document)) for id, document in documents]


def _after_all(
    connection: StoreConnection, scope: Scope, writes: Sequence[Write], moment: float, apply: ApplyWrite
) -> DocumentsByKey:
    views: DocumentsByKey = {}
    for write in writes:
        key = key_of(write)
        record = views[key] if key in views else seen(connection, scope, key)
        views[key] = apply(record, write, moment, scope.shapes.get(write.collection), scope.account)
    return views


def _insert(
    connection: StoreConnection,
    scope: Scope,
    mutation: str,
    writes: Sequence[Write],
    moment: float,
    views: DocumentsByKey,
    written: str | None,
) -> None:
    bases = [revision_seen(connection, scope, key_of(write)) for write in writes]
    number = connection.execute(
        "INSERT INTO mutations (space, id, state, timestamp, base, writes, written)"
        " VALUES (?, ?, 'pending', ?, ?, ?, ?)",
        (scope.space, mutation, moment, text(bases), text(writes), written),
    ).lastrowid
    assert number is not None
    name_anew(connection, scope, writes)
    lay(connection, scope, number, views)
    connection.store_change.is_outbox_changed = True


# ---------------------------------------------------------------- held ones


def hold(connection: StoreConnection, scope: Scope, number: int, outcome: Outcome) -> list[Key]:
    """Set a mutation aside with its reason: its writes are undone here (the keys are answered, for a `refresh`), and
    with it go the unsent ones that need what it would have created. Of those that were sent the server decides; the
    reason is kept should it refuse them."""
    [column] = connection.execute("SELECT writes FROM mutations WHERE number = ?", (number,)).fetchone()
    writes = writes_in(column)
    connection.execute(
        "UPDATE mutations SET state = 'refused', seq = NULL, outcome = ? WHERE number = ?", (text(outcome), number)
    )
    keys = lift(connection, number)
    connection.store_change.collections.update(write.collection for write in writes)
    settle_as(connection, outcome)
    assert outcome.problem is not None
    for dependent, mutation in _dependents(connection, scope, number, writes):
        problem = _depends(outcome.mutation, outcome.problem)
        consequence = Outcome(mutation=mutation, status="refused", problem=problem)
        if _is_pending(connection, mutation):
            keys += hold(connection, scope, dependent, consequence)
        else:
            connection.execute(
                "UPDATE mutations SET outcome = ? WHERE number = ? AND state = 'sent'", (text(consequence), dependent)
            )
    return keys


def _depends(mutation: str, problem: Problem) -> Problem:
    message = f"it builds on a record whose creation was refused: {problem.message}"
    return Refusal("not_found", message, details={"after": mutation}).problem()


def _dependents(
    connection: StoreConnection, scope: Scope, number: int, writes: Sequence[Write]
) -> list[tuple[int, str]]:
    """The undecided mutations after `number` that touch, or refer to, a record that `writes` create."""
    found: dict[int, str] = {}
    for write in writes:
        if write.act == "create":  # only then can another need it, and no other is read to find out
            found.update(
                connection.execute(
                    f"SELECT number, m.id FROM touches t JOIN mutations m USING (number) WHERE {_UNDECIDED}"
                    " AND t.space = m.space AND t.collection = ? AND t.parent = ? AND t.id = ?",
                    (scope.space, number, *key_of(write)),
                )
            )
            found.update(_referring(connection, scope, number, created(write)))
    return sorted(found.items())


def _referring(connection: StoreConnection, scope: Scope, number: int, temporary: str) -> Iterator[tuple[int, str]]:
    if temporary:
        rows = connection.execute(
            f"SELECT number, m.id, writes FROM mutations m WHERE {_UNDECIDED} AND instr(writes, ?)",
            (scope.space, number, temporary),
        )
        for later, mutation, column in rows:
            if any(temporary in references(write) for write in writes_in(column)):
                yield later, mutation


def retry(
    connection: StoreConnection, scope: Scope, mutation: str, fresh: Callable[[], str], now: float
) -> tuple[str, list[RecordId]]:
    """Send a refused mutation, and those held because of it, once more as new ones, which `fresh` gives ids; answers
    its new id, and its records'."""
    number, state, column, written = row_of(connection, scope, mutation)
    if state != "refused":
        raise AlreadySending
    later, again, writes = _held_after(connection, scope, mutation), fresh(), writes_in(column)
    _remove(connection, scope, number, writes)
    moment = timestamp(connection, now)
    views = _after_all(connection, scope, writes, moment, after_if_possible)
    _insert(connection, scope, again, writes, moment, views, written)
    for each in later:
        retry(connection, scope, each, fresh, now)
    return again, [write.id for write in writes]


def _held_after(connection: StoreConnection, scope: Scope, mutation: str) -> list[str]:
    rows = connection.execute(
        "SELECT id, outcome FROM mutations WHERE space = ? AND state = 'refused' ORDER BY number", (scope.space,)
    ).fetchall()
    problems = [(row[0], _outcomes.decode(row[1]).problem) for row in rows]
    return [id_ for id_, problem in problems if problem is not None and problem.details.get("after") == mutation]


def edit(connection: StoreConnection, scope: Scope, mutation: str, body: Document, position: int) -> None:
    """Change the body of a write that was not sent or was refused. A refused one stays held until it is retried."""
    number, state, column, written = row_of(connection, scope, mutation)
    if state not in ("pending", "refused"):
        raise AlreadySending
    before = writes_in(written or column)
    before[position] = checked(msgspec.structs.replace(before[position], body=body))
    changed = writes_in(column)
    changed[position] = msgspec.structs.replace(changed[position], body=before[position].body)
    changed[position] = real_write(connection, scope, changed[position])
    written_now = None if changed == before else text(before)
    connection.execute(
        "UPDATE mutations SET writes = ?, written = ? WHERE number = ?", (text(changed), written_now, number)
    )
    connection.store_change.collections.update(write.collection for write in changed)
    if state == "pending":
        refresh(connection, scope, [key_of(write) for write in changed])
    connection.store_change.is_outbox_changed = True


def discard(connection: StoreConnection, scope: Scope, mutation: str) -> None:
    """Forget a mutation that was not sent or is held; unsent ones that need what it creates go with it."""
    number, state, writes, _ = row_of(connection, scope, mutation)
    if state not in ("pending", "refused", "conflicted"):
        raise AlreadySending
    dependents = [] if state == "conflicted" else _dependents(connection, scope, number, writes_in(writes))
    for _, dependent in dependents:
        if _is_pending(connection, dependent):  # one that built on another dependent went with that
            discard(connection, scope, dependent)
    if state == "pending":
        settle_as(connection, Outcome(mutation=mutation, status="discarded"))
    _remove(connection, scope, number, writes_in(writes))


def _is_pending(connection: StoreConnection, mutation: str) -> bool:
    row = connection.execute("SELECT 1 FROM mutations WHERE id = ? AND state = 'pending'", (mutation,)).fetchone()
    return row is not None


def _remove(connection: StoreConnection, scope: Scope, number: int, writes: Sequence[Write]) -> None:
    keys = lift(connection, number)
    connection.execute("DELETE FROM mutations WHERE number = ?", (number,))
    refresh(connection, scope, keys)
    connection.store_change.collections.update(write.collection for write in writes)
    connection.store_change.is_outbox_changed = True


def row_of(connection: StoreConnection, scope: Scope, mutation: str) -> tuple[int, str, str, str | None]:
    """The number, state and writes of a mutation, and these as they were written. Raises `not_found`."""
    row: tuple[int, str, str, str | None] | None = connection.execute(
        "SELECT number, state, writes, written FROM mutations WHERE space = ? AND id = ?", (scope.space, mutation)
    ).fetchone()
    if row is None:
        raise Refusal("not_found", f"the outbox has no {mutation}")
    return row


# ---------------------------------------------------------------- outcomes


def settle_as(connection: StoreConnection, outcome: Outcome, space: int | None = None) -> None:
    """Publish a mutation's outcome to those who wait for it, in this process or another; one with data to those of a
    `space` alone."""
    connection.execute(
        "INSERT INTO outcomes (id, outcome, space) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome",
        (outcome.mutation, text(outcome), space),
    )
    connection.execute("DELETE FROM outcomes WHERE number <= (SELECT max(number) FROM outcomes) - ?", (_KEPT_OUTCOMES,))
    connection.store_change.outcomes.append(outcome)
    connection.store_change.is_outbox_changed = True


def outcome_of(connection: StoreConnection, scope: Scope, mutation: str) -> Outcome | None:
    """The outcome of one of the last 20,000 settled mutations; None: it is still open. Raises `not_found` for others,
    also for a document of another account."""
    row = connection.execute(
        "SELECT outcome FROM outcomes WHERE id = ? AND coalesce(space, ?) = ?", (mutation, scope.space, scope.space)
    ).fetchone()
    if row is not None:
        return _outcomes.decode(row[0])
    of_mutation = "SELECT 1 FROM mutations WHERE id = ? AND (document IS NULL OR space = ?)"
    if connection.execute(of_mutation, (mutation, scope.space)).fetchone() is None:
        raise Refusal("not_found", f"nothing is known of the write {mutation}")
    return None


def entries(connection: StoreConnection, scope: Scope) -> list[OutboxEntry]:
    """All that is in the outbox, in the order in which it was written."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM mutations WHERE space = ? ORDER BY number", (scope.space,)
    ).fetchall()
    return [_entry(*row) for row in rows]


def refused_creations(connection: StoreConnection, scope: Scope, collection: str, parent: str) -> list[OutboxEntry]:
    """The refused mutations that would have created records of a collection below `parent`."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM mutations WHERE space = ? AND state = 'refused' ORDER BY number", (scope.space,)
    ).fetchall()
    found = [_entry(*row) for row in rows]
    return [entry for entry in found if any(creates(write, collection, parent) for write in entry.writes)]


def creates(write: Write, collection: str, parent: str) -> bool:
    """Whether the write creates a record of the collection below `parent`."""
    return write.act == "create" and (write.collection, write.parent) == (collection, parent)


def _entry(
    mutation: str,
    state: str,
    seq: int | None,
    moment: float,
    writes: str,
    outcome: str | None,
    document: str | None,
) -> OutboxEntry:
    known = None if outcome is None else _outcomes.decode(outcome)
    return OutboxEntry(
        id=mutation,
        state=_OF_DOCUMENTS.get(state, state),  # type: ignore[arg-type]
        seq=seq,
        timestamp=moment,
        writes=writes_in(writes),
        problem=None if known is None else known.problem,
        lost=[] if known is None else known.lost,
        document=None if document is None else _documents.decode(document),
    )


def counts(connection: StoreConnection, scope: Scope) -> Counts:
    """How many mutations wait and how many are held."""
    row = connection.execute(f"SELECT {_COUNTS} FROM mutations WHERE space = ?", (scope.space,)).fetchone()
    return Counts(*row)


def counts_by_account(connection: StoreConnection, scope: Scope) -> dict[RecordId, Counts]:
    """The same for every account on the scope's server that has any."""
    rows = connection.execute(
        f"SELECT account, {_COUNTS} FROM mutations JOIN spaces USING (space)"
        " WHERE server = (SELECT server FROM spaces WHERE space = ?) GROUP BY account",
        (scope.space,),
    )
    return {account: Counts(waiting, held) for account, waiting, held in rows if waiting or held}
