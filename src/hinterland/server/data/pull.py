"""What a device lacks: whole collections first, then the changes of the log, a page at a time, each page one snapshot.

A collection is sent whole in the order of its keys, as it was at the cursor's revision: a record that was changed since
is sent as it was then, from the log, so that the log can be read on from there and no state appears twice. Where the
caller's rights changed, that revision is the newest; and where rules ask other collections, every record is sent as it
is now: what it was before, the caller may not have been allowed to see.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.query import MAX_LIMIT
from hinterland.contract.sync import MAX_COLLECTIONS, Pull, PullResult, Settled
from hinterland.kit.cel.conditions import in_
from hinterland.server.data import devices
from hinterland.server.data.cursors import CHANGED, Cursor, Cursors
from hinterland.server.data.log_changes import changes_since
from hinterland.server.data.moved_views import MOST_ASKED, moved_since
from hinterland.server.data.select.compiler import WIDTH, Statement
from hinterland.server.data.select.question import Select, Window
from hinterland.server.data.state import RecordKey
from hinterland.server.data.views import Delta, SeenChange, Version, View, Views, change_text, version
from hinterland.server.storage.protocol import (
    PAGE_BYTES,
    Head,
    LogEntry,
    LogKey,
    Snapshot,
    Storage,
    StoredRecord,
    octets,
)
from hinterland.server.storage.reading import pause

_LOG_PAGE = 500
_LOG_READ = 1_000  # changes that one pull looks at, whether or not they concern the caller
_LOG_BYTES = 64 * PAGE_BYTES  # of their records: about a second, far beyond what `_LOG_READ` usually lets through
_TOGETHER = 200  # records that are asked for by one statement
_NOT_KEPT = b""  # in the place of a fingerprint: the collection is to be sent whole
_encode = msgspec.json.Encoder().encode
_EMPTY = b'{"changes":['


class Start(NamedTuple):
    """Where a pull begins: the cursor, the collections that are sent whole from now on, and why; the collections that
    `moved`, since their rules ask others, with all changes of them as JSON texts; and those that are to be sent whole
    `later`, once the others are."""

    cursor: Cursor
    restart: list[str]
    reason: str
    moved: Mapping[str, Sequence[str]] = MappingProxyType({})
    later: Sequence[str] = ()


class Puller:
    """Answers pulls."""

    def __init__(self, storage: Storage, views: Views, cursors: Cursors) -> None:
        self._storage = storage
        self._views = views
        self._cursors = cursors

    async def pull(self, caller: Principal, request: Pull, asker: str = "") -> bytes:
        """A PullResult as JSON. Pulls of one `asker` whose rules may cost much wait for each other.

        Raises `invalid_body`, `invalid_cursor` and `unknown_collection`; `rate_limited` where many wait already.
        """
        _check(request)
        cursor = self._cursors.read(request.cursor) if request.cursor else None
        known = [self._views.of(caller, name) for name in request.collections]
        is_costly = any(view.is_costly for view in known)
        turn = self._storage.costly_turn(asker or str(caller.id)) if is_costly else nullcontext()
        async with turn, self._storage.snapshot() as snapshot:
            views = {view.name: await self._views.answered(snapshot, view) for view in known}
            head = await snapshot.head()
            start = await self._start(snapshot, head, views, cursor)
            asking = partial(self._views.catalogue.compile, caller=caller)
            page = PullPage(snapshot, head, views, start.cursor, min(request.limit, MAX_LIMIT), asking)
            restart, reason = start.restart, start.reason
            await page.fill(start.moved, start.later)
            if start.later and not page.has_more:
                restart, reason = [*start.later], start.reason
                await page.restart(start.later)
            settled = await _settled(snapshot, caller, request.device, page)
        rest = PullResult(
            changes=[],
            cursor=self._cursors.write(page.cursor),
            more=page.has_more,
            restart=restart,
            complete=page.complete,
            reason=reason if restart else "",
            settled=settled,
        )
        return _EMPTY + ",".join(page.changes).encode() + _encode(rest)[len(_EMPTY) :]

    async def _start(self, snapshot: Snapshot, head: Head, views: dict[str, View], cursor: Cursor | None) -> Start:
        prints = {name: view.fingerprint for name, view in views.items()}
        names = [*views]
        anew = Cursor(self._cursors.database_id, head.revision, head.check, prints, tuple(names))
        if cursor is None:
            return Start(anew, names, "")
        if reason := await self._cursors.lost(snapshot, head, cursor):
            return Start(anew, names, reason)
        moved = await self._moved(snapshot, head, views, cursor)
        changed = [name for name in names if cursor.views.get(name) != prints[name] and name not in moved]
        reason = CHANGED if any(name in cursor.views for name in changed) else ""
        if len(changed) == len(names):
            return Start(anew, names, reason)
        pending = [name for name in cursor.pending if name in views and name not in changed]
        is_same = pending[:1] == [*cursor.pending[:1]]
        known = {name: _NOT_KEPT if name in changed else prints[name] for name in names}
        after = cursor.after if is_same else None
        going_on = Cursor(cursor.database_id, cursor.revision, cursor.check, known, tuple(pending), after)
        return Start(going_on, [], reason, moved, changed)

    async def _moved(
        self, snapshot: Snapshot, head: Head, views: Mapping[str, View], cursor: Cursor
    ) -> dict[str, list[str]]:
        """What came into the views that a device has whole, and left them, by what their rules ask; without those of
        which it is not known, or too much for one answer."""
        moved: dict[str, list[str]] = {}
        asked: dict[frozenset[str], list[LogEntry] | None] = {}
        room = PAGE_BYTES
        for name, view in views.items():
            known = None if name in cursor.pending else cursor.views.get(name)
            if view.related is None or not known or known == view.fingerprint:
                continue
            names, since = view.related.collections, cursor.revision
            if names not in asked:
                asked[names] = await changes_since(snapshot, names, since, head.revision, MOST_ASKED)
            if (changes := asked[names]) is None:
                continue
            texts = await moved_since(snapshot, self._views, view, known, since, changes)
            size = sum(map(octets, texts or ()))
            if texts is not None and size <= room:
                moved[name] = texts
                room -= size
        return moved


def _check(request: Pull) -> None:
    if not 1 <= len(request.collections) <= MAX_COLLECTIONS:
        raise Refusal("invalid_body", f"collections: name 1 to {MAX_COLLECTIONS} collections")
    if request.limit < 1:
        raise Refusal("invalid_body", f"limit: must be from 1 to {MAX_LIMIT}")


class PullPage:
    """One answer while it grows: `changes` as JSON texts up to `cursor`."""

    def __init__(
        self,
        snapshot: Snapshot,
        head: Head,
        views: dict[str, View],
        cursor: Cursor,
        limit: int,
        compiled: Callable[[Select], Statement | None],
    ) -> None:
        self.snapshot = snapshot
        self._compiled = compiled
        self.head = head
        self.views = views
        self.cursor = cursor
        self.limit = limit
        self.size = 0
        self.changes: list[str] = []
        self.complete: list[str] = []

    @property
    def room(self) -> int:
        """How many changes may be added: none once there is as much text as one answer may hold."""
        return self.limit - len(self.changes) if self.size < PAGE_BYTES else 0

    @property
    def has_more(self) -> bool:
        """Whether the next pull goes on at once."""
        return bool(self.cursor.pending) or self._lacks_log

    async def fill(self, moved: Mapping[str, Sequence[str]], later: Sequence[str]) -> None:
        """Read until the limit or the end of the log: of `moved` collections all that is new is known, and those of
        `later` are left out."""
        for change in itertools.chain(*moved.values()):
            self.add(change)
        while self.cursor.pending and self.room > 0:
            await self._send_whole(self.views[self.cursor.pending[0]])
        if not self.cursor.pending and self.room > 0:
            left_out = {*moved, *later}
            await self._follow({name: view for name, view in self.views.items() if name not in left_out})

    async def restart(self, names: Sequence[str]) -> None:
        """Begin to send collections whole, as they are now; the others have been read to the end of the log."""
        prints = {name: view.fingerprint for name, view in self.views.items()}
        self._move(views=prints, pending=tuple(names), after=None)
        while self.cursor.pending and self.room > 0:
            await self._send_whole(self.views[self.cursor.pending[0]])

    def add(self, change: str) -> None:
        """Add a change."""
        self.changes.append(change)
        self.size += octets(change)

    # ------------------------------------------------------------ whole collections

    async def _send_whole(self, view: View) -> None:
        records, is_cut = await self._records(view)
        changed, has_more_changed = await self._changed(view)
        ends = [[*records][-1]] if is_cut else []
        ends += [changed[-1]] if has_more_changed else []
        is_now = view.related is not None
        kept = [key for key, record in records.items() if is_now or record.revision <= self.cursor.revision]
        keys = sorted(key for key in {*kept, *changed} if not ends or key <= min(ends))
        for key in keys:
            if self.room <= 0:
                return
            record = records.get(key)
            was = record if record is not None and (is_now or record.revision <= self.cursor.revision) else None
            seen = was if was is not None or is_now else await self._as_it_was(view, *key)
            if seen is not None:
                delta = Delta(seen.parent, seen.id, seen.revision, None, None)
                self.add(change_text(SeenChange("create", view.text(Version(seen))), view.name, delta))
            self._move(after=key)
        if not ends:
            self.complete.append(view.name)
            self._move(pending=self.cursor.pending[1:], after=None)

    def _move(self, **changes: Any) -> None:
        self.cursor = msgspec.structs.replace(self.cursor, **changes)

    async def _records(self, view: View) -> tuple[dict[LogKey, StoredRecord], bool]:
        """The next records that are in the view now, by their keys in order; and whether there are more."""
        after, limit = self.cursor.after, self.room + 1
        is_below = bool(view.entry.collection.parent)
        place = after if is_below or after is None else after[1:]
        select = Select(view.name, None, sort=("parent", "id") if is_below else (), window=Window(limit, after=place))
        statement = self._compiled(select)
        if statement is None:
            return {}, False
        sql, parameters, texts, *_ = statement
        rows, is_cut = await self.snapshot.fetch_some(sql, parameters, texts)
        return {(row[0], row[1]): StoredRecord(*row[:WIDTH]) for row in rows}, is_cut or len(rows) == limit

    async def _changed(self, view: View) -> tuple[list[LogKey], bool]:
        """The keys of the next records that were changed since the cursor's revision; and whether there are more."""
        if self.cursor.revision == self.head.revision:
            return [], False
        limit = self.room + 1
        keys = await self.snapshot.changed(view.name, self.cursor.revision, self.cursor.after, limit)
        return keys, len(keys) == limit

    async def _as_it_was(self, view: View, parent: str, id: RecordId) -> StoredRecord | None:
        """A record that was changed since, as it was at the cursor's revision, if it was in the view."""
        before = await self.snapshot.record_at(view.name, parent, id, self.cursor.revision)
        return before if before is not None and view.sees(Version(before)) else None

    # ------------------------------------------------------------ the log

    async def _follow(self, views: Mapping[str, View]) -> None:
        """Read the log on. Where that ends depends on what the caller is shown and on how many changes were read, and
        not on how large the others are, below `_LOG_BYTES`; nothing is kept of what is hidden."""
        shown = ShownChanges(views)
        size = self.room
        while self._lacks_log and self._reads_on(shown):
            entries = await self.snapshot.log(self.cursor.revision, min(size, _LOG_PAGE), collections=views)
            end = self.head[:2]
            for index, entry in enumerate(entries):
                if index and entry.commit != end[0] and not self._reads_on(shown):
                    break
                shown.add(entry)
                end = (entry.commit, entry.check)
                await pause(index, len(entries))
            self._move(revision=end[0], check=end[1])
            size *= 2
        for view in views.values():
            if view.related is not None and self._lacks_log:
                await self._show_now(view, shown)
        self.changes += shown.texts.values()
        self.size += shown.size

    async def _show_now(self, view: View, shown: ShownChanges) -> None:
        """Show the records of a view as they are at the end of the log, and not where this answer ends."""
        keys = [(key[1], key[2]) for key in shown.texts if key[0] == view.name]
        while keys:
            condition = in_("id", [id for _, id in keys[:_TOGETHER]], view.entry.book.kinds["id"])
            statement = self._compiled(Select(view.name, None, (condition,), window=Window()))
            rows: Sequence[Any] = ()
            is_cut = False
            if statement is not None:
                rows, is_cut = await self.snapshot.fetch_some(statement.sql, statement.parameters, statement.texts)
            found = {(row[0], row[1]): StoredRecord(*row[:WIDTH]) for row in rows}
            done = {key for key in keys[:_TOGETHER] if key in found or not is_cut}
            for key in done:
                shown.show(view, key, found.get(key))
            keys = [key for key in keys if key not in done]

    def _reads_on(self, shown: ShownChanges) -> bool:
        has_room = len(shown.texts) < self.room and self.size + shown.size < PAGE_BYTES
        return has_room and shown.read < _LOG_READ and shown.passed < _LOG_BYTES

    @property
    def _lacks_log(self) -> bool:
        return self.cursor.revision < self.head.revision


class ShownChanges:
    """What the `views` tell of the log's changes: each record's joined to one, as JSON `texts` in the order of the last
    of them, with their `size` in bytes. `read`: how many changes were looked at; `passed`: the bytes of their records.
    """

    def __init__(self, views: Mapping[str, View]) -> None:
        self.texts: dict[RecordKey, str] = {}
        self.size = self.read = self.passed = self.end = 0
        self._views = views
        self._was_seen: dict[RecordKey, bool] = {}  # before the record's first change
        self._with_record: set[RecordKey] = set()  # the texts that have one

    def add(self, entry: LogEntry) -> None:
        """Go on by one change."""
        self.read += 1
        self.end = entry.revision
        view = self._views.get(entry.collection)
        if view is None:
            return
        self.passed += sum(record.size for record in (entry.before, entry.after) if record is not None)
        key = (entry.collection, entry.parent, entry.id)
        if (was_seen := self._was_seen.get(key)) is None:
            was_seen = self._was_seen[key] = entry.before is not None and view.sees(Version(entry.before))
        elif (earlier := self.texts.pop(key, None)) is not None:
            self.size -= octets(earlier)
        if (seen := view.outcome(version(entry.after), was_seen=was_seen)) is not None:
            self._keep(key, seen, entry.revision)

    def _keep(self, key: RecordKey, seen: SeenChange, revision: int) -> None:
        text = change_text(seen, key[0], Delta(key[1], key[2], revision, None, None))
        self.texts[key] = text
        self.size += octets(text)
        (self._with_record.discard if seen.record is None else self._with_record.add)(key)

    def show(self, view: View, key: LogKey, record: StoredRecord | None) -> None:
        """Show a record, which was added in another state, as it is; None: the view has it no longer."""
        change, was_seen = (view.name, *key), self._was_seen[view.name, *key]
        if change in self._with_record:
            self.size -= octets(self.texts.pop(change))
            if record is not None and (seen := view.outcome(Version(record), was_seen=was_seen)) is not None:
                self._keep(change, seen, record.revision)
            elif was_seen:
                self._keep(change, SeenChange("left"), self.end)


async def _settled(snapshot: Snapshot, caller: Principal, device: str, page: PullPage) -> int:
    """The last seq of the device all of whose mutations, up to it, the answer contains; 0 where that is not certain."""
    if not device or page.cursor.pending:
        return 0
    settled = await devices.settled(snapshot, str(caller.id), device)
    if not settled or not page.has_more:
        return settled
    return contained(await devices.outcomes(snapshot, str(caller.id), device), settled, page.cursor.revision)


def contained(results: Sequence[Settled], settled: int, end: int) -> int:
    """The last seq that is settled by revision `end`, known from the results that the device has not acknowledged.

    Revisions rise with seq: one result within `end` vouches for those before it that are forgotten.
    """
    later = [result.seq for result in results if result.revision > end]
    is_certain = any(0 < result.revision <= end or result.seq == 1 for result in results)
    if not is_certain:
        return 0
    return min(later) - 1 if later else settled
