"""Records of a collection that are about to be written, found by the value of a field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from hinterland.contract.identity import RecordId
from hinterland.kit.cel.predicates import evaluator
from hinterland.kit.cel.typed import Path
from hinterland.server.data import documents
from hinterland.server.storage.protocol import LogKey, StoredRecord

_Key = tuple[str, str, RecordId]  # the collection, the parent and the id


class StagedRecords:
    """The records, as they will be (None: deleted). `replaced`: how many times one that the database has is changed;
    `is_of_group`: by the earlier requests of a group."""

    def __init__(self, *, is_of_group: bool = False) -> None:
        self.is_of_group = is_of_group
        self.records: dict[LogKey, StoredRecord | None] = {}
        self.replaced = 0
        self._order: list[LogKey] = []
        self._found: dict[tuple[str, ...], tuple[int, dict[object, dict[LogKey, None]]]] = {}

    def add(self, key: LogKey, record: StoredRecord | None, *, is_new: bool) -> None:
        """Take what is written next."""
        self.records[key] = record
        self._order.append(key)
        self.replaced += not is_new

    def like(self, field: Path, name: str, value: object) -> tuple[Collection[LogKey], Collection[LogKey]]:
        """The keys of those in which the `field` (of the variable `name`) has a value, and of those in which it has
        none. They may have another one again, and some may be among both."""
        seen, keys = self._found.get(field.fields, (0, {}))
        get = evaluator(field)
        for key in self._order[seen:]:
            record = self.records[key]
            if record is not None:
                document = documents.with_meta(record, documents.document_of(record))
                keys.setdefault(get({name: document}), {})[key] = None
        self._found[field.fields] = (len(self._order), keys)
        return keys.get(value, {}), keys.get(None, {})


class RequestStaged:
    """What one request and the earlier ones of its group are about to write of the collections that rules ask:
    `of_group` are the earlier ones' records."""

    def __init__(self, asked: AbstractSet[str], of_group: Callable[[str], StagedRecords | None]) -> None:
        self._asked = asked
        self._of_group = of_group
        self._mine: dict[str, StagedRecords] = {}

    def __call__(self, collection: str) -> Sequence[StagedRecords]:
        """The records of a collection; those of the request are newer."""
        parts = (self._of_group(collection), self._mine.get(collection))
        return [part for part in parts if part is not None]

    def add(self, key: _Key, record: StoredRecord | None, *, is_new: bool) -> None:
        """Take what the request writes next."""
        if key[0] in self._asked:
            self._mine.setdefault(key[0], StagedRecords()).add(key[1:], record, is_new=is_new)

    def restore(self, keys: Iterable[_Key], records: Mapping[_Key, StoredRecord | None]) -> None:
        """Take what was undone: the `records` as they will be now."""
        for key in keys:
            self.add(key, records[key], is_new=False)
