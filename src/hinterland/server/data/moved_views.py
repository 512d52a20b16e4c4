"""What a pull sends after a change of the collections that a view's rules ask: the records that came into the view,
those that left it, and those that it shows otherwise, where it is known what it was when the device pulled last.

That is found by undoing the log's changes of what is asked. The fingerprint in the device's cursor proves it. Records
are sent as they are now: what they were meanwhile, the caller may not have been allowed to see.
"""

from __future__ import annotations

from collections.abc import Iterable

from hinterland.server.data.log_changes import changes_since
from hinterland.server.data.redecided import concerned_by, moved_change, state_of, wanted_by
from hinterland.server.data.related import AskedChange, AskedChanges
from hinterland.server.data.views import Delta, View, Views, change_text, version
from hinterland.server.storage.protocol import PAGE_BYTES, Head, LogEntry, LogKey, Snapshot, octets
from hinterland.server.storage.reading import pause

MOST_ASKED = 1_000
"""Changes of what rules ask since the cursor; where there are more, the collection is sent whole."""


async def moved_since(
    snapshot: Snapshot, views: Views, view: View, fingerprint: bytes, revision: int, asked: Iterable[LogEntry]
) -> list[str] | None:
    """The changes that make of what the view with a `fingerprint` was at a revision what `view` is now: ChangeEvents as
    JSON texts. `asked`: what its rules ask changed so since then. None: that view is not known, or the changes are too
    many."""
    moved = None if view.related is None else view.related.after(_undone(asked))
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


async def were_moved(snapshot: Snapshot, views: Iterable[View], revision: int, head: Head) -> bool:
    """Whether a change since a revision concerned what the rules of views ask for their caller, be it that all is again
    as it was: what records were meanwhile, the caller may not have been allowed to see. True where that is too long to
    find out."""
    asking = [view.related for view in views if view.related is not None]
    if not asking:
        return False
    names = frozenset[str]().union(*[related.collections for related in asking])
    changes = await changes_since(snapshot, names, revision, head.revision, MOST_ASKED)
    if changes is None:
        return True
    for number, entry in enumerate(changes):
        undone = _undone([entry])
        if any(related.after(undone) is not None for related in asking if entry.collection in related.collections):
            return True
        await pause(number, len(changes))
    return False


def _undone(changes: Iterable[LogEntry]) -> AskedChanges:
    """What makes of the records that changed what they were before."""
    found: dict[str, dict[LogKey, AskedChange]] = {}
    for entry in changes:
        key, known = (entry.parent, entry.id), found.setdefault(entry.collection, {})
        then = known[key].after if key in known else state_of(version(entry.before))
        known[key] = AskedChange(key, state_of(version(entry.after)), then)
    return AskedChanges({name: [*changes.values()] for name, changes in found.items()})
