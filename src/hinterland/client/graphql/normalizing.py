"""Results of documents as records by type and id, and back. Everything here is a function of what it is given.

A record has a key: `Type:id` for an object with both, or its `nodeId`, which is `Type:42/7` below another record;
`Query`, `Mutation` or `Subscription` for the root, and for any other object the key of the record that has it with the
field, and the place in a list: `Query.postsConnection.edges.0`. Its values are by field and arguments,
`posts({"limit":2})`; in the place of an object is its key. A record that was deleted is None: it is left out of lists,
and is null elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hinterland.client.graphql.documents import GraphQLDocument, GraphQLOperation, SelectedField, SelectedPart, resolved

CacheRecord = dict[str, Any]
CacheRecords = dict[str, CacheRecord | None]
_Records = Mapping[str, CacheRecord | None]
_ROOTS = {"query": "Query", "mutation": "Mutation", "subscription": "Subscription"}
_TYPENAME = "__typename"
_CHANGE = "Change"


class CachedResult(msgspec.Struct, frozen=True):
    """What records have of a selection: `data`, with null for what they lack; whether they lack nothing; and the keys
    of the records that were read."""

    data: Any
    is_complete: bool
    keys: frozenset[str]


class ResultShape:
    """The selection of one operation with its variables. `possible` has the object types of abstract types by name."""

    def __init__(
        self,
        document: GraphQLDocument,
        operation: GraphQLOperation,
        variables: Mapping[str, Any],
        possible: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.root = _ROOTS[operation.kind]
        self._operation = operation
        self._fragments = document.fragments
        self._variables = {**operation.defaults, **variables}
        self._possible = possible or {}

    def records_in(self, data: Mapping[str, Any]) -> CacheRecords:
        """The records of a result, and those that it reports as deleted. The root itself is kept for queries alone."""
        made: dict[str, CacheRecord] = {}
        self._write(made, self.root, self._operation.selections, data)
        if self.root != "Query":
            made = {key: record for key, record in made.items() if key.partition(".")[0] != self.root}
        return {**made, **dict.fromkeys(_gone(data))}

    def result_of(self, records: _Records) -> CachedResult:
        """What the records have of the selection."""
        keys: set[str] = set()
        missing: list[str] = []
        data = self._read(records, self.root, self._operation.selections, keys, missing)
        return CachedResult(data, not missing, frozenset(keys))

    def root_fields(self) -> list[str]:
        """The fields of the root that the selection has, by name and arguments."""
        return [self._field_key(field) for field in self._fields(self._operation.selections, self.root)]

    # ---------------------------------------------------------------- writing

    def _write(
        self, made: dict[str, CacheRecord], key: str, selections: tuple[Any, ...], data: Mapping[str, Any]
    ) -> None:
        record = made.setdefault(key, {})
        for field in self._fields(selections, str(data.get(_typename_key(selections)) or self.root)):
            if field.key in data:
                name = self._field_key(field)
                record[name] = self._written(made, f"{key}.{name}", field, data[field.key])

    def _written(self, made: dict[str, CacheRecord], place: str, field: SelectedField, value: Any) -> Any:
        if field.selections is None or value is None:
            return value
        if isinstance(value, list):
            return [self._written(made, f"{place}.{at}", field, item) for at, item in enumerate(value)]
        key = self._key_of(field.selections, value) or place
        self._write(made, key, field.selections, value)
        return key

    def _key_of(self, selections: tuple[Any, ...], data: Mapping[str, Any]) -> str:
        typename = data.get(_typename_key(selections))
        if self.root == "Subscription" and str(typename).endswith(_CHANGE):
            return ""  # what happened to a record, and no record
        fields = self._fields(selections, str(typename or ""))
        given = {each.name: data.get(each.key) for each in reversed(fields) if not each.arguments}
        return "" if typename is None else _key(str(typename), given)

    # ---------------------------------------------------------------- reading

    def _read(
        self,
        records: _Records,
        key: str,
        selections: tuple[Any, ...],
        keys: set[str],
        missing: list[str],
    ) -> Any:
        keys.add(key)
        record = records.get(key)
        if record is None:
            missing += [key] if key not in records else []
            return None
        data: dict[str, Any] = {}
        for field in self._fields(selections, str(record.get(_TYPENAME, self.root))):
            name = self._field_key(field)
            if name in record:
                value = self._found(records, field, record[name], keys, missing)
            else:
                missing.append(f"{key}.{name}")
                value = None
            data[field.key] = value
        return data

    def _found(
        self,
        records: _Records,
        field: SelectedField,
        value: Any,
        keys: set[str],
        missing: list[str],
    ) -> Any:
        if field.selections is None or value is None:
            return value
        if isinstance(value, list):
            items = [item for item in value if not isinstance(item, str) or records.get(item, {}) is not None]
            keys.update(item for item in value if isinstance(item, str))
            return [self._found(records, field, item, keys, missing) for item in items]
        return self._read(records, value, field.selections, keys, missing)

    # ---------------------------------------------------------------- selections

    def _fields(self, selections: tuple[Any, ...], typename: str) -> list[SelectedField]:
        """The fields that an object of this type has, each once (GraphQL §6.3.2)."""
        found: dict[str, SelectedField] = {}
        for field in self._each_field(selections, typename):
            earlier = found.get(field.key)
            if earlier is not None and earlier.selections is not None and field.selections is not None:
                field = earlier._replace(selections=earlier.selections + field.selections)
            found[field.key] = field
        return [*found.values()]

    def _each_field(self, selections: tuple[Any, ...], typename: str) -> Iterator[SelectedField]:
        for each in selections:
            if not self._is_included(each.directives):
                continue
            if isinstance(each, SelectedField):
                yield each
                continue
            part: SelectedPart = self._fragments[each.name] if each.name else each
            if part.on in ("", typename) or typename in self._possible.get(part.on, ()) or typename in _ROOT_TYPES:
                yield from self._each_field(part.selections, typename)

    def _is_included(self, directives: tuple[tuple[str, Any], ...]) -> bool:
        for name, arguments in directives:
            if name in ("include", "skip") and resolved(arguments.get("if"), self._variables) is not (
                name == "include"
            ):
                return False
        return True

    def _field_key(self, field: SelectedField) -> str:
        given = {name: resolved(value, self._variables) for name, value in field.arguments}
        given = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        return f"{field.name}({canonical(given)})" if given else field.name


_ROOT_TYPES = frozenset(_ROOTS.values())


def canonical(value: Any) -> str:
    """A value as JSON with sorted members, without blanks, and with whole numbers as integers."""
    return msgspec.json.encode(_whole(value), order="deterministic").decode()


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _key(typename: str, data: Mapping[str, Any]) -> str:
    """The key of an object of a type; "" where it has no id."""
    node, id = data.get("nodeId"), data.get("id")
    if isinstance(node, str) and node.startswith(f"{typename}:"):
        return node
    return "" if id is None else f"{typename}:{id}"


def _gone(data: Any) -> list[str]:
    """The records that changes report as deleted, or out of the caller's view."""
    if isinstance(data, list):
        return [key for item in data for key in _gone(item)]
    if not isinstance(data, Mapping):
        return []
    typename = str(data.get(_TYPENAME, ""))
    is_end = typename.endswith(_CHANGE) and data.get("kind") in ("delete", "left")
    named = {"id": data.get("id"), "nodeId": data.get("recordNodeId")}
    if is_end and (key := _key(typename.removesuffix(_CHANGE), named)):
        return [key]
    return [key for item in data.values() for key in _gone(item)]


def _typename_key(selections: tuple[Any, ...]) -> str:
    """Under which name a result has the type of its object."""
    named = (each.key for each in selections if isinstance(each, SelectedField) and each.name == _TYPENAME)
    return next(named, _TYPENAME)
