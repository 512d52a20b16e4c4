"""Where a stream begins, and its first events: at its cursor, where the log can be read on from that."""

from __future__ import annotations

from hinterland.server.data.cursors import CHANGED, UNFINISHED, UNKNOWN, Cursor, Cursors
from hinterland.server.data.moved_views import were_moved
from hinterland.server.data.outlets import Outlet
from hinterland.server.storage.protocol import Head, Snapshot

LogPosition = tuple[int, int]
"""The revision at which a commit ended, and the commit's check value."""


async def opening_of(snapshot: Snapshot, cursors: Cursors, outlet: Outlet, cursor: str) -> tuple[LogPosition, bytes]:
    """Where the stream of an outlet begins that is asked for from `cursor` on ("": from now on), and its first
    events."""
    known, encoder = cursors.known(cursor), outlet.encoder
    head = await snapshot.head()
    reason = await _lost(snapshot, head, cursors, outlet, known) if known is not None else ""
    position = (head.revision, head.check)
    if known is None and cursor:
        # `ready` without a cursor: should the stream be cut before the next event, that one is not missed.
        return position, encoder.ready("") + encoder.resync(outlet.cursor(*position), UNKNOWN)
    if known is not None and reason:
        ready = encoder.ready(cursors.write(known))  # the old one, for the same reason
        return position, ready + encoder.resync(outlet.cursor(*position), reason)
    if known is not None:
        position = (known.revision, known.check)
    return position, encoder.ready(outlet.cursor(*position))


async def _lost(snapshot: Snapshot, head: Head, cursors: Cursors, outlet: Outlet, cursor: Cursor) -> str:
    """Why the outlet can't be continued from a cursor; "" where it can."""
    if reason := await cursors.lost(snapshot, head, cursor):
        return reason
    if any(cursor.views.get(name) != fingerprint for name, fingerprint in outlet.fingerprints.items()):
        return CHANGED
    if await were_moved(snapshot, outlet.views.values(), cursor.revision, head):
        return CHANGED
    return UNFINISHED if cursor.pending else ""
