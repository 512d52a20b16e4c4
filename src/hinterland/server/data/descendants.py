"""What is below a record, and goes with it: read page by page, as the request and its group have left it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing

from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.state import RecordKey, RecordsByKey, Span, State, is_within
from hinterland.server.storage.protocol import StoredRecord

Level = dict[RecordKey, StoredRecord]


class Descendants:
    """Finds what is below a record. `mine` are the records that the request writes, as they will be, and `created`
    those of them that it creates, by collection.

    `weigh` is called with each record that is found, and ends the search by raising.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        state: State,
        mine: RecordsByKey,
        created: Mapping[str, Sequence[RecordKey]],
        weigh: Callable[[StoredRecord], None],
    ) -> None:
        self._catalogue = catalogue
        self._state = state
        self._mine = mine
        self._created = created
        self._weigh = weigh
        self._levels: list[Level] = []

    async def below(self, entry: Entry, path: str) -> list[Level]:
        """The records below the one of `entry` at `path`, by collection: the lowest first."""
        await self._find(entry, (path, path), path)
        return self._levels[::-1]

    async def _find(self, entry: Entry, parents: Span, common: str) -> None:
        """Find what is below the records of `entry`, whose paths are the `parents` and begin with what is `common`. A
        record is locked before those below it are read, so that nobody adds to them meanwhile."""
        for child in map(self._catalogue.__getitem__, entry.children):
            level: Level = {}
            self._levels.append(level)
            async with aclosing(self._state.below(child.name, parents)) as pages:
                async for page in pages:
                    self._add(page, level)
            created = (key for key in self._created.get(child.name, ()) if is_within(key, parents))
            self._add(dict.fromkeys(created), level)
            start = common if common.endswith("/") else f"{common}/{child.name}/"
            await self._find(child, (start, f"{start[:-1]}0"), start)  # 0 is right behind /

    def _add(self, page: RecordsByKey, level: Level) -> None:
        for key, stored in page.items():
            record = self._mine.get(key, stored)
            if record is not None and key not in level:
                level[key] = record
                self._weigh(record)
