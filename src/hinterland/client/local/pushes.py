"""What is sent next: the outbox's mutations in order, each with its number for the server."""

from __future__ import annotations

import msgspec

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.outcomes import Outcome
from hinterland.client.local.posts import first_open
from hinterland.client.local.records import text, writes_in
from hinterland.contract.errors import Problem
from hinterland.contract.sync import MAX_WRITES, Mutation, Push
from hinterland.contract.temporary import created, references

_LAST = 2**63 - 1
_bases = msgspec.json.Decoder(list[int])


def first_new(connection: StoreConnection, scope: Scope) -> int:
    """The seq that the next mutation gets which goes out for the first time."""
    [seq] = connection.execute("SELECT next_seq FROM spaces WHERE space = ?", (scope.space,)).fetchone()
    return int(seq)


def has_unanswered(connection: StoreConnection, scope: Scope) -> bool:
    """Whether mutations are under way, of which the outcome is unknown."""
    row = connection.execute("SELECT 1 FROM mutations WHERE space = ? AND state = 'sent' LIMIT 1", (scope.space,))
    return row.fetchone() is not None


def take_back(connection: StoreConnection, scope: Scope, seq: int) -> None:
    """The server has taken nothing from `seq` on: these mutations wait as if they had never been sent."""
    connection.execute(
        "UPDATE mutations SET state = 'pending', seq = NULL WHERE space = ? AND state = 'sent' AND seq >= ?",
        (scope.space, seq),
    )
    connection.execute("UPDATE spaces SET next_seq = ? WHERE space = ?", (seq, scope.space))
    connection.store_change.is_outbox_changed = True


def failed(connection: StoreConnection, mutation: str, problem: Problem) -> int:
    """Count a failed push of the mutation alone; answers how many there were. `problem` is kept as its reason, should
    the server settle it without its content."""
    outcome = Outcome(mutation=mutation, status="refused", problem=problem)
    [failures] = connection.execute(
        "UPDATE mutations SET failures = failures + 1, outcome = ? WHERE id = ? RETURNING failures",
        (text(outcome), mutation),
    ).fetchone()
    connection.store_change.is_outbox_changed = True
    return int(failures)


def next_push(connection: StoreConnection, scope: Scope, limit: int) -> Push | None:
    """The next at most `limit` mutations in order, each with its seq; None: there is nothing to send.

    Those of which the outcome is unknown come first, as they were. The batch ends before a mutation that refers to a
    temporary id whose real one is not known yet, and before a GraphQL mutation, which is sent on its own.
    """
    device, next_seq, acknowledged = connection.execute(
        "SELECT device, next_seq, acknowledged FROM spaces WHERE space = ?", (scope.space,)
    ).fetchone()
    batch: list[Mutation] = []
    size, made = 0, set[str]()
    for row in _unsettled(connection, scope, limit):
        number, name, seq, moment, bases, writes = row
        mutation = _mutation(name, seq or next_seq, moment, bases, writes)
        size += len(mutation.writes)
        if batch and (size > MAX_WRITES or made & {name for write in mutation.writes for name in references(write)}):
            break
        made.update(created(write) for write in mutation.writes)
        if seq is None:
            next_seq += 1
            connection.execute("UPDATE mutations SET state = 'sent', seq = ? WHERE number = ?", (mutation.seq, number))
        batch.append(mutation)
    if not batch:
        return None
    connection.execute("UPDATE spaces SET next_seq = ? WHERE space = ?", (next_seq, scope.space))
    connection.store_change.is_outbox_changed = True
    return Push(device=device, mutations=batch, acknowledged=acknowledged)


def empty_push(connection: StoreConnection, scope: Scope) -> Push:
    """A push without mutations, which only asks whether the server answers."""
    device, acknowledged = connection.execute(
        "SELECT device, acknowledged FROM spaces WHERE space = ?", (scope.space,)
    ).fetchone()
    return Push(device=device, mutations=[], acknowledged=acknowledged)


def _unsettled(
    connection: StoreConnection, scope: Scope, limit: int
) -> list[tuple[int, str, int | None, float, str, str]]:
    """Two questions, each answered in order by an index: the work is the same however many wait."""
    columns = "SELECT number, id, seq, timestamp, base, writes FROM mutations WHERE space = ?"
    sent = connection.execute(f"{columns} AND state = 'sent' ORDER BY seq LIMIT ?", (scope.space, limit)).fetchall()
    new = f"{columns} AND state = 'pending' AND number < ? ORDER BY number LIMIT ?"
    end = first_open(connection, scope) or _LAST
    return sent + connection.execute(new, (scope.space, end, limit - len(sent))).fetchall()


def _mutation(mutation: str, seq: int, moment: float, bases: str, writes: str) -> Mutation:
    return Mutation(seq=seq, id=mutation, base=_bases.decode(bases), timestamp=moment, writes=writes_in(writes))
