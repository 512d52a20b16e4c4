"""A device's queue as the server keeps it: how far its mutations are settled, and their outcomes until it knows them.

The rows have no expiry: a mutation is applied exactly once, however late it comes again. A copy of a device's store, or
one restored from a backup, goes on as another device with the same mutations: their outcomes are kept by account and id
too, for as long as the log goes back, so that it hears them instead of doing everything twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import MAX_UNACKNOWLEDGED, Mutation, Settled
from hinterland.contract.temporary import StandIns
from hinterland.server.data import given_ids
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.requests import DeviceStep, WriteRequest
from hinterland.server.data.state import Deferred, State
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Drop, Expect, Put, Row, RowAct

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Settled).decode
_FIRST_KEPT = "SELECT min(seq) FROM _results WHERE account = ? AND device = ?"
_FINGERPRINTS = "SELECT seq, fingerprint FROM _results WHERE account = ? AND device = ? AND seq BETWEEN ? AND ?"
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def step_of(account: str, device: str, mutation: Mutation) -> DeviceStep:
    """The mutation's place in its device's queue, with digests that are the same however its JSON was written; a
    withdrawal has no content. What a copy of the store sends has another seq, and may have another base."""
    id = _digest(mutation.id.encode())[:32]
    if not mutation.writes:
        return DeviceStep(account, device, mutation.seq, f"{id}-", id, "")
    content = _content(mutation.writes, mutation.timestamp)
    return DeviceStep(account, device, mutation.seq, f"{id}-{_digest(_encode_sorted(mutation))}", id, content)


def with_known_ids(request: WriteRequest, step: DeviceStep, given: StandIns, catalogue: Catalogue) -> WriteRequest:
    """The request of a device with the digest that its content has once the ids given for stand-ins are known, since
    one attempt may name a record by its stand-in, and the next, or a copy's, by its id."""
    if not step.content or not given:
        return request
    others = given.without(request.writes)
    writes = [others.write(write, given_ids.fields_of(catalogue, write)) for write in request.writes]
    content = _content(writes, request.timestamp or 0.0)
    return request._replace(step=step._replace(content=content))


def _content(writes: Sequence[Write], timestamp: float) -> str:
    return _digest(_encode_sorted((writes, timestamp)))[:32]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Device:
    """A device's queue: all up to `settled` have an outcome, those from `first_kept` on one that it has not
    acknowledged. `fingerprints` are those of them that a push sends once more."""

    def __init__(self, key: Row, settled: int, first_kept: int, fingerprints: dict[int, str]) -> None:
        self.key = key
        self.settled = settled
        self.first_kept = first_kept
        self.fingerprints = fingerprints

    @classmethod
    async def read(cls, snapshot: Snapshot, account: str, device: str, steps: Sequence[DeviceStep]) -> Device:
        """The queue of an account's device, as far as it matters to `steps`, in order; an empty one where it was never
        heard of."""
        key = _key(account, device)
        row = await snapshot.row("_devices", key)
        if row is None:
            return cls(key, 0, 1, {})
        settled = row["settled"]
        [(first,)] = await snapshot.fetch(_FIRST_KEPT, (account, device))
        first_kept = settled + 1 if first is None else first
        span = (max(steps[0].seq, first_kept), min(steps[-1].seq, settled)) if steps else (1, 0)
        found = await snapshot.fetch(_FINGERPRINTS, (account, device, *span)) if span[0] <= span[1] else []
        return cls(key, settled, first_kept, dict(map(tuple, found)))

    def check(self, steps: Sequence[DeviceStep], acknowledged: int) -> None:
        """Raises `gap` where a mutation is missing, `fork` where the device's past is not the one known here, and
        `unacknowledged` where too many outcomes would have to be kept."""
        if acknowledged > self.settled:
            raise _fork(self.settled, f"the server knows this device's mutations up to {self.settled} only")
        expected = self.settled + 1
        for step in steps:
            if step.seq < expected:
                if not _is_same(self.fingerprints.get(step.seq), step.fingerprint):
                    raise _fork(self.settled, f"another store used mutation {step.seq} of this device")
            elif step.seq > expected:
                raise _gap(expected)
            else:
                expected += 1
        last_known = max(acknowledged, self.first_kept - 1)
        if expected - 1 > self.settled and expected - 1 - last_known > MAX_UNACKNOWLEDGED:
            raise _unacknowledged(last_known)

    def forgetting(self, acknowledged: int) -> list[RowAct]:
        """What drops the outcomes that the device has acknowledged, and the ids that it has heard."""
        if acknowledged < self.first_kept:
            return []
        return [Drop(table, self.key, {"seq": acknowledged}) for table in ("_results", "_stand_ins")]


async def settled(snapshot: Snapshot, account: str, device: str) -> int:
    """Up to which seq a device's mutations are settled; 0: none."""
    row = await snapshot.row("_devices", _key(account, device))
    return row["settled"] if row is not None else 0


async def outcomes(snapshot: Snapshot, account: str, device: str) -> list[Settled]:
    """The outcomes that a device has not acknowledged."""
    return [_decode(row["result"]) for row in await snapshot.rows("_results", _key(account, device))]


async def known(step: DeviceStep, state: State) -> Settled | None:
    """The outcome of a step that was settled before; None where it is the device's next.

    Raises `gap`, `fork`, and `Deferred` where the group is about to settle it.
    """
    key = _key(step.account, step.device)
    device = await state.row("_devices", key)
    last = device["settled"] if device is not None else 0
    if step.seq == last + 1:
        return None
    if step.seq > last:
        raise _gap(last + 1)
    row = await state.row("_results", {**key, "seq": step.seq})
    if row is None or not _is_same(row["fingerprint"], step.fingerprint):
        raise _fork(last, f"another store used mutation {step.seq} of this device")
    if row["result"] is None:
        raise Deferred
    return _decode(row["result"])


async def heard(step: DeviceStep, state: State) -> Settled | None:
    """The outcome of the step's mutation where another device, which has a copy of its store, handed it in.

    A mutation that was edited since the copy is another one. Raises `Deferred` where the group is about to settle it.
    """
    row = await state.row("_mutations", _mutation_key(step))
    if row is None or (row["content"] and step.content and row["content"] != step.content):
        return None
    if row["result"] is None:
        raise Deferred
    return msgspec.structs.replace(_decode(row["result"]), seq=step.seq)


async def unheard(step: DeviceStep, state: State) -> list[Expect]:
    """What must still hold when the outcome of a mutation that nobody handed in before is written."""
    key = _mutation_key(step)
    return [] if await state.row("_mutations", key) is not None else [Expect("_mutations", key, None)]


def taken(step: DeviceStep) -> list[RowAct]:
    """What later requests of the group must know of a step before its outcome can be written."""
    key = _key(step.account, step.device)
    return [
        Put("_results", {**key, "seq": step.seq, "fingerprint": step.fingerprint, "result": None}),
        Put("_devices", {**key, "settled": step.seq}),
        Put("_mutations", {**_mutation_key(step), "content": step.content, "result": None}),
    ]


def settle(step: DeviceStep, outcome: Settled, now: float) -> list[RowAct]:
    """What keeps a step's outcome."""
    key, text = _key(step.account, step.device), _encode(outcome)
    return [
        Put("_results", {**key, "seq": step.seq, "fingerprint": step.fingerprint, "result": text}),
        Put("_devices", {**key, "settled": step.seq, "at": now}),
        Put("_mutations", {**_mutation_key(step), "content": step.content, "result": text, "at": now}),
    ]


def guard(step: DeviceStep) -> Expect:
    """What must still hold when a step's outcome is written, lest two processes settle it."""
    last = step.seq - 1
    return Expect("_devices", _key(step.account, step.device), {"settled": last} if last else None)


def _is_same(kept: str | None, asked: str) -> bool:
    """Whether two fingerprints name one mutation: equal ones, and where one is its withdrawal, those of one id. The
    first versions kept the digest of the content alone."""
    if kept is None or kept == asked:
        return kept == asked
    asked_id, _, asked_content = asked.partition("-")
    if "-" not in kept:
        return kept == asked_content
    kept_id, _, kept_content = kept.partition("-")
    return kept_id == asked_id and not (kept_content and asked_content)


def _key(account: str, device: str) -> Row:
    return {"account": account, "device": device}


def _mutation_key(step: DeviceStep) -> Row:
    return {"account": step.account, "id": step.mutation}


def _gap(expected: int) -> Refusal:
    return Refusal("gap", f"mutation {expected} comes first", details={"expected": expected})


def _unacknowledged(last_known: int) -> Refusal:
    message = (
        f"the results after mutation {last_known} are not acknowledged, and {MAX_UNACKNOWLEDGED:,} are kept at most; "
        "send in `acknowledged` the last seq whose result is kept on the device"
    )
    return Refusal("unacknowledged", message, details={"acknowledged": last_known})


def _fork(settled: int, message: str) -> Refusal:
    return Refusal("fork", f"{message}: take a new device id", details={"settled": settled})
