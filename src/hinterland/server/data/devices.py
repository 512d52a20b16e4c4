"""A device's queue as the server keeps it: how far its mutations are settled, and their outcomes until it knows them.

The rows have no expiry: a mutation is applied exactly once, however late it is pushed again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.sync import MAX_UNACKNOWLEDGED, Settled
from hinterland.server.data.steps import DeviceStep
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Drop, Row, RowAct

_decode = msgspec.json.Decoder(Settled).decode
_FIRST_KEPT = "SELECT min(seq) FROM _results WHERE account = ? AND device = ?"
_FINGERPRINTS = "SELECT seq, fingerprint FROM _results WHERE account = ? AND device = ? AND seq BETWEEN ? AND ?"


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
        """The queue of an account's device, as far as it matters to `steps`, in order; an empty one where it is
        unknown."""
        key = device_key(account, device)
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
            raise fork(self.settled, f"the server knows this device's mutations up to {self.settled} only")
        expected = self.settled + 1
        for step in steps:
            if step.seq < expected:
                if not is_same_mutation(self.fingerprints.get(step.seq), step.fingerprint):
                    raise fork(self.settled, f"another store used mutation {step.seq} of this device")
            elif step.seq > expected:
                raise gap(expected)
            else:
                expected += 1
        last_known = max(acknowledged, self.first_kept - 1)
        if expected - 1 > self.settled and expected - 1 - last_known > MAX_UNACKNOWLEDGED:
            raise _unacknowledged(last_known)

    def forgetting(self, acknowledged: int) -> list[RowAct]:
        """What drops the outcomes that the device has acknowledged, and the ids that it has kept."""
        if acknowledged < self.first_kept:
            return []
        return [Drop(table, self.key, {"seq": acknowledged}) for table in ("_results", "_stand_ins")]


async def settled(snapshot: Snapshot, account: str, device: str) -> int:
    """Up to which seq a device's mutations are settled; 0: none."""
    row = await snapshot.row("_devices", device_key(account, device))
    return row["settled"] if row is not None else 0


async def outcomes(snapshot: Snapshot, account: str, device: str) -> list[Settled]:
    """The outcomes that a device has not acknowledged."""
    return [_decode(row["result"]) for row in await snapshot.rows("_results", device_key(account, device))]


def is_same_mutation(kept: str | None, asked: str) -> bool:
    """Whether two fingerprints name one mutation: equal ones, and where one is its withdrawal, those of one id. The
    first versions kept the digest of the content alone."""
    if kept is None or kept == asked:
        return kept == asked
    asked_id, _, asked_content = asked.partition("-")
    if "-" not in kept:
        return kept == asked_content
    kept_id, _, kept_content = kept.partition("-")
    return kept_id == asked_id and not (kept_content and asked_content)


def device_key(account: str, device: str) -> Row:
    """The key of a device's row."""
    return {"account": account, "device": device}


def gap(expected: int) -> Refusal:
    """The refusal of a mutation before which others are missing."""
    return Refusal("gap", f"mutation {expected} comes first", details={"expected": expected})


def _unacknowledged(last_known: int) -> Refusal:
    message = (
        f"the results after mutation {last_known} are not acknowledged, and {MAX_UNACKNOWLEDGED:,} are kept at most; "
        "send in `acknowledged` the last seq whose result is kept on the device"
    )
    return Refusal("unacknowledged", message, details={"acknowledged": last_known})


def fork(settled: int, message: str) -> Refusal:
    """The refusal of a device whose past is not the one that is known here."""
    return Refusal("fork", f"{message}; use a new device id", details={"settled": settled})
