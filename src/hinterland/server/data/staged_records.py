"""Records of a collection that are about to be written, found by the value of a field."""

from __future__ import annotations

from collections.abc import Collection

from hinterland.kit.cel.predicates import evaluator
from hinterland.kit.cel.typed import Path
from hinterland.server.data import documents
from hinterland.server.storage.protocol import LogKey, StoredRecord


class StagedRecords:
    """The records, as they will be (None: deleted). `replaced`: how many times one that the database has is changed."""

    def __init__(self) -> None:
        self.records: dict[LogKey, StoredRecord | None] = {}
        self.replaced = 0
        self._order: list[LogKey] = []
        self._found: dict[tuple[str, ...], tuple[int, dict[object, dict[LogKey, None]]]] = {}

    def add(self, key: LogKey, record: StoredRecord | None, *, is_new: bool) -> None:
        """Take what is written next."""
        self.records[key] = record
        self._order.append(key)
        self.replaced += not is_new

    def like(self, field: Path, name: str, value: object) -> Collection[LogKey]:
        """The keys of those in which the `field` (of the variable `name`) has a value, or none. They may have another
        one again."""
        seen, keys = self._found.get(field.fields, (0, {}))
        get = evaluator(field)
        for key in self._order[seen:]:
            record = self.records[key]
            if record is not None:
                document = documents.with_meta(record, documents.document_of(record))
                keys.setdefault(get({name: document}), {})[key] = None
        self._found[field.fields] = (len(self._order), keys)
        return {**keys.get(value, {}), **keys.get(None, {})}
