"""Exactly once by a mutation's place in its device's queue: its outcome is kept until the device acknowledges it.

A copy of a device's store, or one restored from a backup, goes on as another device with the same mutations. So the
outcomes are kept by account and mutation id too: the copy receives them instead of doing everything twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Mutation, Settled
from hinterland.contract.temporary import StandIns
from hinterland.server.data import given_ids
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.devices import device_key, fork, gap, is_same_mutation
from hinterland.server.data.requests import KeptOutcome, WriteResult
from hinterland.server.data.state import Deferred, State
from hinterland.server.data.steps import DeviceStep, content_of
from hinterland.server.storage.system import Expect, Put, Row, RowAct

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Settled).decode


class OnceByStep:
    """A `step` of a device with the `writes` and the `timestamp` that the device sent."""

    def __init__(self, step: DeviceStep, writes: Sequence[Write], timestamp: float = 0.0) -> None:
        self.step = step
        self._writes = writes
        self._timestamp = timestamp
        self._content = step.content
        self._stand_ins = StandIns()

    @classmethod
    def of(cls, step: DeviceStep, mutation: Mutation) -> OnceByStep:
        """The mutation at its step."""
        return cls(step, mutation.writes, mutation.timestamp)

    @property
    def keeps_refusals(self) -> bool:
        """A refused mutation is settled, so that it does not hold up the next ones."""
        return True

    @property
    def name(self) -> None:
        """A step that is pushed twice waits for its first outcome."""

    def reads(self) -> Sequence[tuple[str, Row]]:
        """The rows of the device and of the mutation."""
        return [("_devices", device_key(self.step.account, self.step.device)), ("_mutations", self._mutation_key)]

    async def known(self, state: State, catalogue: Catalogue, now: float) -> KeptOutcome | None:
        """The outcome that is kept for the step, or for its mutation where another device, which has a copy of the
        store, pushed that. Raises `gap`, `fork`, and `Deferred` where the group is about to settle it."""
        if (settled := await self._settled(state)) is not None:
            return KeptOutcome(WriteResult(settled=settled, replayed=True))
        await self.look_up(state.given_ids, catalogue)
        if (copied := await self._settled_of_copy(state)) is None:
            return None
        kept = self._kept(WriteResult(settled=copied), copied, now)
        return kept._replace(acts=[*kept.acts, *self.naming(copied.ids)], guards=[self._is_next()])

    async def look_up(self, given: given_ids.GivenIds, catalogue: Catalogue) -> StandIns:
        """Find the ids that were given for the stand-ins that the writes name; the digest of the content is then one
        with these, since one attempt may name a record by its stand-in, and the next, or a copy's, by its id."""
        self._stand_ins = await given.of(self.step, self._writes, catalogue)
        self._content = self.step.content
        if self._content and self._stand_ins:
            others = self._stand_ins.without(self._writes)
            writes = [others.write(write, given_ids.fields_of(catalogue, write)) for write in self._writes]
            self._content = content_of(writes, self._timestamp)
        return self._stand_ins

    def stand_ins(self) -> StandIns:
        """The ids that were given for stand-ins that the writes name."""
        return self._stand_ins

    async def _settled(self, state: State) -> Settled | None:
        """The outcome of the step; None where it is the device's next."""
        key = device_key(self.step.account, self.step.device)
        device = await state.row("_devices", key)
        last = device["settled"] if device is not None else 0
        if self.step.seq == last + 1:
            return None
        if self.step.seq > last:
            raise gap(last + 1)
        row = await state.row("_results", {**key, "seq": self.step.seq})
        if row is None or not is_same_mutation(row["fingerprint"], self.step.fingerprint):
            raise fork(last, f"another store used mutation {self.step.seq} of this device")
        if row["result"] is None:
            raise Deferred
        return _decode(row["result"])

    async def _settled_of_copy(self, state: State) -> Settled | None:
        """The outcome of the mutation under another step. One that was edited since the copy is another mutation."""
        row = await state.row("_mutations", self._mutation_key)
        if row is None or (row["content"] and self._content and row["content"] != self._content):
            return None
        if row["result"] is None:
            raise Deferred
        return msgspec.structs.replace(_decode(row["result"]), seq=self.step.seq)

    async def guards(self, state: State) -> Sequence[RowAct]:
        """No other process has settled the step, or the mutation where it is new."""
        is_new = await state.row("_mutations", self._mutation_key) is None
        return [self._is_next(), *([Expect("_mutations", self._mutation_key, None)] if is_new else [])]

    def _is_next(self) -> Expect:
        last = self.step.seq - 1
        key = device_key(self.step.account, self.step.device)
        return Expect("_devices", key, {"settled": last} if last else None)

    def naming(self, ids: Mapping[int, RecordId]) -> Sequence[RowAct]:
        """The rows by which later mutations of the device find the records by their stand-ins."""
        return given_ids.keep(self.step, self._stand_ins.learn(self._writes, ids), ids) if ids else ()

    def claims(self) -> Sequence[RowAct]:
        """The step is settled, with an outcome to come."""
        key = device_key(self.step.account, self.step.device)
        return [
            Put("_results", {**key, "seq": self.step.seq, "fingerprint": self.step.fingerprint, "result": None}),
            Put("_devices", {**key, "settled": self.step.seq}),
            Put("_mutations", {**self._mutation_key, "content": self._content, "result": None}),
        ]

    def keep(self, result: WriteResult, now: float) -> KeptOutcome:
        """The outcome without the records, which no push reads, and the rows that keep it."""
        settled = Settled(
            seq=self.step.seq,
            status="applied" if self._writes else "withdrawn",
            revision=result.revision,
            ids=dict(result.ids),
            lost=list(result.lost),
        )
        return self._kept(result._replace(records=(), settled=settled), settled, now)

    def keep_refusal(self, refusal: Refusal, now: float) -> KeptOutcome:
        """The outcome `refused` with the problem, and the rows that keep it."""
        settled = Settled(seq=self.step.seq, status="refused", problem=refusal.problem())
        return self._kept(WriteResult(settled=settled), settled, now)

    def _kept(self, result: WriteResult, settled: Settled, now: float) -> KeptOutcome:
        key, text = device_key(self.step.account, self.step.device), _encode(settled)
        fingerprint = self.step.fingerprint
        acts = [
            Put("_results", {**key, "seq": self.step.seq, "fingerprint": fingerprint, "result": text}),
            Put("_devices", {**key, "settled": self.step.seq, "at": now}),
            Put("_mutations", {**self._mutation_key, "content": self._content, "result": text, "at": now}),
        ]
        return KeptOutcome(result, acts)

    @property
    def _mutation_key(self) -> Row:
        return {"account": self.step.account, "id": self.step.mutation}
