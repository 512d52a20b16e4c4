"""The log's changes as its readers take them: commit by commit, each change told once for each view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.events import Resync
from hinterland.kit.cel.metering import MOST_STEPS, STEP_CHARACTERS, Meter
from hinterland.server.data.allowance import Allowance
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.views import Delta, View, version
from hinterland.server.storage.protocol import LogEntry

_LONG_LINE = 16 * 1024  # characters; readers of lines have bounds, from 64 KiB on


class LogCommit:
    """One commit: its end, and its changes, whose text for a view is made once."""

    __slots__ = ("_deltas", "_texts", "check", "collections", "revision")

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        self.revision = entries[-1].commit
        self.check = entries[-1].check
        self._deltas = [(entry.collection, _delta(entry)) for entry in entries]
        self.collections = {entry.collection for entry in entries}
        self._texts: dict[View, list[tuple[int, str]]] = {}

    def texts(self, view: View, meter: Meter | None = None) -> list[tuple[int, str]]:
        """The changes that `view` tells of, as JSON texts with their places in the commit. Raises OverBudget."""
        texts = self._texts.get(view)
        if texts is None:
            texts = self._texts[view] = [
                (place, text)
                for place, (collection, delta) in enumerate(self._deltas)
                if collection == view.name and (text := view.change(delta, meter)) is not None
            ]
        return texts

    async def judge(self, view: View, allowance: Allowance) -> None:
        """Make the texts for `view` one by one, at the pace of a caller's allowance.

        Raises OverBudget where the view's filter costs too much for one change.
        """
        texts: list[tuple[int, str]] = []
        for place, (collection, delta) in enumerate(self._deltas):
            if collection == view.name:
                meter = Meter(2 * MOST_STEPS)  # for the states before and after it
                try:
                    text = view.change(delta, meter, is_alone=True)
                finally:
                    allowance.spend(meter.spent + _reading_steps(delta))
                if text is not None:
                    texts.append((place, text))
                await allowance.turn()
        self._texts[view] = texts


def _in_lines(change: str) -> str:
    """A large change as JSON that a protocol can send line by line: each value is a line."""
    return msgspec.json.format(change, indent=1)


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


class Framing(NamedTuple):
    """The bytes in which a protocol tells events: `event` of a name, a cursor ("": none) and JSON in short lines;
    `silence` keeps a stream alive on which nothing happens. What is sent together stands one behind the other."""

    event: Callable[[str, str, str], bytes]
    silence: bytes


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
        return self.framing.event("ready", cursor, "{}")

    def resync(self, cursor: str, reason: str) -> bytes:
        """The `resync` event."""
        return self.framing.event("resync", cursor, msgspec.json.encode(Resync(reason=reason)).decode())

    def position(self, revision: int, check: int) -> bytes:
        """The `position` event."""
        return self.framing.event("position", self.cursor(revision, check), "{}")

    def end(self, revision: int, check: int, refusal: Refusal) -> bytes:
        """The `end` event: why nothing more is served."""
        return self.framing.event("end", self.cursor(revision, check), msgspec.json.encode(refusal.problem()).decode())

    async def judge(self, commit: LogCommit, allowance: Allowance) -> None:
        """Find out what is visible here, at the pace of a caller's allowance where it costs much. Raises OverBudget."""
        for name in commit.collections & self.views.keys() if self.is_costly else ():
            await commit.judge(self.views[name], allowance)

    def commit(self, commit: LogCommit, meter: Meter | None = None) -> bytes | None:
        """The `commit` event of what is visible here; None where that is nothing. Raises OverBudget."""
        seen = commit.collections & self.views.keys()
        texts = [item for name in seen for item in commit.texts(self.views[name], meter)]
        if not texts:
            return None
        if len(seen) > 1:
            texts.sort()
        changes = ",\n".join([text if len(text) < _LONG_LINE else _in_lines(text) for _, text in texts])
        return self.framing.event("commit", self.cursor(commit.revision, commit.check), f'{{"changes":[{changes}]}}')
