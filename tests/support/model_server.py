"""A small server of synchronisation in memory: the contract's push, pull and events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Literal

import msgspec

from hinterland.client.answers import error_of
from hinterland.client.errors import ConnectError
from hinterland.client.events import Event
from hinterland.contract import changes
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.events import ChangeEvent
from hinterland.contract.identity import RecordId, is_temporary
from hinterland.contract.records import Collection, CompiledCollection, Document
from hinterland.contract.sync import Lost, Mutation, Pull, PullResult, Push, PushResult, Settled
from hinterland.contract.values import instant
from hinterland.kit.clock import Clock

Key = tuple[str, str, RecordId]
Rule = Callable[[RecordId, Document], bool]


class Change(msgspec.Struct):
    """One record's change in the log."""

    revision: int
    key: Key
    before: Document | None
    after: Document | None
    origin: tuple[RecordId, str]
    timestamp: float


class Device(msgspec.Struct):
    """What the server knows of one device of one user. `at` maps a seq to the revision after it was decided."""

    settled: int = 0
    results: dict[int, tuple[bytes, Settled]] = {}
    at: dict[int, int] = {}


class State(msgspec.Struct):
    """Everything that a backup holds."""

    log: list[list[Change]] = []
    records: dict[Key, Document] = {}
    devices: dict[tuple[RecordId, str], Device] = {}
    next_id: int = 1


class Cursor(msgspec.Struct, array_like=True):
    """A place in the log for some collections, and while some are sent whole, the key of the last one sent."""

    database_id: int
    view: int
    revision: int
    names: list[str]
    whole: list[str] = []
    after: tuple[str, str, str] = ("", "", "")


class ModelServer:
    """`may_see` decides what an account reads, `may_write` what it writes; both may change at any time."""

    def __init__(self, clock: Clock, collections: Iterable[Collection]) -> None:
        self.clock = clock
        self.shapes = {collection.name: CompiledCollection(collection) for collection in collections}
        self.may_see: Rule = lambda account, record: True
        self.may_write: Rule = lambda account, record: True
        self.view = 0
        self.state = State()
        self.database_id = 0
        self.taken: list[tuple[RecordId, str, Mutation]] = []
        self.is_down = False
        self._news = asyncio.Event()

    # ------------------------------------------------------------ what an administrator does

    def backup(self) -> State:
        """A copy of everything."""
        return deepcopy(self.state)

    def restore(self, state: State) -> None:
        """Go back to a copy, as another database id."""
        self.state = deepcopy(state)
        self.database_id += 1
        self._ring()

    def change_view(self, may_see: Rule) -> None:
        """Other read rules: every cursor's view is outdated."""
        self.may_see = may_see
        self.view += 1
        self._ring()

    def write(self, *writes: Write, timestamp: float | None = None) -> list[Change]:
        """Writes of somebody who needs no device."""
        moment = self.clock.now() if timestamp is None else timestamp
        done = self._commit(("", ""), Mutation(seq=0, id="", writes=list(writes), timestamp=moment))
        self._ring()
        return done[0]

    @property
    def revision(self) -> int:
        """The last change's number."""
        return self.state.log[-1][-1].revision if self.state.log else 0

    # ------------------------------------------------------------ push

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """The contract's `sync.push`."""
        self._check(account)
        device = self.state.devices.setdefault((account, push.device), Device())
        for mutation in push.mutations:
            if mutation.seq <= device.settled:
                self._check_known(device, mutation)
            elif mutation.seq > device.settled + 1:
                raise error_of(Refusal("gap", details={"expected": device.settled + 1}).problem())
            else:
                self._settle(account, push.device, device, mutation)
        for seq in [seq for seq in device.results if seq <= push.acknowledged]:
            del device.results[seq]
        self._ring()
        results = [result for _, result in device.results.values()]
        return PushResult(results=results, settled=device.settled)

    def _check(self, account: RecordId) -> None:
        if self.is_down:
            raise ConnectError
        if account == "":
            raise error_of(Refusal("unauthorized").problem())

    def _check_known(self, device: Device, mutation: Mutation) -> None:
        known = device.results.get(mutation.seq)
        if known is not None and known[0] != msgspec.json.encode(mutation):
            kept = msgspec.json.decode(known[0], type=Mutation)
            if kept.id == mutation.id and not (kept.writes and mutation.writes):
                return
        if known is None or known[0] != msgspec.json.encode(mutation):
            raise error_of(Refusal("fork").problem())

    def _settle(self, account: RecordId, name: str, device: Device, mutation: Mutation) -> None:
        try:
            done, ids, lost = self._commit((account, name), mutation)
            status: Literal["applied", "withdrawn"] = "applied" if mutation.writes else "withdrawn"
            revision = done[-1].revision if done else 0
            result = Settled(seq=mutation.seq, status=status, revision=revision, ids=ids, lost=lost)
            if mutation.writes:
                self.taken.append((account, name, mutation))
        except Refusal as error:
            result = Settled(seq=mutation.seq, status="refused", problem=error.problem())
        device.settled = mutation.seq
        device.at[mutation.seq] = self.revision
        device.results[mutation.seq] = (msgspec.json.encode(mutation), result)

    # ------------------------------------------------------------ the write path

    def _commit(
        self, origin: tuple[RecordId, str], mutation: Mutation
    ) -> tuple[list[Change], dict[int, RecordId], list[Lost]]:
        state, revision, now = self.state, self.revision, instant(self.clock.now())
        staged: dict[Key, Document | None] = {}
        names: dict[str, RecordId] = {}
        ids: dict[int, RecordId] = {}
        lost: list[Lost] = []
        done: list[Change] = []
        for index, write in enumerate(mutation.writes):
            record_id = self._id(write, names)
            if record_id != write.id and write.act == "create":
                ids[index] = record_id
            key = (write.collection, write.parent, record_id)
            before = staged[key] if key in staged else state.records.get(key)
            base = mutation.base[index] if index < len(mutation.base) else 0
            write = msgspec.structs.replace(write, id=record_id, body=dict(write.body))
            if write.act == "patch":
                lost += self._merge(write, key, base, origin, mutation.timestamp)
            after = self._after(write, before, now, origin[0])
            if not self.may_write(origin[0], after or before or {}):
                raise Refusal("forbidden", "the rules do not allow this")
            revision += 1
            staged[key] = None if after is None else {**after, "revision": revision}
            done.append(Change(revision, key, before, staged[key], origin, mutation.timestamp))
        for key, record in staged.items():
            state.records.pop(key, None)
            if record is not None:
                state.records[key] = record
        if done:
            state.log.append(done)
        return done, ids, lost

    def _id(self, write: Write, ids: dict[str, RecordId]) -> RecordId:
        record_id = ids.get(str(write.id), write.id)
        is_integer = self.shapes[write.collection].collection.ids == "integer"
        if write.act == "create" and is_integer:
            if record_id != "" and not is_temporary(record_id):
                raise Refusal("validation", "the server gives the id")
            ids[str(record_id)] = self.state.next_id
            self.state.next_id += 1
            return ids[str(record_id)]
        if isinstance(record_id, int) is not is_integer:
            raise Refusal("not_found", f"there is no {record_id}")
        return record_id

    def _after(self, write: Write, before: Document | None, now: str, account: RecordId) -> Document | None:
        shape = self.shapes[write.collection]
        document = None if before is None else {name: before[name] for name in shape.names}
        after = changes.apply(shape, write, document, now, account)
        if after is None:
            return None
        created = now if before is None else before["created_at"]
        return {"id": write.id, "created_at": created, "updated_at": now, "revision": 0, **after}

    def _merge(self, write: Write, key: Key, base: int, origin: tuple[RecordId, str], timestamp: float) -> list[Lost]:
        """Leave out what somebody else changed after `base` and with a later timestamp."""
        lost = []
        for change in (each for commit in self.state.log for each in commit):
            if change.key != key or change.revision <= base or change.origin == origin or change.timestamp <= timestamp:
                continue
            before, after = change.before or {}, change.after or {}
            for name in [name for name in write.body if before.get(name) != after.get(name)]:
                lost.append(Lost(name, write.body.pop(name), after.get(name)))
        return lost

    # ------------------------------------------------------------ pull

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """The contract's `sync.pull`."""
        if self.is_down:
            raise ConnectError
        for name in pull.collections:
            if name not in self.shapes:
                raise error_of(Refusal("unknown_collection", details={"collection": name}).problem())
        cursor, reason = self._read(pull)
        device = self.state.devices.get((account, pull.device), Device())
        if cursor.whole:
            return self._whole(account, pull, cursor, reason, device)
        found: list[ChangeEvent] = []
        end = cursor.revision
        for commit in self.state.log:
            if commit[-1].revision <= cursor.revision:
                continue
            if len(found) >= pull.limit:
                break
            found += self.visible(account, commit, pull.collections)
            end = commit[-1].revision
        position = Cursor(self.database_id, self.view, end, pull.collections)
        more = end < self.revision
        return PullResult(changes=found, cursor=_text(position), more=more, settled=_settled(device, end))

    def _read(self, pull: Pull) -> tuple[Cursor, str]:
        names = pull.collections
        fresh = Cursor(self.database_id, self.view, self.revision, names, names)
        if pull.cursor == "":
            return fresh, ""
        try:
            cursor = msgspec.json.decode(pull.cursor, type=Cursor)
        except msgspec.MsgspecError:
            raise error_of(Refusal("invalid_cursor").problem()) from None
        if cursor.database_id != self.database_id:
            return fresh, "the database was restored"
        if cursor.view != self.view:
            return fresh, "the rules are others"
        added = [name for name in names if name not in cursor.names]
        whole = [*cursor.whole, *added]  # what was being sent whole begins again
        return (Cursor(self.database_id, self.view, cursor.revision, names, whole) if added else cursor), ""

    def _whole(self, account: RecordId, pull: Pull, cursor: Cursor, reason: str, device: Device) -> PullResult:
        """A page of the collections as they are now, in the order of keys; afterwards the log from where it began."""
        state = sorted((_order(key), key, record) for key, record in self.state.records.items())
        left = [
            (order, key, record)
            for order, key, record in state
            if key[0] in cursor.whole and order > cursor.after and self.may_see(account, record)
        ]
        page, is_last = left[: pull.limit], len(left) <= pull.limit
        found = [_event("update", key, record["revision"], record) for _, key, record in page]
        place = (cursor.database_id, cursor.view, cursor.revision, pull.collections)
        following = Cursor(*place) if is_last else Cursor(*place, cursor.whole, page[-1][0])
        more = not is_last or cursor.revision < self.revision
        return PullResult(
            changes=found,
            cursor=_text(following),
            more=more,
            restart=cursor.whole if not any(cursor.after) and pull.cursor else [],
            complete=cursor.whole if is_last else [],
            reason=reason,
            settled=_settled(device, cursor.revision) if is_last else 0,
        )

    def visible(self, account: RecordId, commit: Sequence[Change], collections: Sequence[str]) -> list[ChangeEvent]:
        """A commit's changes as an account sees them."""
        found = []
        for change in commit:
            if change.key[0] not in collections:
                continue
            saw = change.before is not None and self.may_see(account, change.before)
            sees = change.after is not None and self.may_see(account, change.after)
            if sees:
                found.append(_event("update" if saw else "create", change.key, change.revision, change.after))
            elif saw:
                kind = "delete" if change.after is None else "left"
                found.append(_event(kind, change.key, change.revision, None))
        return found

    # ------------------------------------------------------------ events

    async def events(self, account: RecordId, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """The client's live events: `offline` while the server is down, `ready` when it is back."""
        at: str = cursor
        is_up: bool | None = None
        while True:
            news = self._news
            if self.is_down:
                if is_up is not False:
                    yield Event(kind="offline", cursor=at, reason="it is down")
                is_up = False
            else:
                if not is_up:
                    is_up = True
                    yield Event(kind="ready", cursor=at)
                for event in self._since(account, collections, at):
                    at = event.cursor
                    yield event
            await news.wait()

    def _since(self, account: RecordId, collections: Sequence[str], cursor: str) -> Iterator[Event]:
        place = msgspec.json.decode(cursor, type=Cursor)
        if (place.database_id, place.view) != (self.database_id, self.view):
            now = Cursor(self.database_id, self.view, self.revision, [*collections])
            yield Event(kind="resync", cursor=_text(now), reason="the cursor can't be continued")
            return
        for commit in self.state.log:
            if commit[-1].revision > place.revision:
                at = _text(Cursor(self.database_id, self.view, commit[-1].revision, [*collections]))
                found = self.visible(account, commit, collections)
                revision = commit[-1].revision if found else 0
                yield Event(kind="commit" if found else "position", cursor=at, revision=revision, changes=found)

    def _ring(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nothing reaches the server meanwhile."""
        self.is_down = True
        self._ring()
        yield
        self.is_down = False
        self._ring()


def _order(key: Key) -> tuple[str, str, str]:
    return key[0], str(key[1]), str(key[2])


def _event(kind: Any, key: Key, revision: int, record: Document | None) -> ChangeEvent:
    return ChangeEvent(
        kind=kind, collection=key[0], parent=key[1], id=key[2], revision=revision, record=deepcopy(record)
    )


def _settled(device: Device, revision: int) -> int:
    return max((seq for seq, at in device.at.items() if at <= revision), default=0)


def _text(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()
