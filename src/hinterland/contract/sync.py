"""The messages of synchronisation: what a device pushes, and what it pulls."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.errors import Problem
from hinterland.contract.events import ChangeEvent
from hinterland.contract.identity import RecordId
from hinterland.contract.query import GivenCursor
from hinterland.contract.values import MAX_SAFE_INTEGER
from hinterland.kit.strict_json import MAX_DEPTH

MAX_MUTATIONS = 200
MAX_WRITES = 500  # of one mutation
MAX_UNACKNOWLEDGED = 1_000  # results of a device that the server keeps; a push acknowledges those before it
MAX_PUSH_WRITES = 1_000  # of all mutations of a push, since others wait while they are written
MAX_COLLECTIONS = 100
PUSH_DEPTH = MAX_DEPTH + 5  # a record's body may be as deep in a push as alone
FUTURE_SECONDS = 60.0

# What OpenAPI says of them; the server's own checks name the mutation.
_Id = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_-]{1,64}$"})]
_FromOne = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_SAFE_INTEGER})]
_Names = Annotated[list[str], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_COLLECTIONS})]
_Writes = Annotated[list[Write], msgspec.Meta(extra_json_schema={"maxItems": MAX_WRITES})]


class Mutation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A local transaction: `writes`, 500 at most, that happen together or not at all.

    `seq` counts a device's mutations from 1 without gaps; `id` is the client's, unique for its user; `base` is the
    revision that the device had seen of each written record (by position; 0: none); `timestamp` is hybrid time in
    seconds since 1970 (a timestamp beyond the server's time + 60 s is clamped).

    Without writes it withdraws the mutation of this `seq` and `id`: if that is not settled, it never will be applied,
    and its outcome is `withdrawn`; if it is, its outcome is answered.
    """

    seq: _FromOne
    id: str
    writes: _Writes
    base: list[int] = []
    timestamp: float = 0.0


class Push(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The device's next mutations; `acknowledged` is the seq up to which it has kept the results.

    There are 200 at most, with 1,000 writes together. Where 1,000 results of the device would not be acknowledged, the
    push is refused with `unacknowledged`.
    """

    device: _Id
    mutations: Annotated[list[Mutation], msgspec.Meta(extra_json_schema={"maxItems": MAX_MUTATIONS})]
    acknowledged: int = 0


class Lost(msgspec.Struct, frozen=True):
    """A field's edit that the merge policy did not take: what the device wrote and the result."""

    field: str
    mine: Any
    theirs: Any


class Settled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one mutation, kept by the server until acknowledged.

    `applied` with the new `revision`, the `ids` that the server gave to creations, by the write's position from 0, and
    `lost` edits of a merge; or `refused` with the `problem`, or `withdrawn` by the device: nothing of it was applied,
    and the mutations after it go on.
    """

    seq: int
    status: Literal["applied", "refused", "withdrawn"]
    revision: int = 0
    ids: dict[int, RecordId] = {}
    lost: list[Lost] = []
    problem: Problem | None = None


class PushResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes in order of seq; `settled` is the last seq that the server has decided for this device."""

    results: list[Settled]
    settled: int


class Pull(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request for what changed in `collections` since `cursor` ("" : everything); at most about `limit` changes.

    `device` asks for the last settled seq too, so that the client knows which of its own writes the answer contains.
    """

    collections: _Names
    cursor: GivenCursor = ""
    limit: _FromOne = 500
    device: str = ""


class PullResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes up to `cursor`, which ends at a commit's end; `more` says that the next pull goes on at once.

    `restart` names the collections that are now sent whole: mark what arrives, and sweep the rest when `complete`
    names them. `reason` says why. `settled`: the device's last settled seq that the answer contains.
    """

    changes: list[ChangeEvent]
    cursor: str
    more: bool = False
    restart: list[str] = []
    complete: list[str] = []
    reason: str = ""
    settled: int = 0
