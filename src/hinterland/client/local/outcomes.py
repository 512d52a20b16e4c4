"""What becomes of a write made on this device."""

from __future__ import annotations

from typing import Literal

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.errors import Problem
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Lost

EntryState = Literal["pending", "sent", "applied", "refused", "conflicted"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of the mutation `mutation`.

    `applied` at the database's `revision`, with the `ids` that the server gave for temporary ones and the edits that a
    merge `lost`; `refused` with its `problem`, and held; or `discarded` on this device.
    """

    mutation: str
    status: Literal["applied", "refused", "discarded"]
    revision: int = 0
    ids: dict[str, RecordId] = {}
    lost: list[Lost] = []
    problem: Problem | None = None

    @property
    def is_applied(self) -> bool:
        """Whether the server has taken it."""
        return self.status == "applied"


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A mutation in the outbox.

    `pending`: not sent yet. `sent`: the server may have it, its outcome is unknown. `applied`: the server has it, and
    the next pull will show it. `refused`: held with its `problem`. `conflicted`: applied, but the edits in `lost` gave
    way to others. `seq` is its number for the server once it was sent; `timestamp` is in seconds since 1970."""

    id: str
    state: EntryState
    seq: int | None
    timestamp: float
    writes: list[Write]
    problem: Problem | None = None
    lost: list[Lost] = []


class Counts(msgspec.Struct, frozen=True):
    """How many mutations are `waiting` for their outcome, and how many are `held` because they were refused or lost an
    edit."""

    waiting: int = 0
    held: int = 0
