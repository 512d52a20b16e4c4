"""How a protocol says in bytes what a subscription delivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hinterland.contract.errors import Refusal
from hinterland.server.data.views import Delta, SeenChange


class VisibleChange(NamedTuple):
    """A change of a collection's record, as a view shows it."""

    collection: str
    delta: Delta
    seen: SeenChange


class Encoder(Protocol):
    """A protocol's form of the events in `contract.events`; one object for all streams of the protocol.

    What is encoded is sent one after the other, whole events and pieces of large ones, so each event ends itself.
    `silence` keeps a stream alive on which nothing happens.
    """

    @property
    def silence(self) -> bytes: ...

    def ready(self, cursor: str) -> bytes:
        """The stream begins at `cursor` ("": at one that this server did not make)."""
        ...

    def position(self, cursor: str) -> bytes:
        """A later cursor without news."""
        ...

    def resync(self, cursor: str, reason: str) -> bytes:
        """The cursor can't be continued; `reason` as in `contract.events.Resync`."""
        ...

    def end(self, cursor: str, refusal: Refusal) -> bytes:
        """The server ends the stream, for a reason."""
        ...

    def changes(self, revision: int, changes: Sequence[VisibleChange]) -> bytes:
        """What is sent of the commit that ends at `revision` to all who see the same of it, up to the event's end.

        It is made once for them, so it has no cursor, which differs between them.
        """
        ...

    def commit_head(self, cursor: str, changes: bytes) -> bytes:
        """What is sent right before `changes`, with the cursor behind them."""
        ...
