"""The SQL that both databases speak, built once for each declared collection.

Parameters stand as `?`; the PostgreSQL driver numbers them. A collection's table has the record's own columns first,
then one for each declared field, in declared order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Collection, Document
from hinterland.server.storage import list_indexes
from hinterland.server.storage.protocol import Change, DialectName, LogEntry, StoredRecord, Texts
from hinterland.server.storage.searching import KEY, SearchIndex
from hinterland.server.storage.system import SystemTable

_INDEXES = (".unique", ".index", ".group", f".{list_indexes.KIND}")  # how the names of declared indexes end
_LONGEST_NAME = 63  # what PostgreSQL keeps of a name
_encode = msgspec.json.Encoder().encode

_TYPES: dict[DialectName, dict[str, str]] = {
    "sqlite": {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "boolean": "INTEGER", "blob": "BLOB",
               "json": "TEXT"},
    "postgres": {"text": 'text COLLATE "C"', "integer": "bigint", "real": "double precision", "boolean": "boolean",
                 "blob": "bytea", "json": "jsonb"},
}  # fmt: skip

META_COLUMNS = {"id": "id", "parent": "_parent", "created_at": "_created", "updated_at": "_updated",
                "revision": "_revision"}  # fmt: skip
RECORD_NAMES = ("_parent", "id", "_revision", "_created", "_updated", "_body", "_private")
RECORD_COLUMNS = ", ".join(RECORD_NAMES)
LOG_COLUMNS = (
    'revision, "commit", "check", at, timestamp, kind, collection, parent, id, '
    "before_revision, before_created, before_updated, before_body, before_private, origin, actor"
)
RECORD_TEXTS = Texts(RECORD_NAMES, (RECORD_NAMES.index("_body"), RECORD_NAMES.index("_private")))
_LOG_NAMES = tuple(LOG_COLUMNS.split(", "))
LOG_TEXTS = Texts(_LOG_NAMES, (_LOG_NAMES.index("before_body"), _LOG_NAMES.index("before_private")))

TOGETHER = 50  # records that one statement reads by their ids


def padded(values: Sequence[Any]) -> list[Any]:
    """At most `TOGETHER` values as that many, so that the statement is the same for any number."""
    return [*values, *([values[-1]] * (TOGETHER - len(values)))]


def quote(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class CollectionTable:
    """One collection's table: its names, its statements, and how a record becomes a row."""

    def __init__(self, collection: Collection, dialect: DialectName) -> None:
        self.collection = collection
        self.dialect: DialectName = dialect
        self.name = quote(collection.name)
        self.is_integer = collection.ids == "integer"
        self.fields = tuple(collection.fields)
        self._lists = [name for name, field in collection.fields.items() if field.link and field.column == "json"]
        self.unique_columns = frozenset(place for place, field in enumerate(collection.fields.values()) if field.unique)
        """The places of unique fields among the values of `columns`."""
        self._writers = tuple(
            (name, None if field.is_kept_alike else field.to_column) for name, field in collection.fields.items()
        )
        # Without a parent, _parent is "" everywhere: the id alone identifies records, and orders them.
        self.key = ("_parent", "id") if collection.parent else ("id", "_parent")
        self.search = SearchIndex(collection, dialect)
        self._is_numbered = KEY in self.search.columns
        written = [name for name in self.search.columns if name != KEY]
        columns = [*RECORD_NAMES, *map(quote, self.fields), *written]
        changed = ", ".join(f"{name} = ?" for name in columns[2:])
        where = "WHERE _parent = ? AND id = ?"
        inserted = [*columns, KEY] if self._is_numbered else columns
        marks = ", ".join("?" * len(inserted))
        self.insert = f"INSERT INTO {self.name} ({', '.join(inserted)}) VALUES ({marks})"
        self.update = f"UPDATE {self.name} SET {changed} {where}"
        self.delete = f"DELETE FROM {self.name} {where}"
        self.get = f"SELECT {RECORD_COLUMNS} FROM {self.name} {where}"
        several = ", ".join("?" * TOGETHER)
        self._several = several
        self.several = f"SELECT {RECORD_COLUMNS} FROM {self.name} WHERE _parent = ? AND id IN ({several})"
        self.several_ids = f"SELECT id FROM {self.name} WHERE _parent = ? AND id IN ({several})"
        # The log has ids as texts.
        id = "CAST(id AS BIGINT)" if self.is_integer else "id"
        self.changed = CHANGED.format(id=id, place="")
        self.changed_after = CHANGED.format(id=id, place=f" AND (parent, {id}) > (?, ?)")
        self.below = (
            f"SELECT {RECORD_COLUMNS} FROM {self.name} "
            "WHERE _parent <= ? AND (_parent, id) > (?, ?) ORDER BY _parent, id LIMIT ?"
        )

    def holding(self, field: str) -> str:
        """The SELECT of a page of the records that refer to an id in a field; its parameters are the id, and the id and
        the parent that the page begins behind."""
        if field in self._lists:
            link = self.collection.fields[field].link
            kind = "bigint" if link is not None and link.ids == "integer" else "text"
            index = self._index(field, list_indexes.KIND)
            return list_indexes.holding(
                self.dialect, index, self.name, quote(field), kind, RECORD_COLUMNS, is_integer=self.is_integer
            )
        return (
            f"SELECT {RECORD_COLUMNS} FROM {self.name} "
            f"WHERE {quote(field)} = ? AND (id, _parent) > (?, ?) ORDER BY id, _parent LIMIT ?"
        )

    def having(self, field: str) -> str:
        """The SELECT of the records that have one of some values in a field: parent, id and value."""
        return f"SELECT _parent, id, {quote(field)} FROM {self.name} WHERE {quote(field)} IN ({self._several})"

    def place(self, parent: str, id: RecordId) -> tuple[Any, Any]:
        """The values of `key`."""
        return (parent, id) if self.collection.parent else (id, parent)

    def columns(self, document: Document) -> list[Any]:
        """The values of the declared fields' columns, and of those of their words."""
        get = document.get
        values = [get(name) if write is None else write(get(name)) for name, write in self._writers]
        return [*values, *self.search.words(document)] if self.search.fields else values

    def statement(self, change: Change) -> tuple[str, Sequence[Any]]:
        """The statement that writes `change`'s record."""
        after = change.after
        if after is None:
            assert change.before is not None
            return self.delete, change.before[:2]
        if change.before is None:
            number = (after.revision,) if self._is_numbered else ()
            return self.insert, (*after, *change.columns, *number)
        return self.update, (*after[2:], *change.columns, after.parent, after.id)

    def ddl(self) -> list[str]:
        """The statements that make the table and its indexes."""
        columns = [self._record_column_ddl(name) for name in RECORD_NAMES]
        columns += [self.column_ddl(name) for name in self.fields]
        columns += [f"{name} {kind}" for name, kind in self.search.columns.items()]
        columns += [f"CONSTRAINT {quote(self._index('', 'key'))} PRIMARY KEY ({', '.join(self.key)})"]
        made = [f"CREATE TABLE {self.name} ({', '.join(columns)})"]
        return [*made, *self.indexes_ddl(), *self.search.index_ddl()]

    def _record_column_ddl(self, name: str) -> str:
        is_integer = name == "_revision" or (name == "id" and self.is_integer)
        kind = _TYPES[self.dialect]["integer" if is_integer else "text"]
        return f"{name} {kind}" if name == "_private" else f"{name} {kind} NOT NULL"

    def column_ddl(self, name: str) -> str:
        """A field's column in CREATE TABLE and ALTER TABLE."""
        return f"{quote(name)} {_TYPES[self.dialect][self.collection.fields[name].column]}"

    def indexes_ddl(self, present: Container[str] = ()) -> list[str]:
        """Every declared index: of single fields, of groups, and of lists of references, but for `present` ones of the
        last kind."""
        made = [statement for name in self.fields for statement in self.index_ddl(name)]
        for group in self.collection.indexes:
            index = quote(self._index("-".join(group), "group"))
            made.append(f"CREATE INDEX {index} ON {self.name} ({', '.join([*map(self._ordered, group), 'id'])})")
        for name in self._lists:
            index = self._index(name, list_indexes.KIND)
            if index not in present:
                made += list_indexes.made(self.dialect, index, self.name, quote(name))
        return made

    def _ordered(self, name: str) -> str:
        """A field in an index, null first on both databases, as lists are ordered."""
        if name in META_COLUMNS:
            return META_COLUMNS[name]
        return quote(name) + (" NULLS FIRST" if self.dialect == "postgres" else "")

    def index_ddl(self, name: str) -> list[str]:
        """The index of a field that is declared unique or indexed."""
        field = self.collection.fields[name]
        if field.unique:
            index = quote(self._index(name, "unique"))
            return [f"CREATE UNIQUE INDEX {index} ON {self.name} ({quote(name)})"]
        index = quote(self._index(name, "index"))
        return [f"CREATE INDEX {index} ON {self.name} ({self._ordered(name)}, id)"] if field.index else []

    def field_of(self, index: str) -> str:
        """The field that an index is of; "" for the key's."""
        return next((n for n in self.fields if index in (self._index(n, "unique"), self._index(n, "index"))), "")

    def _index(self, field: str, kind: str) -> str:
        # A dot is in no name of ours, so that no two collections' indexes are called alike.
        name = f"{self.collection.name}.{field}.{kind}"
        if len(name) <= _LONGEST_NAME:
            return name
        return f"{name[:30]}.{hashlib.sha256(name.encode()).hexdigest()[:20]}.{kind}"

    def missing_ddl(self, columns: Container[str], indexes: Sequence[str]) -> list[str]:
        """The statements that add what is declared to the table with these `columns` and `indexes`, and drop those
        indexes that are no longer declared."""
        adding = [f"ALTER TABLE {self.name} ADD COLUMN {self.column_ddl(name)}" for name in self.fields
                  if name not in columns]  # fmt: skip
        made = [statement.replace("INDEX ", "INDEX IF NOT EXISTS ", 1) for statement in self.indexes_ddl(indexes)]
        return [*adding, *self.drop_indexes_ddl(indexes, kept=self._index_names()), *made]

    def drop_indexes_ddl(self, indexes: Iterable[str], kept: Container[str] = ()) -> list[str]:
        """The statements that drop those of the table's `indexes` that are of declarations, but not those `kept`."""
        start = f"{self.collection.name}."[:30]
        mine = [name for name in indexes if name.startswith(start) and name.endswith(_INDEXES)]
        return [statement for name in mine if name not in kept for statement in self._drop_ddl(name)]

    def _drop_ddl(self, index: str) -> list[str]:
        if index.endswith(f".{list_indexes.KIND}"):
            return list_indexes.dropped(self.dialect, index)
        return [f"DROP INDEX {quote(index)}"]

    def drop_beside_ddl(self) -> list[str]:
        """The statements that drop what it has beside its table."""
        lists = [self._index(name, list_indexes.KIND) for name in self._lists]
        dropped = [statement for index in lists for statement in list_indexes.dropped(self.dialect, index)]
        return [*self.search.drop_ddl(), *dropped]

    def _index_names(self) -> set[str]:
        fields = self.collection.fields.items()
        names = {self._index(name, "unique" if field.unique else "index") for name, field in fields
                 if field.unique or field.index}  # fmt: skip
        names |= {self._index(name, list_indexes.KIND) for name in self._lists}
        return names | {self._index("-".join(group), "group") for group in self.collection.indexes}

    def declaration(self) -> tuple[str, str]:
        """The parameters of `DECLARE`: the collection's name, and its declaration as JSON."""
        return self.collection.name, _encode(self.collection).decode()


def log_row(change: Change, revision: int, commit: int, check: int, at: float) -> tuple[Any, ...]:
    """The log's row for `change`, in the order of `LOG_COLUMNS`."""
    before = change.before
    record = change.after or before
    assert record is not None
    head = (
        revision,
        commit,
        check,
        at,
        change.timestamp,
        change.kind,
        change.collection,
        record.parent,
        str(record.id),
    )
    tail = (None, None, None, None, None) if before is None else before[2:]
    return (*head, *tail, change.origin, change.actor)


COLUMNS: dict[DialectName, str] = {
    "sqlite": "SELECT name FROM pragma_table_info(?)",
    "postgres": "SELECT attname FROM pg_attribute "
    "WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0 AND NOT attisdropped",
}
INDEXES: dict[DialectName, str] = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL",
    "postgres": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = ?",
}
DEFINITION = "SELECT definition FROM _collections WHERE name = ?"
DECLARE = (
    "INSERT INTO _collections (name, definition, last_id) VALUES (?, ?, 0) "
    "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition"
)
INSERT_LOG = f"INSERT INTO _log ({LOG_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
LOG_AFTER = f"SELECT {LOG_COLUMNS} FROM _log WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?"
LOG_OF = (
    f"SELECT {LOG_COLUMNS} FROM _log WHERE revision > ? AND revision <= ? AND collection || '' IN ({{}}) "
    "ORDER BY revision LIMIT ?"
)  # the index over records would find all changes of the collections, however old
# The changes are read by revision alone: by the index over records, all of the collection's would be. A record is there
# unless its last change is a deletion.
CHANGED = (
    "WITH later AS MATERIALIZED (SELECT revision, kind, collection, parent, id FROM _log WHERE revision > ?) "
    "SELECT parent, {id} FROM later WHERE collection = ?{place} GROUP BY parent, {id} "
    "HAVING coalesce(max(revision) FILTER (WHERE kind = 'delete'), 0) < max(revision) ORDER BY parent, {id} LIMIT ?"
)
LOG_OF_RECORD = (
    f"SELECT {LOG_COLUMNS} FROM _log WHERE collection = ? AND parent = ? AND id = ? AND revision > ? "
    "ORDER BY revision LIMIT ?"
)
SINCE = (
    "SELECT max(timestamp) FILTER (WHERE origin <> ?), count(*) FILTER (WHERE origin = ?) FROM _log "
    "WHERE collection = ? AND parent = ? AND id = ? AND revision > ?"
)
NEXT_BEFORE = (
    "SELECT before_revision, before_created, before_updated, before_body, before_private FROM _log "
    "WHERE collection = ? AND parent = ? AND id = ? AND revision > ? ORDER BY revision LIMIT 1"
)
HEAD = 'SELECT revision, "check" FROM _log ORDER BY revision DESC LIMIT 1'
OLDEST = "SELECT revision FROM _log ORDER BY revision LIMIT 1"
CHECK_AT = 'SELECT "check" FROM _log WHERE revision = ? AND "commit" = revision'
# What stays begins at the first entry that is young enough, even where the clock went back later: no parameters.
FIRST_KEPT = (
    'SELECT revision FROM _log WHERE at >= ? OR "commit" = (SELECT max(revision) FROM _log) ORDER BY revision LIMIT 1'
)
PRUNE = "DELETE FROM _log WHERE revision < ?"
FORGET_ACTOR = "UPDATE _log SET actor = '', origin = '' WHERE revision >= ? AND revision < ? AND actor = ?"


def forget(table: SystemTable) -> str:
    """Delete rows of a system table older than a time, at most a number of them, the oldest first; a row for each."""
    key = ", ".join(map(quote, table.key))
    oldest = f"SELECT {key} FROM {table.name} WHERE at < ? ORDER BY at LIMIT ?"
    return f"DELETE FROM {table.name} WHERE ({key}) IN ({oldest}) RETURNING 1"


def record_id(text: str, *, is_integer: bool) -> RecordId:
    """The id as the collection has it, from the log's text."""
    return int(text) if is_integer else text


def log_entry(row: Sequence[Any], id: RecordId) -> LogEntry:
    """A row of `LOG_COLUMNS` as an entry; its `after` is yet to be found."""
    parent = row[7]
    before = None if row[9] is None else StoredRecord(parent, id, *row[9:14])
    return LogEntry(row[0], row[1], row[2], row[3], row[4], row[5], row[6], parent, id, before, None, row[14], row[15])


def equals(where: dict[str, Any]) -> tuple[str, list[Any]]:
    """A WHERE clause of equalities (null is a value), and its parameters."""
    if not where:
        return "", []
    terms = [f"{quote(name)} IS NULL" if value is None else f"{quote(name)} = ?" for name, value in where.items()]
    return " WHERE " + " AND ".join(terms), [value for value in where.values() if value is not None]


_ARRAYS = {"text": "text[]", "integer": "bigint[]"}


def rows_of(table: SystemTable) -> str:
    """PostgreSQL's SELECT of the system rows with some keys: an array for each column of the key."""
    columns, key = (", ".join(map(quote, names)) for names in (table.columns, table.key))
    arrays = ", ".join(f"?::{_ARRAYS[table.columns[name]]}" for name in table.key)
    return f"SELECT {columns} FROM {table.name} WHERE ({key}) IN (SELECT * FROM unnest({arrays}))"


@lru_cache(maxsize=100)
def insertion(table: str, names: tuple[str, ...]) -> str:
    """Insert a system row, which must not be there."""
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(map(quote, names))}) VALUES ({marks})"


def upsert(table: SystemTable, names: Iterable[str]) -> str:
    """Insert a system row, or replace the one with the same key."""
    listed = list(names)
    marks = ", ".join("?" * len(listed))
    rest = [name for name in listed if name not in table.key]
    act = "UPDATE SET " + ", ".join(f"{quote(n)} = excluded.{quote(n)}" for n in rest) if rest else "NOTHING"
    columns, key = ", ".join(map(quote, listed)), ", ".join(map(quote, table.key))
    return f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO {act}"
