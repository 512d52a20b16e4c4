"""The log's changes as its readers take them: commit by commit, each judged once for each view, and encoded once for
all views that show the same of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.events import Resync
from hinterland.kit.cel.metering import MOST_STEPS, STEP_CHARACTERS, Meter
from hinterland.server.data.allowance import Allowance
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.views import Delta, SeenChange, View, change_head, version
from hinterland.server.storage.protocol import LogEntry

_LONG_LINE = 16 * 1024  # characters; readers of lines have bounds, from 64 KiB on
LARGE_BYTES = 64 * 1024  # from here on, an event is sent in two pieces, so that what views share is not copied
_AROUND_RECORD = len(',"record":}')
_PlacedChanges = tuple[tuple[int, SeenChange], ...]


class LogCommit:
    """One commit: its end, and its changes, each judged once for a view and encoded once for those that show the same.

    `made`: the bytes that were encoded so far.
    """

    __slots__ = ("_data", "_deltas", "_seen", "check", "collections", "made", "revision")

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        self.revision = entries[-1].commit
        self.check = entries[-1].check
        self._deltas = [(entry.collection, _delta(entry)) for entry in entries]
        self.collections = {entry.collection for entry in entries}
        self._seen: dict[View, _PlacedChanges] = {}
        self._data: dict[tuple[Framing, _PlacedChanges], bytes] = {}
        self.made = 0

    @property
    def size(self) -> int:
        """The size of its records, before and after."""
        states = (state for _, delta in self._deltas for state in (delta.before, delta.after))
        return sum(state.record.size for state in states if state is not None)

    def seen(self, view: View, meter: Meter | None = None) -> _PlacedChanges:
        """The changes that `view` tells of, with their places in the commit. Raises OverBudget."""
        changes = self._seen.get(view)
        if changes is None:
            changes = self._seen[view] = tuple(
                [
                    (place, change)
                    for place, (collection, delta) in enumerate(self._deltas)
                    if collection == view.name and (change := view.change(delta, meter)) is not None
                ]
            )
        return changes

    def data(self, changes: _PlacedChanges, framing: Framing) -> bytes:
        """The data of the `commit` event that tells `changes`, up to the event's end."""
        data = self._data.get((framing, changes))
        if data is None:
            texts = (b"," + framing.newline).join([self._encoded(*item, framing.newline) for item in changes])
            data = self._data[framing, changes] = b'{"changes":[%b]}%b' % (texts, framing.end)
            self.made += len(data)
        return data

    def _encoded(self, place: int, change: SeenChange, newline: bytes) -> bytes:
        """A ChangeEvent; a large one as JSON that a protocol can send line by line: each value is a line."""
        collection, delta = self._deltas[place]
        head = change_head(change.kind, collection, delta)
        if change.record is None:
            return f"{head}}}".encode()
        if len(head) + len(change.record.text) + _AROUND_RECORD < _LONG_LINE:
            return b'%b,"record":%b}' % (head.encode(), change.record.encoded())
        lines = msgspec.json.format(f"{head}}}".encode(), indent=1).removesuffix(b"\n}").replace(b"\n", newline)
        return b'%b,%b "record": %b%b}' % (lines, newline, change.record.in_lines(newline), newline)

    async def judge(self, view: View, allowance: Allowance) -> None:
        """Judge the changes for `view` one by one, at the pace of a caller's allowance.

        Raises OverBudget where the view's filter costs too much for one change.
        """
        if view in self._seen:
            return
        changes: list[tuple[int, SeenChange]] = []
        for place, (collection, delta) in enumerate(self._deltas):
            if collection == view.name:
                meter = Meter(2 * MOST_STEPS)  # for the states before and after it
                try:
                    change = view.change(delta, meter, is_alone=True)
                finally:
                    allowance.spend(meter.spent + _reading_steps(delta))
                if change is not None:
                    changes.append((place, change))
                await allowance.turn()
        self._seen[view] = tuple(changes)


def _reading_steps(delta: Delta) -> int:
    """What it takes to read the states of a change."""
    states = (delta.before, delta.after)
    return 1 + sum(state.record.size for state in states if state is not None) // STEP_CHARACTERS


def _delta(entry: LogEntry) -> Delta:
    return Delta(entry.parent, entry.id, entry.revision, version(entry.before), version(entry.after))


def commits(entries: Sequence[LogEntry]) -> Iterator[LogCommit]:
    """The commits of a page of the log."""
    for _, group in groupby(entries, key=_end):
        yield LogCommit([*group])


def _end(entry: LogEntry) -> int:
    return entry.commit


class RecentCommits:
    """The commits that were read last, each right after the former, for those who read them a little later: what was
    encoded for one is there for the others. `most` commits, and about `most_bytes` of records."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[tuple[LogCommit, int]] = deque()
        self._size = 0
        self._start = 0

    def add(self, commit: LogCommit, after: int) -> None:
        """Keep a commit, which is the first after revision `after`."""
        if not self._kept:
            self._start = after
        self._kept.append((commit, commit.size))
        self._size += commit.size
        while len(self._kept) > 1 and (self._size > self._most_bytes or len(self._kept) > self._most):
            oldest, size = self._kept.popleft()
            self._start = oldest.revision
            self._size -= size

    def clear(self) -> None:
        """Forget them."""
        self._kept.clear()
        self._size = 0

    def after(self, revision: int) -> list[LogCommit]:
        """The commits beyond `revision`; none where some of these are not kept."""
        return [commit for commit, _ in self._kept if commit.revision > revision >= self._start]


class Framing(NamedTuple):
    """The bytes in which a protocol tells events: `head` of a name and a cursor ("": none), then JSON in short lines,
    each begun by `newline`, then `end`; `silence` keeps a stream alive on which nothing happens. What is sent together
    stands one behind the other."""

    head: Callable[[str, str], bytes]
    newline: bytes
    end: bytes
    silence: bytes

    def event(self, name: str, cursor: str, data: bytes) -> bytes:
        """An event whose data is a single line."""
        return b"%b%b%b" % (self.head(name, cursor), data, self.end)


class Channel:
    """Some collections as one kind of caller sees them in one protocol: what all its subscribers are sent, encoded
    once."""

    def __init__(self, views: dict[str, View], framing: Framing, cursors: Cursors) -> None:
        self.views = views
        self.framing = framing
        self.fingerprints = {name: view.fingerprint for name, view in views.items()}
        self.is_costly = any(view.is_costly for view in views.values())
        self._cursors = cursors

    def cursor(self, revision: int, check: int) -> str:
        """The cursor of a subscriber at the end of a commit."""
        return self._cursors.at(revision, check, self.fingerprints)

    def ready(self, cursor: str) -> bytes:
        """The `ready` event."""
        return self.framing.event("ready", cursor, b"{}")

    def resync(self, cursor: str, reason: str) -> bytes:
        """The `resync` event."""
        return self.framing.event("resync", cursor, msgspec.json.encode(Resync(reason=reason)))

    def position(self, revision: int, check: int) -> bytes:
        """The `position` event."""
        return self.framing.event("position", self.cursor(revision, check), b"{}")

    def end(self, revision: int, check: int, refusal: Refusal) -> bytes:
        """The `end` event: why nothing more is served."""
        return self.framing.event("end", self.cursor(revision, check), msgspec.json.encode(refusal.problem()))

    async def judge(self, commit: LogCommit, allowance: Allowance) -> None:
        """Find out what is visible here, at the pace of a caller's allowance where it costs much. Raises OverBudget."""
        for name in commit.collections & self.views.keys() if self.is_costly else ():
            await commit.judge(self.views[name], allowance)

    def commit(self, commit: LogCommit, meter: Meter | None = None) -> tuple[bytes, ...]:
        """The pieces of the `commit` event of what is visible here; none where that is nothing. Raises OverBudget.

        A large event has two, the second of which is the same for all channels that show the same.
        """
        names = commit.collections & self.views.keys()
        if len(names) == 1:
            changes = commit.seen(self.views[names.pop()], meter)
        else:
            changes = tuple(sorted(item for name in names for item in commit.seen(self.views[name], meter)))
        if not changes:
            return ()
        head = self.framing.head("commit", self.cursor(commit.revision, commit.check))
        data = commit.data(changes, self.framing)
        return (head + data,) if len(data) < LARGE_BYTES else (head, data)
