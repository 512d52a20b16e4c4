"""What becomes of a write made on this device."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.errors import Problem
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Lost

EntryState = Literal["pending", "sent", "applied", "refused", "conflicted"]


class QueuedDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A GraphQL mutation: the text of its document, which of its operations, and their variables.

    `key` is its idempotency key, `optimistic` the data that is shown until its outcome is known. `sent_at` is when it
    may first have reached the server, in seconds since 1970; None: it was never sent.
    """

    query: str
    key: str
    operation: str = ""
    variables: dict[str, Any] = {}
    optimistic: dict[str, Any] | None = None
    sent_at: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of the mutation `mutation`.

    `applied` at the database's `revision`, with the `ids` that the server gave for temporary ones and the edits that a
    merge `lost`; `refused` with its `problem`, and held; or `discarded` on this device. That of a GraphQL mutation has
    the `data` and `errors` of the response, the data that came in spite of a refusal too.
    """

    mutation: str
    status: Literal["applied", "refused", "discarded"]
    revision: int = 0
    ids: dict[str, RecordId] = {}
    lost: list[Lost] = []
    problem: Problem | None = None
    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] = []

    @property
    def is_applied(self) -> bool:
        """Whether the server has taken it."""
        return self.status == "applied"


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A mutation in the outbox.

    `pending`: not sent yet. `sent`: the server may have it, its outcome is unknown. `applied`: the server has it, and
    the next pull will show it, or the cache of GraphQL. `refused`: held with its `problem`. `conflicted`: applied, but
    the edits in `lost` gave way to others. `seq` is its number for the server once it was sent; `timestamp` is in
    seconds since 1970. It has `writes`, or is the GraphQL mutation `document`.
    """

    id: str
    state: EntryState
    seq: int | None
    timestamp: float
    writes: list[Write]
    problem: Problem | None = None
    lost: list[Lost] = []
    document: QueuedDocument | None = None


class Counts(msgspec.Struct, frozen=True):
    """How many mutations are `waiting` for their outcome, and how many are `held` because they were refused or lost an
    edit."""

    waiting: int = 0
    held: int = 0
