"""What the server's answers to pushes do to the outbox."""

from __future__ import annotations

import msgspec

from hinterland.client.local import stand_ins
from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.mutations import hold, settle_as
from hinterland.client.local.outcomes import Outcome
from hinterland.client.local.records import lift, refresh, text, writes_in
from hinterland.contract.errors import Problem
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Push, PushResult, Settled
from hinterland.contract.temporary import StandIns

_outcomes = msgspec.json.Decoder(Outcome)


def settle(connection: StoreConnection, scope: Scope, push: Push, result: PushResult) -> None:
    """Record the outcomes in a push's answer, once each; a second answer to the same push changes nothing."""
    # Other results may be another store's that has the same device id, until `fork` parts the two.
    pushed = {mutation.seq for mutation in push.mutations}
    known = {settled.seq: settled for settled in result.results if settled.seq in pushed}
    rows = connection.execute(
        "SELECT number, id, seq, outcome, writes FROM mutations WHERE space = ? AND state = 'sent' AND seq <= ?"
        " ORDER BY seq",
        (scope.space, result.settled),
    ).fetchall()
    given = StandIns()
    names: dict[int, dict[str, RecordId]] = {}
    for number, _, seq, _, writes in rows:
        if seq in known and (ids := known[seq].ids):
            places = given.learn(writes_in(writes), ids)
            names[number] = {place.name: ids[index] for index, place in places.items()}
    if given:
        stand_ins.give(connection, scope, given, names.keys())
    stale: list[Key] = []
    for number, mutation, seq, reason, _ in rows:
        settled = known.get(seq)
        if settled is None:
            continue
        if settled.status == "applied":
            stale += _apply(connection, number, mutation, settled, names.get(number, {}))
        else:
            stale += hold(connection, scope, number, _refusal(mutation, settled, reason))
    refresh(connection, scope, stale)
    connection.execute(
        "UPDATE spaces SET acknowledged = coalesce("
        " (SELECT min(seq) - 1 FROM mutations WHERE space = spaces.space AND state = 'sent'), next_seq - 1)"
        " WHERE space = ?",
        (scope.space,),
    )


def _refusal(mutation: str, settled: Settled, reason: str | None) -> Outcome:
    if reason is not None:
        own = _outcomes.decode(reason)
        if settled.status == "withdrawn" or (own.problem is not None and "after" in own.problem.details):
            return own
    missing = Problem(title="", status=409, code="conflict", message="the server gave no reason")
    return Outcome(mutation=mutation, status="refused", problem=settled.problem or missing)


def _apply(
    connection: StoreConnection, number: int, mutation: str, settled: Settled, ids: dict[str, RecordId]
) -> list[Key]:
    outcome = Outcome(mutation=mutation, status="applied", revision=settled.revision, ids=ids, lost=settled.lost)
    connection.execute("UPDATE mutations SET state = 'applied', outcome = ? WHERE number = ?", (text(outcome), number))
    connection.execute("UPDATE touches SET revision = ? WHERE number = ?", (settled.revision, number))
    settle_as(connection, outcome)
    row = connection.execute("SELECT is_contained FROM mutations WHERE number = ?", (number,)).fetchone()
    return contain(connection, number) if row[0] else _reached(connection, number, settled.revision)


def _reached(connection: StoreConnection, number: int, revision: int) -> list[Key]:
    """The mutation's records whose base holds it already; the others look as before."""
    return connection.execute(
        "SELECT t.collection, t.parent, t.id FROM touches t JOIN records r USING (space, collection, parent, id)"
        " WHERE t.number = ? AND r.revision >= ?",
        (number, revision),
    ).fetchall()


def contain(connection: StoreConnection, number: int) -> list[Key]:
    """What the server sent now holds this mutation: its writes come off the records (the keys are answered, for a
    `refresh`), and once its outcome is known it leaves the outbox, unless an edit of it was lost."""
    keys = lift(connection, number)
    state, outcome = connection.execute("SELECT state, outcome FROM mutations WHERE number = ?", (number,)).fetchone()
    if state == "sent":
        connection.execute("UPDATE mutations SET is_contained = 1 WHERE number = ?", (number,))
    elif outcome is not None and _outcomes.decode(outcome).lost:
        connection.execute("UPDATE mutations SET state = 'conflicted', seq = NULL WHERE number = ?", (number,))
    else:
        connection.execute("DELETE FROM mutations WHERE number = ?", (number,))
    connection.store_change.is_outbox_changed = True
    return keys


def contain_until(connection: StoreConnection, scope: Scope, seq: int) -> list[Key]:
    """Contain every mutation up to the device's last settled `seq`, and applied ones that a former device id sent."""
    rows = connection.execute(
        "SELECT number FROM mutations WHERE space = ? AND is_contained = 0"
        " AND state IN ('sent', 'applied') AND (seq <= ? OR seq IS NULL)",
        (scope.space, seq),
    ).fetchall()
    return [key for row in rows for key in contain(connection, row[0])]


def contain_applied(connection: StoreConnection, scope: Scope, revision: int) -> list[Key]:
    """Contain the mutations that were applied up to a `revision`, of which the store holds all that is visible."""
    rows = connection.execute(
        "SELECT DISTINCT m.number FROM mutations m JOIN touches t USING (number)"
        " WHERE m.space = ? AND m.state = 'applied' AND t.revision BETWEEN 1 AND ?",
        (scope.space, revision),
    ).fetchall()
    return [key for row in rows for key in contain(connection, row[0])]


def has_applied(connection: StoreConnection, scope: Scope) -> bool:
    """Whether there are applied mutations that the store is not known to contain."""
    row = connection.execute(
        "SELECT 1 FROM mutations WHERE space = ? AND state = 'applied' LIMIT 1", (scope.space,)
    ).fetchone()
    return row is not None


# ---------------------------------------------------------------- pushes that the server could not take


def fork(connection: StoreConnection, scope: Scope, device: str, lost_from: int | None = None) -> None:
    """Go on as another device: what is under way will be sent anew under its first seqs.

    `lost_from`: the server has forgotten what this device sent from that seq on, so that is sent again too.
    """
    if lost_from is not None:
        send_again(connection, scope, lost_from)
    connection.execute(
        "UPDATE mutations SET state = 'pending', outcome = NULL, failures = 0 WHERE space = ? AND state = 'sent'",
        (scope.space,),
    )
    connection.execute("UPDATE mutations SET seq = NULL, is_contained = 0 WHERE space = ?", (scope.space,))
    connection.execute(
        "UPDATE spaces SET device = ?, next_seq = 1, acknowledged = 0 WHERE space = ?", (device, scope.space)
    )
    connection.store_change.is_outbox_changed = True


def gap(connection: StoreConnection, scope: Scope, expected: int, device: str) -> None:
    """The server asks for seq `expected`: send from there, or go on as another device where that is gone from here."""
    row = connection.execute(
        "SELECT 1 FROM mutations WHERE space = ? AND seq = ? AND state IN ('sent', 'applied')", (scope.space, expected)
    ).fetchone()
    if row is None:
        fork(connection, scope, device, expected)
    else:
        send_again(connection, scope, expected)


def send_again(connection: StoreConnection, scope: Scope, seq: int) -> None:
    """The server has forgotten what this device sent from `seq` on: what is still here is under way again, and its
    results are not acknowledged."""
    connection.execute("UPDATE spaces SET acknowledged = min(acknowledged, ?) WHERE space = ?", (seq - 1, scope.space))
    numbers = connection.execute(
        "SELECT number FROM mutations WHERE space = ? AND state = 'applied' AND seq >= ?", (scope.space, seq)
    ).fetchall()
    connection.executemany("UPDATE touches SET revision = 0 WHERE number = ?", numbers)
    connection.executemany("UPDATE mutations SET state = 'sent', outcome = NULL WHERE number = ?", numbers)
    connection.execute(  # their results are asked for once more
        "UPDATE spaces SET acknowledged = min(acknowledged, ? - 1) WHERE space = ?", (seq, scope.space)
    )
    stand_ins.forget(connection, scope, [row[0] for row in numbers])
