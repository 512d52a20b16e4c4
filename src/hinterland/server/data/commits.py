"""The log's changes as its readers take them: commit by commit, each change told once for each view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from hinterland.contract.events import Resync
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.views import Delta, View, version
from hinterland.server.storage.protocol import LogEntry


class LogCommit:
    """One commit: its end, and its changes, whose text for a view is made once."""

    __slots__ = ("_deltas", "_texts", "check", "collections", "revision")

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        self.revision = entries[-1].commit
        self.check = entries[-1].check
        self._deltas = [(entry.collection, _delta(entry)) for entry in entries]
        self.collections = {entry.collection for entry in entries}
        self._texts: dict[View, list[tuple[int, str]]] = {}

    def texts(self, view: View) -> list[tuple[int, str]]:
        """The changes that `view` tells of, as JSON texts with their places in the commit."""
        texts = self._texts.get(view)
        if texts is None:
            texts = self._texts[view] = [
                (place, text)
                for place, (collection, delta) in enumerate(self._deltas)
                if collection == view.name and (text := view.change(delta)) is not None
            ]
        return texts


def _delta(entry: LogEntry) -> Delta:
    return Delta(entry.parent, entry.id, entry.revision, version(entry.before), version(entry.after))


def commits(entries: Sequence[LogEntry]) -> Iterator[LogCommit]:
    """The commits of a page of the log."""
    for _, group in groupby(entries, key=_end):
        yield LogCommit([*group])


def _end(entry: LogEntry) -> int:
    return entry.commit


class Framing(NamedTuple):
    """The bytes in which a protocol tells events: `event` of a name, a cursor and one line of JSON; `silence` keeps a
    stream alive on which nothing happens. What is sent together stands one behind the other."""

    event: Callable[[str, str, str], bytes]
    silence: bytes


class Channel:
    """Some collections as one kind of caller sees them in one protocol: what all its subscribers are sent, encoded
    once."""

    def __init__(self, views: dict[str, View], framing: Framing, cursors: Cursors) -> None:
        self.views = views
        self.framing = framing
        self.fingerprints = {name: view.fingerprint for name, view in views.items()}
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

    def commit(self, commit: LogCommit) -> bytes | None:
        """The `commit` event of what is visible here; None where that is nothing."""
        seen = commit.collections & self.views.keys()
        texts = [item for name in seen for item in commit.texts(self.views[name])]
        if not texts:
            return None
        if len(seen) > 1:
            texts.sort()
        changes = ",".join([text for _, text in texts])
        return self.framing.event("commit", self.cursor(commit.revision, commit.check), f'{{"changes":[{changes}]}}')
