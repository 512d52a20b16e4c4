"""A device's store, and the steps of vectors that it takes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec

from hinterland.client.events import Event
from hinterland.client.local import mutations, pulls, pushes, results
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import AlreadySending
from hinterland.client.local.records import refresh
from hinterland.client.local.schema import MIGRATIONS
from hinterland.contract.changes import Write
from hinterland.contract.described import collections_in
from hinterland.contract.errors import Refusal
from hinterland.contract.events import ChangeEvent
from hinterland.contract.records import CompiledCollection
from hinterland.contract.sync import PullResult, Push, PushResult
from hinterland.kit.sqlite import connect, migrate, transaction

Case = dict[str, Any]
_NAMES = "lists,notes"


def described_shape(collection: Case, *, is_certain: bool = True) -> CompiledCollection:
    """A collection as a client knows it that has read the server's description."""
    found = collections_in(msgspec.json.encode({"api": 1, "collections": [collection]}), is_certain=is_certain)
    assert found is not None
    return found[collection["name"]]


class SteppedDevice:
    """A device of "ada" with an empty store, and the last push that it made."""

    def __init__(self, connection: StoreConnection, shapes: dict[str, CompiledCollection]) -> None:
        migrate(connection, MIGRATIONS)
        connection.execute("INSERT INTO spaces (space, server, account, device) VALUES (1, 's', 'ada', 'd0')")
        connection.commit()
        self.connection = connection
        self.scope = Scope(1, "ada", shapes)
        self.last = Push(device="d0", mutations=[])

    def take(self, step: Case) -> Any:
        """Take a step in a transaction; what it answers, or the code of its refusal."""
        self.connection.begin()
        try:
            with transaction(self.connection):
                acts: dict[str, Callable[[Case], Any]] = {
                    "write": self._write, "push": self._push, "answer": self._answer, "pull": self._pull,
                    "commit": self._commit,
                }  # fmt: skip
                return acts.get(step["do"], self._other)(step)
        except Refusal as refusal:
            return refusal.code
        except AlreadySending:
            return "already_sending"

    def _write(self, step: Case) -> Any:
        writes = msgspec.convert(step["writes"], list[Write])
        kept = mutations.enqueue(self.connection, self.scope, step["id"], writes, step["now"], lambda record: record)
        return [each.id for each in kept]

    def _push(self, step: Case) -> Any:
        push = pushes.next_push(self.connection, self.scope, step["limit"])
        if push is None:
            return None
        self.last = push
        pushed = [[each.seq, each.id, each.base] for each in push.mutations]
        return {"device": push.device, "acknowledged": push.acknowledged, "mutations": pushed}

    def _answer(self, step: Case) -> None:
        """Settle the first mutations of the last push."""
        pairs = zip(self.last.mutations, step["outcomes"], strict=False)
        settled = [{"seq": mutation.seq, **outcome} for mutation, outcome in pairs]
        until = settled[-1]["seq"] if settled else 0
        answer = msgspec.json.decode(msgspec.json.encode({"results": settled, "settled": until}), type=PushResult)
        results.settle(self.connection, self.scope, self.last, answer)

    def _pull(self, step: Case) -> bool:
        asked = pulls.position(self.connection, self.scope, _NAMES).cursor
        given: Case = {name: step[name] for name in ("more", "restart", "complete", "settled") if name in step}
        answer: Case = {"changes": step["changes"], "cursor": step["cursor"], **given}
        result = msgspec.convert(answer, PullResult)
        asked = "other" if step.get("is_outdated") else asked
        return pulls.take_pull(self.connection, self.scope, _NAMES, asked, result)

    def _commit(self, step: Case) -> bool:
        changes = msgspec.convert(step["changes"], list[ChangeEvent])
        event = Event(kind="commit", cursor=step["cursor"], revision=step["revision"], changes=changes)
        return pulls.take_commit(self.connection, self.scope, _NAMES, event)

    def _other(self, step: Case) -> Any:
        connection, scope = self.connection, self.scope
        match step["do"]:
            case "describe":
                return self._describe(step["collection"])
            case "start_again":
                return pulls.start_again(connection, scope)
            case "distrust":
                return pulls.distrust(connection, scope)
            case "fork":
                return results.fork(connection, scope, step["device"])
            case "gap":
                return results.gap(connection, scope, step["expected"], step["device"])
        entries = mutations.entries(connection, scope)
        if step["position"] >= len(entries):
            return None
        entry = entries[step["position"]]
        if step["do"] == "discard":
            return mutations.discard(connection, scope, entry.id)
        again, ids = mutations.retry(connection, scope, entry.id, lambda: step["again"], step["now"])
        return {"id": again, "ids": ids}

    def _describe(self, collection: Case) -> None:
        """Know the collection as it is described from now on; records with unsent writes look as that says."""
        self.scope = Scope(1, "ada", {collection["name"]: described_shape(collection)})
        keys = self.connection.execute("SELECT DISTINCT collection, parent, id FROM touches").fetchall()
        refresh(self.connection, self.scope, keys)

    def state(self) -> Case:
        """The whole state, as the vectors have it."""
        position = pulls.position(self.connection, self.scope, _NAMES)
        entries = mutations.entries(self.connection, self.scope)
        query = (
            "SELECT collection, parent, id, coalesce(view, base) FROM records WHERE is_shown ORDER BY typeof(id), id"
        )
        shown = self.connection.execute(query).fetchall()
        space = self.connection.execute("SELECT device, next_seq, acknowledged FROM spaces").fetchone()
        opened = self.connection.execute("SELECT collection, generation, is_open FROM generations").fetchall()
        return {
            "records": [[*key, msgspec.json.decode(text)] for *key, text in shown],
            "outbox": [
                {
                    "id": each.id,
                    "state": each.state,
                    "seq": each.seq,
                    "writes": [_plain(write) for write in each.writes],
                }
                for each in entries
            ],
            "position": [position.cursor, position.newest, position.is_current, position.is_whole],
            "generations": {name: [generation, bool(is_open)] for name, generation, is_open in opened},
            "space": list(space),
        }


def _plain(write: Write) -> list[Any]:
    return [write.act, write.collection, write.parent, write.id, write.body]


def run_steps(case: Case, shapes: dict[str, CompiledCollection]) -> Case:
    """What each step answers, and the state after the last one."""
    with closing(connect(":memory:", StoreConnection)) as connection:
        device = SteppedDevice(connection, shapes)
        answers = [device.take(step) for step in case["steps"]]
        return {"answers": answers, **device.state()}
