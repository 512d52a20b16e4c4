"""Single records and lists, as a caller may see them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Bytes, Int64, Json, List, from_text
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.query import Query
from hinterland.kit.cel.errors import CelError
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.plan import denied
from hinterland.server.data.rules import META_COLUMNS, column
from hinterland.server.storage.protocol import Snapshot, Storage, StoredRecord
from hinterland.server.storage.statements import RECORD_COLUMNS

Term = tuple[str, list[Any]]
_COLUMNS = ", ".join(f"r.{name}" for name in RECORD_COLUMNS.split(", "))


class Page(NamedTuple):
    """A page of records in order; `next` continues after it ("" at the end); `total` only where it was asked for."""

    records: list[StoredRecord]
    next: str
    total: int | None


class Reader:
    """Reads from the storage what the rules let a caller see."""

    def __init__(self, storage: Storage, catalogue: Catalogue) -> None:
        self.storage = storage
        self.catalogue = catalogue

    async def view(self, caller: Principal, entry: Entry, parent: str, id: RecordId) -> StoredRecord:
        """One record. Raises `not_found` for one that the caller may not see too, so that nothing leaks."""
        record = await self.storage.record(entry.name, parent, id)
        if record is None or not entry.allows("view", caller, record):
            raise Refusal("not_found", f"there is no {entry.name}/{id}")
        return record

    async def page(self, caller: Principal, entry: Entry, parent: str, query: Query) -> Page:
        """A page of the records that `query` asks for and the list rule shows."""
        if entry.rules["list"] is None and not caller.is_admin:
            raise denied(entry.name, "list", is_signed_in=caller.is_signed_in)
        terms = self._terms(caller, entry, parent, query)
        order = _Order(entry, query, entry.hidden(caller))
        if query.total:
            async with self.storage.snapshot() as snapshot:
                page = await self._select(snapshot, entry, query, order, terms)
                return page._replace(total=await _count(snapshot, entry, terms))
        return await self._select(self.storage, entry, query, order, terms)

    def _terms(self, caller: Principal, entry: Entry, parent: str, query: Query) -> list[Term]:
        hidden = entry.hidden(caller)
        variables = {"auth": caller.as_auth()}
        terms: list[Term] = [("r._parent = ?", [parent])]
        terms += [_equality(entry, name, value, hidden) for name, value in query.equals.items()]
        if query.filter:
            terms.append(_filter(entry, query.filter, hidden, variables))
        rule = entry.rules["list"]
        if rule is not None and not rule.is_true and not caller.is_admin:
            terms.append((f"({rule.sql.text})", rule.sql.bind(variables)))
        return terms

    async def _select(
        self, snapshot: Snapshot, entry: Entry, query: Query, order: _Order, terms: Sequence[Term]
    ) -> Page:
        terms = [*terms, order.after(query.cursor)] if query.cursor else terms
        where, parameters = _where(terms)
        offset = (query.page - 1) * query.limit if query.page and not query.cursor else 0
        sql = f"SELECT {_COLUMNS} FROM {entry.table.name} r{where} ORDER BY {order.sql} LIMIT ?"
        parameters.append(query.limit + 1)
        if offset:
            sql += " OFFSET ?"
            parameters.append(offset)
        rows = await snapshot.fetch(sql, parameters)
        records = [StoredRecord(*row) for row in rows[: query.limit]]
        has_more = len(rows) > query.limit
        return Page(records, order.cursor(records[-1]) if has_more else "", None)


async def _count(snapshot: Snapshot, entry: Entry, terms: Sequence[Term]) -> int:
    where, parameters = _where(terms)
    rows = await snapshot.fetch(f"SELECT count(*) FROM {entry.table.name} r{where}", parameters)
    return int(rows[0][0])


def _where(terms: Sequence[Term]) -> Term:
    return " WHERE " + " AND ".join(sql for sql, _ in terms), [value for _, values in terms for value in values]


def _filter(entry: Entry, text: str, hidden: frozenset[str], variables: dict[str, Any]) -> Term:
    if len(text) > 4_000:
        raise Refusal("invalid_query", "the filter is longer than 4,000 characters")
    try:
        rule = entry.book.filter(text)
    except CelError as error:
        raise Refusal("invalid_query", f"filter: {error}") from None
    _refuse_hidden(entry, rule.reads_record & hidden)
    return f"({rule.sql.text})", rule.sql.bind(variables)


def _refuse_hidden(entry: Entry, names: frozenset[str] | set[str]) -> None:
    if names:
        raise Refusal("forbidden", f"{', '.join(sorted(names))} of {entry.name} can't be used to filter or sort")


def _equality(entry: Entry, name: str, value: Any, hidden: frozenset[str]) -> Term:
    if name not in META_COLUMNS and name not in entry.collection.fields:
        raise Refusal(
            "invalid_query", f"{name[:64]!r} is not a field of {entry.name}; it has {', '.join(entry.shape.names)}"
        )
    _refuse_hidden(entry, {name} & hidden)
    return f"{column(name)} = ?", [_typed(entry, name, value)]


def _typed(entry: Entry, name: str, value: Any) -> Any:
    field = entry.collection.fields.get(name)
    try:
        if field is None:
            return int(value) if name == "revision" or (name == "id" and entry.is_integer) else str(value)
        if isinstance(field, List | Json | Bytes):
            raise ValueError("can't be compared for equality: use filter")
        stored = entry.shape.check(name, from_text(field, value) if isinstance(value, str) else value)
        return int(stored) if isinstance(field, Int64) else stored
    except ValueError as error:
        raise Refusal("invalid_query", f"{name}: {error}") from None


class _Order:
    """The order of a list and the place in it that a cursor names (a keyset: the sort values of the last record)."""

    def __init__(self, entry: Entry, query: Query, hidden: frozenset[str]) -> None:
        self.entry = entry
        names = [name.removeprefix("-") for name in query.sort]
        self._check(names, hidden)
        keys = [(name.removeprefix("-"), name.startswith("-")) for name in query.sort]
        if "id" not in names:
            keys.append(("id", bool(keys) and keys[-1][1]))
        self.keys = keys[: [name for name, _ in keys].index("id") + 1]
        is_postgres = entry.table.dialect == "postgres"
        self.sql = ", ".join(self._part(name, is_down, is_postgres=is_postgres) for name, is_down in self.keys)
        asked = msgspec.json.encode([entry.name, query.filter, query.sort, query.equals])
        self._fingerprint = hashlib.sha256(asked).hexdigest()[:12]

    def _check(self, names: list[str], hidden: frozenset[str]) -> None:
        for name in names:
            field = self.entry.collection.fields.get(name)
            if (field is None and name not in META_COLUMNS) or isinstance(field, List | Json):
                raise Refusal("invalid_query", f"{self.entry.name} can't be sorted by {name[:64]!r}")
        _refuse_hidden(self.entry, set(names) & hidden)

    def _part(self, name: str, is_down: bool, *, is_postgres: bool) -> str:
        # SQLite has null first; PostgreSQL is told to, where a value may be missing.
        nulls = (" NULLS LAST" if is_down else " NULLS FIRST") if is_postgres and name not in META_COLUMNS else ""
        return f"{column(name)}{' DESC' if is_down else ''}{nulls}"

    def cursor(self, record: StoredRecord) -> str:
        """The cursor that continues after `record`."""
        raw = msgspec.json.encode([self._fingerprint, *self._values(record)])
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def _values(self, record: StoredRecord) -> list[Any]:
        meta = {"id": record.id, "parent": record.parent, "created_at": record.created,
                "updated_at": record.updated, "revision": record.revision}  # fmt: skip
        document: dict[str, Any] = msgspec.json.decode(record.body)
        if record.private is not None:
            document |= msgspec.json.decode(record.private)
        return [meta[name] if name in meta else document.get(name) for name, _ in self.keys]

    def after(self, cursor: str) -> Term:
        """The condition of the records beyond `cursor`. Raises `invalid_cursor`."""
        values = self._parse(cursor)
        sql = ""
        parameters: list[Any] = []
        for (name, is_down), value in reversed([*zip(self.keys, values, strict=True)]):
            sql, parameters = _beyond(column(name), value, is_down, sql, parameters)
        return sql, parameters

    def _parse(self, cursor: str) -> list[Any]:
        refusal = Refusal("invalid_cursor", "the cursor does not belong to this list: start again without one")
        try:
            raw = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, msgspec.MsgspecError):
            raise refusal from None
        if not isinstance(raw, list) or raw[:1] != [self._fingerprint] or len(raw) != len(self.keys) + 1:
            raise refusal
        values = [
            None if value is None else self._value(name, value, refusal)
            for (name, _), value in zip(self.keys, raw[1:], strict=True)
        ]
        if values[-1] is None:
            raise refusal
        return values

    def _value(self, name: str, value: Any, refusal: Refusal) -> Any:
        if isinstance(value, dict | list) or (name in ("id", "revision") and type(value) not in (int, str)):
            raise refusal
        try:
            return _typed(self.entry, name, value)
        except Refusal:
            raise refusal from None


def _beyond(name: str, value: Any, is_down: bool, rest: str, parameters: list[Any]) -> Term:
    """Records after `value` in one column, or at it and beyond by the `rest`; null comes before every value."""
    same = f"{name} IS NULL" if value is None else f"{name} = ?"
    same_values = [] if value is None else [value]
    if is_down:
        later = "" if value is None else f"({name} < ? OR {name} IS NULL)"
    else:
        later = f"{name} IS NOT NULL" if value is None else f"{name} > ?"
    later_values = [value] if later and value is not None else []
    if not rest:
        return later or "1 = 0", later_values
    both = f"({same} AND {rest})"
    return (f"({later} OR {both})", [*later_values, *same_values, *parameters]) if later else (
        both, [*same_values, *parameters])  # fmt: skip
