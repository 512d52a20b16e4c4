"""What is handed to the writer, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from hinterland.contract.changes import Write
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId
from hinterland.contract.records import Document
from hinterland.contract.sync import Lost, Settled
from hinterland.server.security.sessions import Actor
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.system import RowAct


class WrittenRecord(NamedTuple):
    """One record after the write that names it: None where it was deleted."""

    collection: str
    id: RecordId
    parent: str
    before: StoredRecord | None
    after: StoredRecord | None


class Answer(NamedTuple):
    """The stored answer of a keyed request: status and body."""

    status: int
    body: bytes


class WriteResult(NamedTuple):
    """What a request did: its records in the order of its writes, the commit's `revision`, the ids that the server gave
    to creations, by position, lost edits, the `answer` that its key keeps, and whether this is such an answer
    `replayed`."""

    records: tuple[WrittenRecord, ...] = ()
    revision: int = 0
    ids: Mapping[int, RecordId] = MappingProxyType({})
    lost: tuple[Lost, ...] = ()
    answer: Answer | None = None
    replayed: bool = False
    settled: Settled | None = None


class IdempotencyKey(NamedTuple):
    """An idempotency key: whose it is, the key, and a digest of the request that it names."""

    caller: str
    key: str
    fingerprint: str


class DeviceStep(NamedTuple):
    """A device's next mutation: its place in the queue, and digests: `fingerprint` of all that it is, `mutation` of its
    id, `content` of what it writes, "" where it is withdrawn."""

    account: str
    device: str
    seq: int
    fingerprint: str
    mutation: str
    content: str


class Times(NamedTuple):
    """When an imported record was created and updated, in the wire form; None: now."""

    created: str | None = None
    updated: str | None = None


class TransactionHook(Protocol):
    """Says which system rows change with a record that was `old` and will be `new`; None: there is none.

    `by` whom: the "system" or an administrator, the "owner" whose record it is, or any "other" caller whom the rules
    allow it. May raise a refusal.
    """

    def __call__(self, id: RecordId, old: Document | None, new: Document | None, by: Actor) -> Sequence[RowAct]:
        """The rows' changes, in the transaction of the record's."""


class WriteRequest(NamedTuple):
    """Ordered writes that happen together or not at all, with everything that they depend on.

    `acts` are the system rows that change with them. `is_trusted` skips rules and allows given integer ids: for the
    account operations and imports. `timestamp` and `base` come from a device. `answer` makes the body that `key` keeps:
    it is pure and short, since it runs in the writer. `times`, by position, are those that created records keep.
    `is_profile_only`: what is written to a user's record does not change how the user signs in."""

    writes: Sequence[Write]
    caller: Principal = SIGNED_OUT
    acts: Sequence[RowAct] = ()
    is_trusted: bool = False
    key: IdempotencyKey | None = None
    step: DeviceStep | None = None
    timestamp: float | None = None
    base: Sequence[int] = ()
    answer: Callable[[WriteResult], Answer] | None = None
    times: Sequence[Times | None] = ()
    is_profile_only: bool = False
