"""What a subscription delivers.

A stream (`/v1/events`, Server-sent events) carries, in order: `ready` (the cursor it starts from), then a `commit` for
each commit in which something visible to the caller changed, `position` now and then (a later cursor without news),
where the cursor can't be continued, `resync`, and where the server ends the stream for a reason, `end` with a problem
(`contract.errors.Problem`). Each carries its cursor as the event's id; a client that comes back
with `Last-Event-ID` gets what it missed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from hinterland.contract.identity import RecordId

ChangeKind = Literal["create", "update", "delete", "left"]


class ChangeEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One record's change as the caller sees it. `record` is the whole record after it; a delete, and a record that
    *left* the caller's view, carry the id alone."""

    kind: ChangeKind
    collection: str
    id: RecordId
    parent: str = ""
    revision: int = 0
    record: dict[str, Any] | None = None


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a `commit` event: the `revision` that the commit ends at, and its visible changes in the order in
    which they were written.

    A subscriber has then seen all that is visible to it up to that revision: a push that was applied at it or before
    (`contract.sync.Settled.revision`) is contained.
    """

    revision: int
    changes: list[ChangeEvent]


class Resync(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a `resync` event: why the cursor can't be continued; read the collections again.

    `reason`: "expired" (the log does not reach back to it), "restored" (the database has another history), "changed"
    (fields, rules or the caller's rights), "unfinished" (of a pull that has not sent everything yet), "unknown" (this
    server did not make it).
    """

    reason: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Lets a browser open one stream, since it can't send a header: single use, `expires_in` seconds."""

    ticket: str
    expires_in: int


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a stream is asked for: 1 to 100 collections, for a single one a CEL `filter`, and where to go on from.

    `lastEventId` is what libraries send that can't send the header Last-Event-ID; `ticket` is for browsers, which send
    no header Authorization.
    """

    collection: Annotated[list[str], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": 100})]
    filter: Annotated[str, msgspec.Meta(extra_json_schema={"format": "cel"})] = ""
    cursor: str = ""
    lastEventId: str = ""  # noqa: N815
    ticket: str | None = None
