"""The changes of some collections that the log has since a revision, for those who must know all of them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hinterland.server.storage.protocol import PAGE_BYTES, LogEntry, Snapshot

MOST_PASSED = 100_000
"""Changes of all collections that are looked through."""
MOST_BYTES = 16 * PAGE_BYTES
"""Of the records before and after the changes."""
_PAGE = 500


async def changes_since(
    snapshot: Snapshot, collections: AbstractSet[str], revision: int, through: int, most: int
) -> list[LogEntry] | None:
    """The changes of `collections` beyond a revision and not beyond `through`, in order; None where they are more than
    `most`, or more than can be looked through and kept."""
    if through - revision > MOST_PASSED:
        return None
    found: list[LogEntry] = []
    size, after = 0, revision
    while after < through:
        page = await snapshot.log_of(collections, after, through, _PAGE)
        found += page
        size += sum(state.size for entry in page for state in (entry.before, entry.after) if state is not None)
        if len(found) > most or size > MOST_BYTES:
            return None
        after = page[-1].revision if page and not page.is_last else through
    return found
