"""Outlets: what all subscribers who see the same in one protocol are sent, and those of them that are live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from weakref import WeakValueDictionary

from hinterland.contract.errors import Refusal
from hinterland.kit.cel.metering import Meter
from hinterland.server.data.allowance import Allowance
from hinterland.server.data.commits import LogCommit
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.encoding import Encoder
from hinterland.server.data.redecided import moved_by
from hinterland.server.data.view_index import ViewIndex
from hinterland.server.data.views import View

Redecide = Callable[[Iterable[View], LogCommit], Awaitable[dict[View, View | None]]]
LARGE_BYTES = 64 * 1024  # from here on, an event is sent in two pieces, so that what views share is not copied
_LOOK_UP_STEPS = 20  # of finding the views of a change, without those that are found


class Outlet:
    """Some collections as one kind of caller sees them in one protocol. `asked`: the collections that their rules ask;
    `read`: both."""

    def __init__(self, views: dict[str, View], encoder: Encoder, cursors: Cursors) -> None:
        self.views = views
        self.encoder = encoder
        self.fingerprints = {name: view.fingerprint for name, view in views.items()}
        self.asked = frozenset[str]().union(*[view.related.collections for view in views.values() if view.related])
        self.read = self.asked.union(views)
        self.is_costly = any(view.is_costly for view in views.values())
        self._cursors = cursors

    def cursor(self, revision: int, check: int) -> str:
        """The cursor of a subscriber at the end of a commit."""
        return self._cursors.at(revision, check, self.fingerprints)

    def position(self, revision: int, check: int) -> bytes:
        """The event of a later cursor without news."""
        return self.encoder.position(self.cursor(revision, check))

    def end(self, revision: int, check: int, refusal: Refusal) -> bytes:
        """The event that says why nothing more is served."""
        return self.encoder.end(self.cursor(revision, check), refusal)

    def is_moved_by(self, commit: LogCommit) -> bool:
        """Whether a commit changes a view otherwise than by its own records."""
        return bool(self.asked) and any(moved_by(view, commit) is not None for view in self.views.values())

    async def judge(self, commit: LogCommit, allowance: Allowance) -> None:
        """Find out what is visible here, at the pace of a caller's allowance where it costs much. Raises OverBudget."""
        for name in commit.collections & self.views.keys() if self.is_costly else ():
            await commit.judge(self.views[name], allowance)

    def commit(self, commit: LogCommit, meter: Meter | None = None) -> tuple[bytes, ...]:
        """The pieces of the event of what is visible here; none where that is nothing. Raises OverBudget.

        A large event has two, the second of which is the same for all outlets that show the same.
        """
        names = commit.collections & self.views.keys()
        if len(names) == 1:
            changes = commit.seen(self.views[names.pop()], meter)
        else:
            changes = tuple(sorted(item for name in names for item in commit.seen(self.views[name], meter)))
        if not changes:
            return ()
        data = commit.data(changes, self.encoder)
        head = self.encoder.commit_head(self.cursor(commit.revision, commit.check), data)
        return (head + data,) if len(data) < LARGE_BYTES else (head, data)


class Outlets:
    """The outlets of all streams; equal ones are the same object for as long as it is used."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors
        self._known: WeakValueDictionary[tuple[Encoder, tuple[View, ...]], Outlet] = WeakValueDictionary()

    def of(self, views: Sequence[View], encoder: Encoder) -> Outlet:
        """The outlet of some views, in the order of their names."""
        key = (encoder, tuple(views))
        outlet = self._known.get(key)
        if outlet is None:
            outlet = self._known[key] = Outlet({view.name: view for view in views}, encoder, self._cursors)
        return outlet

    async def moved(
        self, asking: Sequence[Outlet], commit: LogCommit, redecide: Redecide
    ) -> list[tuple[Outlet, Outlet | None]]:
        """Those of the outlets whose views a commit changes otherwise than by their own records, and what they are
        after it; None where what comes and leaves can't be found."""
        if not asking:
            return []
        live = dict.fromkeys(view for outlet in asking for view in outlet.views.values())
        after = await redecide(live, commit)
        moved: list[tuple[Outlet, Outlet | None]] = []
        for outlet in asking:
            views = [after.get(view, view) for view in outlet.views.values()]
            if views != [*outlet.views.values()]:
                known = [view for view in views if view is not None]
                moved.append((outlet, self.of(known, outlet.encoder) if len(known) == len(views) else None))
        return moved


class LiveViews:
    """The views of outlets with live subscribers, and the outlets that a commit concerns."""

    def __init__(self) -> None:
        self._indexes: dict[str, ViewIndex] = {}
        self._outlets: dict[View, dict[Outlet, None]] = {}
        self._added: set[View] = set()  # while a commit's views were looked up
        self._asking: dict[str, dict[Outlet, None]] = {}

    def add(self, outlet: Outlet) -> None:
        """Find the outlet from now on."""
        for name in outlet.asked:
            self._asking.setdefault(name, {})[outlet] = None
        for name, view in outlet.views.items():
            outlets = self._outlets.setdefault(view, {})
            if not outlets:
                self._indexes.setdefault(name, ViewIndex()).add(view)
                self._added.add(view)
            outlets[outlet] = None

    def remove(self, outlet: Outlet) -> None:
        """Find it no longer."""
        for name in outlet.asked:
            del self._asking[name][outlet]
        for name, view in outlet.views.items():
            outlets = self._outlets[view]
            del outlets[outlet]
            if not outlets:
                del self._outlets[view]
                self._indexes[name].remove(view)

    def asking(self, commit: LogCommit) -> list[Outlet]:
        """The outlets whose rules ask collections that a commit changes."""
        names = commit.collections & self._asking.keys() if self._asking else ()
        return [*dict.fromkeys(outlet for name in names for outlet in self._asking[name])]

    async def concerned(self, commit: LogCommit, turn: Callable[[int], Awaitable[None]]) -> list[Outlet]:
        """The outlets that may show something of a commit; `turn` takes the steps of the work, and lets others go on.

        A view that is added meanwhile was not looked up for all of the commit, so it is judged for all of it.
        """
        self._added.clear()
        places: dict[View, list[int]] = {}
        for place, (collection, delta) in enumerate(commit.deltas):
            index = self._indexes.get(collection)
            found = index.of(delta) if index is not None else ()
            for view in found:
                places.setdefault(view, []).append(place)
            await turn(_LOOK_UP_STEPS + len(found))
        commit.narrow({view: some for view, some in places.items() if view not in self._added})
        return self._outlets_of([*places, *self._others(commit)])

    def _others(self, commit: LogCommit) -> list[View]:
        indexes = [self._indexes[name] for name in commit.collections if name in self._indexes]
        return [view for index in indexes for view in index.others]

    def _outlets_of(self, views: Iterable[View]) -> list[Outlet]:
        return [*dict.fromkeys(outlet for view in views for outlet in self._outlets.get(view, ()))]
