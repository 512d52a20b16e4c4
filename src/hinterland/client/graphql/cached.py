"""A normalized cache in memory: layers of optimistic results over what the server returned, and eviction.

Every rule here is in `contract/vectors/graphql/cache.json`, so that clients of all languages have the same.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from hinterland.client.graphql.normalizing import CachedResult, CacheRecord, CacheRecords, ResultShape

MOST_RECORDS = 10_000
FetchPolicy = Literal["cache-first", "cache-and-network", "network-only", "cache-only"]
QUERY = "Query"


class FetchPlan(msgspec.Struct, frozen=True):
    """What a query does: `reads` returns what the cache has, `fetches` asks the server."""

    reads: bool
    fetches: bool


def plan(policy: FetchPolicy, *, is_complete: bool) -> FetchPlan:
    """What a policy does where the cache has everything, or not. With neither, the query is an error."""
    match policy:
        case "cache-first":
            return FetchPlan(is_complete, not is_complete)
        case "cache-and-network":
            return FetchPlan(is_complete, True)
        case "network-only":
            return FetchPlan(False, True)
        case "cache-only":
            return FetchPlan(is_complete, False)


class RecordCache:
    """The records of results, the newest value of each field.

    An optimistic result is a layer over them, which `rollback` removes; the later layer wins. `evict` forgets records
    or fields of queries. Where there are more than `most` records, those that no query reaches go first, then the
    fields of the root that were used least recently, with what only they reach.
    """

    def __init__(self, most: int = MOST_RECORDS) -> None:
        self.records: CacheRecords = {}
        self._most = most
        self._layers: dict[str, CacheRecords] = {}
        self._used: dict[str, None] = {}  # fields of the root, the one used last at the end

    def read(self, shape: ResultShape) -> CachedResult:
        """What the cache has of a selection, with optimistic results."""
        if shape.root == QUERY:
            self._use(shape)
        return shape.result_of(self._seen())

    def write(self, shape: ResultShape, data: Mapping[str, Any]) -> frozenset[str]:
        """Keep a result; the keys of the records that have changed."""
        made = shape.records_in(data)
        changed = {key for key, record in made.items() if not _has(self.records, key, record)}
        self.records |= _over(self.records, made)
        if shape.root == QUERY:
            self._use(shape)
        return frozenset(changed | self._trim())

    def optimistic(self, id: str, shape: ResultShape, data: Mapping[str, Any]) -> frozenset[str]:
        """Show a result that is expected, until `rollback`; the keys of the records that have changed."""
        self._layers[id] = shape.records_in(data)
        return frozenset(self._layers[id])

    def rollback(self, id: str) -> frozenset[str]:
        """Take an expected result away: the server has answered, or refused."""
        return frozenset(self._layers.pop(id, {}))

    def evict(self, name: str) -> frozenset[str]:
        """Forget a record (`Post:42`), those of a type (`Post:`), or a field of queries with all arguments
        (`posts`)."""
        if ":" not in name:
            return self._evict_field(name)
        named = {key for key in self.records if key.startswith(name)} if name.endswith(":") else {name}
        found = named & self.records.keys()
        for key in found:
            del self.records[key]
        return frozenset(found)

    def clear(self) -> frozenset[str]:
        """Forget everything."""
        keys = frozenset({*self.records, *(key for layer in self._layers.values() for key in layer)})
        self.records, self._layers, self._used = {}, {}, {}
        return keys

    @property
    def used(self) -> list[str]:
        """The fields of the root, the one used last at the end."""
        return [*self._used]

    def restore(self, records: CacheRecords, used: Iterable[str]) -> None:
        """Begin with records that were kept."""
        self.records = records
        self._used = dict.fromkeys(used)

    # ---------------------------------------------------------------- records

    def _evict_field(self, name: str) -> frozenset[str]:
        root = self.records.get(QUERY) or {}
        fields = [field for field in root if field.partition("(")[0] == name]
        for field in fields:
            del root[field]
            self._used.pop(field, None)
        return frozenset({QUERY} if fields else ())

    def _seen(self) -> Mapping[str, CacheRecord | None]:
        seen: ChainMap[str, CacheRecord | None] = ChainMap(self.records)
        for layer in self._layers.values():
            seen = seen.new_child(_over(seen, layer))
        return seen

    def _use(self, shape: ResultShape) -> None:
        for field in shape.root_fields():
            self._used.pop(field, None)
            self._used[field] = None

    def _trim(self) -> set[str]:
        removed: set[str] = set()
        while len(self.records) > self._most:
            reached = self._reached()
            unused = {key for key in self.records if key not in reached}
            for key in unused:
                del self.records[key]
            removed |= unused
            root = self.records.get(QUERY) or {}
            oldest = next((field for field in self._used if field in root), None)
            if len(self.records) <= self._most or oldest is None or len(root) == 1:
                break
            del root[oldest], self._used[oldest]
            removed.add(QUERY)
        return removed

    def _reached(self) -> set[str]:
        reached: set[str] = set()
        waiting: list[Any] = [QUERY]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, str) and value in self.records and value not in reached:
                reached.add(value)
                waiting += (self.records[value] or {}).values()
        return reached


def _over(records: Mapping[str, CacheRecord | None], made: CacheRecords) -> CacheRecords:
    """The records that were made, with what those of before have beside them."""
    return {key: None if record is None else {**(records.get(key) or {}), **record} for key, record in made.items()}


def _has(records: Mapping[str, CacheRecord | None], key: str, part: CacheRecord | None) -> bool:
    record = records.get(key)
    if record is None or part is None:
        return key in records and record is part
    return all(name in record and record[name] == value for name, value in part.items())
