"""What a pull sends after a change of the collections that a view's rules ask: the records that came into the view,
those that left it, and those that it shows otherwise, where it is known what it was when the device pulled last.

That is found by undoing the log's changes of what is asked. The fingerprint in the device's cursor proves it. Records
are sent as they are now: what they were meanwhile, the caller may not have been allowed to see.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hinterland.server.data.redecided import concerned_by, moved_change, state_of, wanted_by
from hinterland.server.data.related import AskedChange, AskedChanges
from hinterland.server.data.views import Delta, View, Views, change_text, version
from hinterland.server.storage.protocol import PAGE_BYTES, Head, LogKey, Snapshot, octets
from hinterland.server.storage.reading import pause

_PAGE = 500
_MOST_READ = 1_000
"""Changes of the log since the device pulled; where it lacks more, the collection is sent whole."""


async def moved_since(
    snapshot: Snapshot, views: Views, view: View, fingerprint: bytes, revision: int, head: Head
) -> list[str] | None:
    """The changes that make of what the view with a `fingerprint` was at a revision what `view` is now: ChangeEvents as
    JSON texts. None: that view is not known, or the changes are too many."""
    undone = None if view.related is None else await _undone(snapshot, view.related.collections, revision, head)
    moved = None if view.related is None or undone is None else view.related.after(undone)
    if moved is None:
        return None
    before = views.moved(view, moved.related)
    wanted = wanted_by(view, moved)
    if before.fingerprint != fingerprint or wanted is None:
        return None
    found: dict[LogKey, str] = {}
    for field, keys in wanted:
        concerned = await concerned_by(snapshot, views, (view.name, field), {*keys}, revision)
        if concerned is None:
            return None
        for number, (key, (then, now)) in enumerate(concerned.items()):
            if then is not None and then is now:
                seen = moved_change(before, view, then)
            else:
                seen = view.outcome(now, was_seen=then is not None and before.sees(then))
            if seen is not None:
                at = revision if now is None else now.record.revision
                found[key] = change_text(seen, view.name, Delta(*key, at, None, None))
            await pause(number, len(concerned))
    return [*found.values()] if sum(map(octets, found.values())) <= PAGE_BYTES else None


async def was_moved(snapshot: Snapshot, view: View, revision: int, head: Head) -> bool:
    """Whether a change since a revision concerned what the view's rules ask for its caller, be it that all is again as
    it was: what records were meanwhile, the caller may not have been allowed to see. True where that is too long to
    find out."""
    related = view.related
    if related is None:
        return False
    after, read = revision, 0
    while after < head.revision:
        page = await snapshot.log(after, _PAGE, head.revision, collections=related.collections)
        read += len(page)
        if read > _MOST_READ or not page:
            return read > _MOST_READ
        for number, entry in enumerate(page):
            if entry.collection in related.collections:
                states = state_of(version(entry.after)), state_of(version(entry.before))
                change = AskedChange((entry.parent, entry.id), *states)
                if related.after(AskedChanges({entry.collection: [change]})) is not None:
                    return True
            await pause(number, len(page))
        after = page[-1].commit
    return False


async def _undone(snapshot: Snapshot, collections: AbstractSet[str], revision: int, head: Head) -> AskedChanges | None:
    """What makes of the records of `collections` what they were at a revision; None: too many changes."""
    found: dict[str, dict[LogKey, AskedChange]] = {}
    after, read = revision, 0
    while after < head.revision:
        page = await snapshot.log(after, _PAGE, head.revision, collections=collections)
        read += len(page)
        if read > _MOST_READ or not page:
            return None
        for entry in page:
            if entry.collection in collections:
                key, changes = (entry.parent, entry.id), found.setdefault(entry.collection, {})
                then = changes[key].after if key in changes else state_of(version(entry.before))
                changes[key] = AskedChange(key, state_of(version(entry.after)), then)
        after = page[-1].commit
    return AskedChanges({name: [*changes.values()] for name, changes in found.items()})
