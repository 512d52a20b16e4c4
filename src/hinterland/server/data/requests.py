"""What the writer is given, and what it returns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId
from hinterland.contract.json_patch import PatchOperation
from hinterland.contract.sync import Lost, Settled
from hinterland.contract.temporary import StandIns
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.given_ids import GivenIds
from hinterland.server.data.state import State
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.system import Row, RowAct


class WrittenRecord(NamedTuple):
    """One record after the write that names it: None where it was deleted. `asked`: of its fields whose read rules ask
    other collections, those that the caller sees, where the request `shows_records`."""

    collection: str
    id: RecordId
    parent: str
    before: StoredRecord | None
    after: StoredRecord | None
    asked: frozenset[str] = frozenset()


class Answer(NamedTuple):
    """The stored answer of a keyed request: status and body."""

    status: int
    body: bytes


class WriteResult(NamedTuple):
    """What a request did: its records in the order of its writes, the commit's `revision`, the ids that the server gave
    to creations, by position, and lost edits. Of a request that happens once, also the `answer` or the `settled`
    outcome that is kept for it, and whether that is `replayed`. `refused`, by position, are the writes that were left
    out."""

    records: tuple[WrittenRecord, ...] = ()
    revision: int = 0
    ids: Mapping[int, RecordId] = MappingProxyType({})
    lost: tuple[Lost, ...] = ()
    answer: Answer | None = None
    replayed: bool = False
    settled: Settled | None = None
    refused: Mapping[int, Refusal] = MappingProxyType({})


class KeptOutcome(NamedTuple):
    """The `result` of a request that happens once, the rows that keep it for repetitions, and `guards`: what must
    still hold when these are written where other processes write too."""

    result: WriteResult
    acts: Sequence[RowAct] = ()
    guards: Sequence[RowAct] = ()


class Once(Protocol):
    """Makes one request happen exactly once: its outcome is kept in its own transaction, and repetitions get that.

    Each attempt of the writer begins with `known`; the other methods are of the attempt that it began.
    """

    @property
    def keeps_refusals(self) -> bool:
        """Whether a refusal of the request is an outcome too; else a repetition is tried afresh."""
        ...

    @property
    def name(self) -> Hashable | None:
        """A second request of the same name is refused while the first one runs; None: it is not."""
        ...

    def reads(self) -> Sequence[tuple[str, Row]]:
        """The system rows, by table and key, that `known` asks for: those of a group are read together."""
        ...

    async def known(self, state: State, catalogue: Catalogue, now: float) -> KeptOutcome | None:
        """The outcome of the request, where it has one. Raises the refusal of one that is not a repetition but has its
        name, and `Deferred` where the group is about to give it one."""
        ...

    async def look_up(self, given: GivenIds, catalogue: Catalogue) -> StandIns:
        """Find the ids that were given for stand-ins that the request names."""
        ...

    def stand_ins(self) -> StandIns:
        """The ids that were given for stand-ins that the request names, to which the plan adds those that it gives."""
        ...

    async def guards(self, state: State) -> Sequence[RowAct]:
        """What must still hold when the request is written where other processes write too."""
        ...

    def naming(self, ids: Mapping[int, RecordId]) -> Sequence[RowAct]:
        """The rows that keep the `ids` that its creations were given, by position, for later requests."""
        ...

    def claims(self) -> Sequence[RowAct]:
        """Rows that later requests of the group must see before the outcome can be written."""
        ...

    def keep(self, result: WriteResult, now: float) -> KeptOutcome:
        """The result as its caller gets it, and the rows that keep it."""
        ...

    def keep_refusal(self, refusal: Refusal, now: float) -> KeptOutcome:
        """The same of a refusal; only where this `keeps_refusals`."""
        ...


class WriteRights(NamedTuple):
    """What a request may do beyond what the rules allow its caller.

    `skips_rules`: no rule is asked, and every record can be viewed. `sets_all_fields`: fields that are hidden or
    admin-only can be written. `chooses_ids`: it may give integer ids.
    """

    skips_rules: bool = False
    sets_all_fields: bool = False
    chooses_ids: bool = False


OF_RULES = WriteRights()
OF_SYSTEM = WriteRights(skips_rules=True, sets_all_fields=True)
OF_IMPORT = WriteRights(skips_rules=True, sets_all_fields=True, chooses_ids=True)


class Times(NamedTuple):
    """When an imported record was created and updated, in the wire form; None: now."""

    created: str | None = None
    updated: str | None = None


ABSENT = -1
OUTDATED = -2  # what no record's revision is


class HookedWrite(NamedTuple):
    """What before-hooks saw and did of one write: the revision of the record that is written over (`ABSENT`: there was
    none to see; `OUTDATED`: they did not run; None: it does not matter), the fields that they set, what the caller had
    `sent` in these, and what they refused it with."""

    seen: int | None = None
    fields: frozenset[str] = frozenset()
    sent: Mapping[str, Any] = MappingProxyType({})
    refusal: Refusal | None = None


class HooksOutdated(Exception):
    """Before-hooks saw another state of the record than the one that would be written over: they must run again."""


class CallerLeft(Exception):
    """The request's caller no longer waits: the rest of its writes is not decided, and nothing is written."""


class Upsert(NamedTuple):
    """A write, whose act is for a record that exists, creates it where none has its value of the unique field `by`, or
    its id where that is "id". `value`: what it was sent, where hooks may have changed it. `parameter`: what the caller
    calls `by`."""

    by: str
    value: Any = None
    parameter: str = "by"


class JsonPatch(NamedTuple):
    """A patch, without a body, makes of the record what these operations make of it as its caller sees it."""

    operations: Sequence[PatchOperation]


class WholeValues(NamedTuple):
    """A patch whose values take the place of those of the record: nothing is merged, and nothing is a transform."""


WriteForm = Upsert | JsonPatch | WholeValues
"""What a write is beyond its act."""
OnRefusal = Literal["end", "place", "collect", "skip"]
"""What becomes of a request when one of its writes is refused: the refusal ends it, as it is or with the "place" of the
write; or the others are tried too, and then it ends with all refusals, or is written without those that are refused."""
Intent = Literal["record", "profile"]
"""What a write of a user's record means: the record with the e-mail that signs in, or the profile alone."""


class WriteRequest(NamedTuple):
    """Ordered writes that happen together or not at all, with everything that they depend on.

    `acts` are the system rows that change with them. `rights`: beyond its caller's, which an administrator has most of
    anyway. `origin` ("": none), `timestamp` and `base` come from a device. `times`, by position, are those that created
    records keep. `hooked`, by position, are the writes that before-hooks saw. `refusal`: why it is refused unless it
    already has an outcome. `forms`, by position, are those of writes that are more than their act. `is_batch`:
    creations may have temporary ids of any form, by which later writes name their records. `shows_records`: its answer
    has the records as the caller sees them.
    """

    writes: Sequence[Write]
    caller: Principal = SIGNED_OUT
    acts: Sequence[RowAct] = ()
    rights: WriteRights = OF_RULES
    once: Once | None = None
    origin: str = ""
    timestamp: float | None = None
    base: Sequence[int] = ()
    times: Sequence[Times | None] = ()
    intent: Intent = "record"
    hooked: Mapping[int, HookedWrite] = MappingProxyType({})
    refusal: Refusal | None = None
    forms: Mapping[int, WriteForm] = MappingProxyType({})
    on_refusal: OnRefusal = "end"
    is_batch: bool = False
    shows_records: bool = False
