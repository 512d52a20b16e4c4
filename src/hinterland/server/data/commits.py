"""The log's changes as its readers take them: commit by commit, each judged once for each view, and encoded once for
all views that show the same of it in one protocol."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from hinterland.kit.cel.metering import MOST_STEPS, STEP_CHARACTERS, Meter
from hinterland.server.data.allowance import Allowance
from hinterland.server.data.encoding import Encoder, VisibleChange
from hinterland.server.data.views import Delta, SeenChange, View, version
from hinterland.server.storage.protocol import LogEntry, LogKey

_PlacedChanges = tuple[tuple[int, SeenChange], ...]


class LogCommit:
    """One commit: its end, and its changes, each judged once for a view and encoded once for those that show the same.
    The first `count` of its `deltas` are the log's.

    `made`: the bytes that were encoded so far.
    """

    __slots__ = ("_added", "_data", "_places", "_seen", "check", "collections", "count", "deltas", "made", "revision")

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        self.revision = entries[-1].commit
        self.check = entries[-1].check
        self.deltas = [(entry.collection, _delta(entry)) for entry in entries]
        self.count = len(entries)
        self._added: dict[tuple[str, LogKey], int] = {}
        self.collections = {entry.collection for entry in entries}
        self._places: Mapping[View, Sequence[int]] = {}
        self._seen: dict[View, _PlacedChanges] = {}
        self._data: dict[tuple[Encoder, _PlacedChanges], bytes] = {}
        self.made = 0

    @property
    def size(self) -> int:
        """The size of its records, before and after."""
        states = (state for _, delta in self.deltas for state in (delta.before, delta.after))
        return sum(state.record.size for state in states if state is not None)

    def place_of(self, collection: str, key: LogKey) -> int:
        """The place of a record that the commit did not change, but which comes into views or leaves them with it."""
        if (collection, key) not in self._added:
            self._added[collection, key] = len(self.deltas)
            self.deltas.append((collection, Delta(*key, self.revision, None, None)))
        return self._added[collection, key]

    def keep(self, view: View, changes: Sequence[tuple[int, SeenChange]]) -> None:
        """Keep what the commit shows in a view that it made another one of."""
        self.collections.add(view.name)
        self._seen[view] = tuple(changes)

    def narrow(self, places: Mapping[View, Sequence[int]]) -> None:
        """Judge for these views only the changes at their `places`: no other concerns them."""
        self._places = places

    def seen(self, view: View, meter: Meter | None = None) -> _PlacedChanges:
        """The changes that `view` shows, with their places in the commit. Raises OverBudget."""
        changes = self._seen.get(view)
        if changes is None:
            changes = self._seen[view] = tuple(
                [
                    (place, change)
                    for place in self._places.get(view, range(len(self.deltas)))
                    for collection, delta in (self.deltas[place],)
                    if collection == view.name and (change := view.change(delta, meter)) is not None
                ]
            )
        return changes

    def data(self, changes: _PlacedChanges, encoder: Encoder) -> bytes:
        """The data of `changes` in a protocol."""
        data = self._data.get((encoder, changes))
        if data is None:
            visible = [VisibleChange(*self.deltas[place], change) for place, change in changes]
            data = self._data[encoder, changes] = encoder.changes(self.revision, visible)
            self.made += len(data)
        return data

    async def judge(self, view: View, allowance: Allowance) -> None:
        """Judge the changes for `view` one by one, at the pace of a caller's allowance.

        Raises OverBudget where the view's filter costs too much for one change.
        """
        if view in self._seen:
            return
        changes: list[tuple[int, SeenChange]] = []
        for place, (collection, delta) in enumerate(self.deltas):
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
