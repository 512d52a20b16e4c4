"""What goes or changes with a record that is deleted: what is below it, and what refers to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Catalogue, Entry, Referring
from hinterland.server.data.descendants import Descendants, Level
from hinterland.server.data.state import HeldValue, RecordKey, RecordsByKey, State
from hinterland.server.data.weights import Dependence
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.reading import pause

CanName = Callable[[Referring, StoredRecord], Awaitable[bool]]
"""Whether a caller may know that a record refers to another by a field."""


class RequestRecords(NamedTuple):
    """What the request at hand has made of records so far: `mine` as they will be, `created` those of them that it
    creates, by collection, and `holders` those to which it gave a reference. `weigh` counts one that goes or changes
    with another, and raises where they are too many."""

    mine: RecordsByKey
    created: Mapping[str, Sequence[RecordKey]]
    holders: Mapping[HeldValue, Sequence[RecordKey]]
    weigh: Callable[[StoredRecord, Dependence], None]


class Cascade:
    """Finds what goes or changes with a record. Each record is locked before what is below it is read, and sealed
    before what refers to it is, so that nobody adds to that meanwhile."""

    def __init__(self, catalogue: Catalogue, state: State, request: RequestRecords) -> None:
        self._catalogue = catalogue
        self._state = state
        self._request = request
        self._gone: set[RecordKey] = set()
        self._levels: list[Level] = []
        self._losing: dict[RecordKey, tuple[StoredRecord, Document]] = {}

    async def find(self, key: RecordKey, can_name: CanName) -> None:
        """Find what depends on a record. Raises `conflict` where one that stays refers to one that goes and must not
        lose it; its collection is named where the caller may know of it."""
        self._gone.add(key)
        queue = [(key, True)]
        for place, is_alone in queue:  # which grows meanwhile
            owner = self._catalogue[place[0]]
            if is_alone and owner.children:
                await self._find_below(owner, place, queue)
            if owner.referring:
                await self._state.seal(place)
            for field in owner.referring:
                if field.on_delete != "restrict":
                    await self._find_referring(field, place, queue)
        for number, (place, _) in enumerate(queue):
            for field in self._catalogue[place[0]].referring:
                if field.on_delete == "restrict":
                    await self._refuse_held(field, place, key, can_name)
            await pause(number, len(queue))

    def deleted(self) -> Iterator[Level]:
        """The records that are deleted before it, in groups: what depends on others goes first."""
        return reversed(self._levels)

    def changed(self) -> Iterator[tuple[RecordKey, StoredRecord, Document]]:
        """The records that stay and lose references: as they were, and their documents after that."""
        return ((key, *both) for key, both in self._losing.items() if key not in self._gone)

    async def _find_below(self, owner: Entry, place: RecordKey, queue: list[tuple[RecordKey, bool]]) -> None:
        path = f"{place[1]}/{owner.name}/{place[2]}".lstrip("/")
        request = self._request
        below = Descendants(
            self._catalogue,
            self._state,
            request.mine,
            request.created,
            lambda record: request.weigh(record, "below"),
        )
        for level in reversed(await below.below(owner, path)):
            self._take(level)
            # What is below these was found with them.
            queue += [(key, False) for key in level if self._catalogue[key[0]].referring]

    async def _find_referring(self, field: Referring, place: RecordKey, queue: list[tuple[RecordKey, bool]]) -> None:
        async with aclosing(self._referring(field, place[2])) as pages:
            async for page in pages:
                new = {key: record for key, record in page.items() if key not in self._gone}
                for key, record in new.items():
                    if key not in self._losing:
                        self._request.weigh(record, "that refer to")
                    if field.on_delete == "set_null":
                        self._lose(field, key, record, place[2])
                if field.on_delete == "cascade":
                    self._take(new)
                    queue += [(key, True) for key in new]

    def _take(self, level: Level) -> None:
        self._gone.update(level)
        self._levels.append(level)

    def _lose(self, field: Referring, key: RecordKey, record: StoredRecord, id: RecordId) -> None:
        """Take the reference out of what the record will be."""
        if key not in self._losing:
            self._losing[key] = (record, documents.document_of(record))
        document = self._losing[key][1]
        kind = self._catalogue[field.collection].collection.fields[field.field]
        document[field.field] = kind.without(document.get(field.field), id)

    async def _refuse_held(self, field: Referring, place: RecordKey, key: RecordKey, can_name: CanName) -> None:
        hidden = False
        async with aclosing(self._referring(field, place[2])) as pages:
            async for page in pages:
                for holder, record in page.items():
                    if holder not in self._gone:
                        if await can_name(field, record):
                            raise _held(key, f"records of {field.collection} refer")
                        hidden = True
        if hidden:
            raise _held(key, "other records refer")

    async def _referring(self, field: Referring, id: RecordId) -> AsyncGenerator[Level, None]:
        """The records that refer to `id` in a field, page by page, as the request and its group have left them."""
        mine = self._request.mine
        async with aclosing(self._state.referring(field.collection, field.field, id)) as pages:
            async for page in pages:
                yield self._that_refer(field, id, {key: mine.get(key, record) for key, record in page.items()})
        given = self._request.holders.get((field.collection, field.field, id), ())
        yield self._that_refer(field, id, {key: mine.get(key) for key in given})

    def _that_refer(self, field: Referring, id: RecordId, records: RecordsByKey) -> Level:
        kind = self._catalogue[field.collection].collection.fields[field.field]
        return {
            key: record
            for key, record in records.items()
            if record is not None and id in kind.ids_in(documents.document_of(record).get(field.field))
        }


def _held(key: RecordKey, what: str) -> Refusal:
    path = f"{key[1]}/{key[0]}/{key[2]}".lstrip("/")
    return Refusal("conflict", f"{what} to {path} or to what goes with it; delete or change them first")
