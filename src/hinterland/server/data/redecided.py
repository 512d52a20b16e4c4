"""What a change of the collections that rules ask does to live views: records come into them and leave them, and fields
of records are shown and hidden.

The records that it may concern are read once for all views, as they were right after the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from hinterland.kit.cel.conditions import eq, in_, or_
from hinterland.server.data.commits import LogCommit
from hinterland.server.data.log_changes import changes_since
from hinterland.server.data.related import AskedChange, AskedChanges, KeyField, Moved, Related, VariableState
from hinterland.server.data.select.compiler import WIDTH
from hinterland.server.data.select.question import Select, Window
from hinterland.server.data.views import SeenChange, Version, View, Views, version
from hinterland.server.storage.protocol import LogKey, Snapshot, Storage, StoredRecord
from hinterland.server.storage.reading import pause

MOST_CONCERNED = 2_000
"""Records that one change may bring into live views and out of them; beyond, and beyond as many changes that the feed
has yet to read, streams end, and their readers read the collection again."""
_MOST_KEYS = 200


class ConcernedRecord(NamedTuple):
    """A record that a change may concern: as it was right after the change, and as it is now; None: not there."""

    then: Version | None
    now: Version | None


Concerned = Mapping[LogKey, ConcernedRecord]
_Question = tuple[str, KeyField]


def moved_by(view: View, commit: LogCommit) -> Moved | None:
    """What a commit changes for a view in the collections that its rules ask; None: nothing."""
    if view.related is None or view.related.collections.isdisjoint(commit.collections):
        return None
    return view.related.after(_asked_changes(commit, view.related.collections))


def _asked_changes(commit: LogCommit, collections: AbstractSet[str]) -> AskedChanges:
    found: dict[str, dict[LogKey, AskedChange]] = {}
    for name, delta in commit.deltas[: commit.count]:
        if name in collections:
            key, changes = (delta.parent, delta.id), found.setdefault(name, {})
            before = changes[key].before if key in changes else state_of(delta.before)
            changes[key] = AskedChange(key, before, state_of(delta.after))
    return AskedChanges({name: [*changes.values()] for name, changes in found.items()})


def state_of(state: Version | None) -> VariableState:
    """The variable of a record's state."""
    return None if state is None else state.values(needs_document=True)


async def redecided(storage: Storage, views: Views, live: Iterable[View], commit: LogCommit) -> dict[View, View | None]:
    """The views that a commit changes otherwise than by their own records, and what each is after it, with the changes
    that it shows kept in the commit; None where these are too many to be found."""
    found: dict[View, Moved] = {}
    asking = [*live]
    changes = _asked_changes(commit, frozenset[str]().union(*[v.related.collections for v in asking if v.related]))
    known: dict[Related, Moved | None] = {}
    for number, view in enumerate(asking):
        if view.related is not None:
            if view.related not in known:
                known[view.related] = view.related.after(changes)
            if (moved := known[view.related]) is not None:
                found[view] = moved
        await pause(number, len(asking))
    wanted: dict[_Question, set[object]] = {}
    for view, moved in found.items():
        for field, some in wanted_by(view, moved) or ():
            wanted.setdefault((view.name, field), set()).update(some)
    concerned: dict[_Question, Concerned | None] = {}
    if wanted:
        async with storage.snapshot() as snapshot:
            for question, keys in wanted.items():
                concerned[question] = await concerned_by(snapshot, views, question, keys, commit.revision)
    after: dict[View, View | None] = {}
    for number, (view, moved) in enumerate(found.items()):
        after[view] = _after(views, view, moved, concerned, commit)
        await pause(number, len(found))
    return after


def moved_change(view: View, after: View, record: Version) -> SeenChange | None:
    """What a record that did not change is in the view that became `after`; None: what it was."""
    was_seen, is_seen = view.sees(record), after.sees(record)
    if was_seen is is_seen and (not is_seen or view.shown(record) == after.shown(record)):
        return None
    return after.outcome(record, was_seen=was_seen)


def wanted_by(view: View, moved: Moved) -> list[tuple[KeyField, frozenset[object]]] | None:
    """The fields by which records are found that may be concerned, and their values; None where any record may be."""
    assert view.related is not None
    fields: list[tuple[KeyField, frozenset[object]]] = []
    for ask, keys in moved.keys.items():
        if keys is None:
            return None
        fields.append((view.related.key_field(ask), keys))
    return fields


async def concerned_by(
    snapshot: Snapshot, views: Views, question: _Question, keys: set[object], revision: int
) -> Concerned | None:
    """The records that a change at `revision` may concern, and all that were changed since; None: too many.

    What these were then is in the log, before the first of their changes.
    """
    name, field = question
    values = field.values(keys)
    if len(values) > _MOST_KEYS:
        return None
    condition = in_(field.path.fields, values, field.path.type)
    if field.is_exact:
        condition = or_(condition, eq(field.path.fields, None))
    select = Select(name, None, (condition,), window=Window(MOST_CONCERNED + 1))
    statement = views.catalogue.look_up(select)
    rows, is_cut = await snapshot.fetch_some(statement.sql, statement.parameters, statement.texts)
    head = await snapshot.head()
    changes = await changes_since(snapshot, {name}, revision, head.revision, MOST_CONCERNED)
    if is_cut or len(rows) > MOST_CONCERNED or changes is None:
        return None
    since: dict[LogKey, StoredRecord | None] = {}
    latest: dict[LogKey, StoredRecord | None] = {}
    for entry in changes:
        since.setdefault((entry.parent, entry.id), entry.before)
        latest[entry.parent, entry.id] = entry.after
    found: dict[LogKey, ConcernedRecord] = {}
    for row in rows:
        if (key := (row[0], row[1])) not in since:
            same = Version(StoredRecord(*row[:WIDTH]))
            found[key] = ConcernedRecord(same, same)
    changed = {key: ConcernedRecord(version(then), version(latest[key])) for key, then in since.items()}
    return found | changed


def _after(
    views: Views,
    view: View,
    moved: Moved,
    concerned: Mapping[_Question, Concerned | None],
    commit: LogCommit,
) -> View | None:
    fields = wanted_by(view, moved)
    after = views.moved(view, moved.related)
    if fields is None:
        return None
    changes: list[tuple[int, SeenChange]] = []
    own: set[LogKey] = set()
    for place, (name, delta) in enumerate(commit.deltas[: commit.count]):
        if name == view.name:
            own.add((delta.parent, delta.id))
            was_seen = delta.before is not None and view.sees(delta.before)
            if (seen := after.outcome(delta.after, was_seen=was_seen)) is not None:
                changes.append((place, seen))
    for field, _ in fields:
        some = concerned[view.name, field]
        if some is None:
            return None
        for key, (then, _) in some.items():
            if key in own or then is None:
                continue
            own.add(key)
            if (seen := moved_change(view, after, then)) is not None:
                changes.append((commit.place_of(view.name, key), seen))
    commit.keep(after, changes)
    return after
