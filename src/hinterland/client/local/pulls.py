"""Applying what the server sends: pulls and live commits, each in one transaction with the cursor behind it.

A space has one cursor for its *subscription*, the names of the collections that it keeps, in order, comma between. When
that grows, the server sends the new ones whole. The cursor's *newest* is the highest revision that came with it: a
live commit at or below it is in the store already.

A collection that is sent whole gets a new *generation*; what arrives carries it, and at the end what carries an older
one is swept. Marks are in the store, so that an app that ends in between goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hinterland.client.events import Event
from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.pushes import has_unanswered
from hinterland.client.local.records import refresh, set_base, text
from hinterland.client.local.results import contain_applied, contain_until, send_again
from hinterland.contract.events import ChangeEvent
from hinterland.contract.sync import PullResult


class Position(msgspec.Struct, frozen=True):
    """How far a subscription has come. `is_current`: nothing was left to fetch at its last pull, nor missed since.
    `is_whole`: that was so once, and the store holds something of every record that is to be seen."""

    cursor: str = ""
    newest: int = 0
    is_current: bool = False
    is_whole: bool = False


def position(connection: StoreConnection, scope: Scope, subscription: str) -> Position:
    """How far the subscription has come; a new one begins with the cursor "", one that has changed goes on."""
    row = connection.execute(
        "SELECT cursor, newest, is_current, is_whole, collections FROM cursors WHERE space = ?", (scope.space,)
    ).fetchone()
    if row is None:
        return Position()
    is_same = row[4] == subscription
    return Position(row[0], row[1], bool(row[2]) and is_same, bool(row[3]) and is_same)


def start_again(connection: StoreConnection, scope: Scope) -> None:
    """Forget the cursor: the next pull fetches everything; what is in the store stays until it was replaced."""
    connection.execute("DELETE FROM cursors WHERE space = ?", (scope.space,))


def distrust(connection: StoreConnection, scope: Scope) -> None:
    """Something was missed: no live commit is taken before the next pull has come to its end."""
    connection.execute("UPDATE cursors SET is_current = 0 WHERE space = ?", (scope.space,))


def take_pull(connection: StoreConnection, scope: Scope, subscription: str, asked: str, result: PullResult) -> bool:
    """Apply the answer to a pull from the cursor `asked`; False: it is outdated, and nothing was done."""
    before = position(connection, scope, subscription)
    if before.cursor != asked:
        return False
    whole = subscription.split(",") if asked == "" else result.restart
    generations = _open(connection, scope, subscription, whole)
    stale = _take(connection, scope, result.changes, generations)
    done = generations if not result.more else result.complete
    for collection in done:
        if generations.get(collection, (0, False))[1]:
            stale += _sweep(connection, scope, collection)
    if not result.more:
        send_again(connection, scope, result.settled + 1)  # acknowledged, and forgotten by a restored server
        stale += contain_until(connection, scope, result.settled)
    refresh(connection, scope, stale)
    newest = _highest(result.changes, 0 if whole else before.newest)
    _keep(
        connection,
        scope,
        subscription,
        Position(result.cursor, newest, not result.more, before.is_whole or not result.more),
    )
    return True


def take_commit(connection: StoreConnection, scope: Scope, subscription: str, event: Event) -> bool:
    """Apply a live commit, or a position; False: it has to be pulled.

    So it is where the store is not up to date, and where own writes are under way whose outcome is unknown: only a pull
    tells which of them it contains. Until that pull no later commit is taken either, for its cursor would skip this
    one. Own writes that were applied up to the commit's revision are contained.
    """
    before = position(connection, scope, subscription)
    if not before.is_current or has_unanswered(connection, scope):
        distrust(connection, scope)
        return False
    stale: list[Key] = []
    is_new = not event.changes or _highest(event.changes, 0) > before.newest
    if is_new:
        stale += _take(connection, scope, event.changes, _open(connection, scope, subscription, ()))
    newest = max(before.newest, event.revision)
    refresh(connection, scope, stale + contain_applied(connection, scope, newest))
    _keep(connection, scope, subscription, Position(event.cursor if is_new else before.cursor, newest, True, True))
    return True


def is_followed(connection: StoreConnection, scope: Scope, subscription: str) -> bool:
    """Whether live events bring all that is new, so that nothing has to be pulled; what they have brought already of
    own writes is contained."""
    before = position(connection, scope, subscription)
    if not before.is_current or has_unanswered(connection, scope):
        return False
    refresh(connection, scope, contain_applied(connection, scope, before.newest))
    return True


def _highest(changes: Iterable[ChangeEvent], newest: int) -> int:
    return max(newest, max((change.revision for change in changes), default=0))


def _keep(connection: StoreConnection, scope: Scope, subscription: str, new: Position) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO cursors (space, collections, cursor, newest, is_current, is_whole)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (scope.space, subscription, new.cursor, new.newest, new.is_current, new.is_whole),
    )


# ---------------------------------------------------------------- records

_Generations = dict[str, tuple[int, bool]]


def _open(connection: StoreConnection, scope: Scope, subscription: str, whole: Iterable[str]) -> _Generations:
    """The generation of each collection and whether it is being sent whole, after beginning that for `whole`."""
    connection.executemany(
        "INSERT INTO generations (space, collection, generation, is_open) VALUES (?, ?, 1, 1)"
        " ON CONFLICT DO UPDATE SET generation = generation + 1, is_open = 1",
        [(scope.space, collection) for collection in whole],
    )
    names = set(subscription.split(","))
    rows = connection.execute("SELECT collection, generation, is_open FROM generations WHERE space = ?", (scope.space,))
    return {name: (generation, bool(is_open)) for name, generation, is_open in rows if name in names}


def _take(
    connection: StoreConnection, scope: Scope, changes: Iterable[ChangeEvent], generations: _Generations
) -> list[Key]:
    """Keep the changes; answers the keys whose views must be made anew because unsent writes lie on them."""
    stale: list[Key] = []
    for change in changes:
        key = (change.collection, change.parent, change.id)
        generation, is_open = generations.get(change.collection, (0, False))
        held, of_generation, is_touched = _held(connection, scope, key)
        # What a new generation has not replaced yet is never later: a server that was restored from a backup counts
        # revisions from an earlier number.
        if of_generation >= (generation if is_open else 0) and held > change.revision > 0:
            continue
        base = text(change.record) if change.kind in ("create", "update") else None
        if base is None and not is_touched:
            _forget(connection, scope, key)
        else:
            set_base(connection, scope, key, base, change.revision, generation)
        connection.store_change.keys.add(key)
        if is_touched:
            stale.append(key)
    return stale


def _held(connection: StoreConnection, scope: Scope, key: Key) -> tuple[int, int, bool]:
    """The revision and generation in which the store holds a record (0: it does not), and whether writes lie on it."""
    row = connection.execute(
        "SELECT revision, generation, EXISTS (SELECT 1 FROM touches t WHERE t.space = r.space"
        " AND t.collection = r.collection AND t.parent = r.parent AND t.id = r.id)"
        " FROM records r WHERE space = ? AND collection = ? AND parent = ? AND id = ?",
        (scope.space, *key),
    ).fetchone()
    return row or (0, 0, False)


def _forget(connection: StoreConnection, scope: Scope, key: Key) -> None:
    connection.execute(
        "DELETE FROM records WHERE space = ? AND collection = ? AND parent = ? AND id = ?", (scope.space, *key)
    )


def _sweep(connection: StoreConnection, scope: Scope, collection: str) -> list[Key]:
    """End a generation: what did not arrive in it is gone."""
    where = (
        "space = ? AND collection = ? AND base IS NOT NULL AND generation <"
        " (SELECT generation FROM generations g WHERE g.space = records.space AND g.collection = records.collection"
        " AND is_open)"
    )
    gone: list[Key] = connection.execute(
        f"SELECT collection, parent, id FROM records WHERE {where}", (scope.space, collection)
    ).fetchall()
    connection.execute(f"UPDATE records SET base = NULL, revision = 0 WHERE {where}", (scope.space, collection))
    connection.execute(
        "UPDATE generations SET is_open = 0 WHERE space = ? AND collection = ?", (scope.space, collection)
    )
    return gone
