"""The words of searchable fields, and what finds records by them: FTS5 on SQLite, tsvectors in a GIN index elsewhere.

Words are made in Python (`kit.words`) when a record is written, so that both databases find the same. They stand in a
column of the record's row, and a change of it changes the index in the same transaction: by triggers on SQLite.
The indexes hold no positions and no frequencies: phrases and order come from the column, of records that may be seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.records import Collection, Document, read_collection
from hinterland.contract.searching import Unit, kept_words, searched_fields, texts_of
from hinterland.server.storage.protocol import DialectName

BATCH = 500
WORDS = "_search"
"""The column of a record's words."""
KEY = "_search_key"
"""SQLite's number of a record in the index: its first revision. A rowid would not stay (VACUUM)."""
_KINDS: dict[DialectName, dict[str, str]] = {
    "sqlite": {WORDS: "TEXT", KEY: "INTEGER"},
    "postgres": {WORDS: 'text COLLATE "C"'},
}
_decode = msgspec.json.Decoder().decode


class Step(NamedTuple):
    """A statement, run for each of `rows` where they are given; else its rows are sent back."""

    sql: str
    parameters: Sequence[Any] = ()
    rows: Sequence[Sequence[Any]] | None = None


Steps = Generator[Step, list[Sequence[Any]], None]
ManyRows = Sequence[Sequence[Any]]


def run_steps(
    steps: Steps,
    fetch: Callable[[str, Sequence[Any]], list[Sequence[Any]]],
    execute_many: Callable[[str, ManyRows], object],
) -> None:
    """Run `steps` on a connection that never waits."""
    found: list[Sequence[Any]] | None = None
    with suppress(StopIteration):
        while True:
            step = next(steps) if found is None else steps.send(found)
            found = fetch(step.sql, step.parameters) if step.rows is None else []
            if step.rows is not None:
                execute_many(step.sql, step.rows)


async def take_steps(
    steps: Steps,
    fetch: Callable[[str, Sequence[Any]], Awaitable[list[Sequence[Any]]]],
    execute_many: Callable[[str, ManyRows], Awaitable[object]],
) -> None:
    """The same on one that waits."""
    found: list[Sequence[Any]] | None = None
    with suppress(StopIteration):
        while True:
            step = next(steps) if found is None else steps.send(found)
            found = await fetch(step.sql, step.parameters) if step.rows is None else []
            if step.rows is not None:
                await execute_many(step.sql, step.rows)


class SearchIndex:
    """What a collection's table has for searches; `columns` are those that it adds."""

    def __init__(self, collection: Collection, dialect: DialectName) -> None:
        self.dialect: DialectName = dialect
        self.fields = tuple([(name, collection.fields[name]) for name in searched_fields(collection.fields)])
        self.columns = _KINDS[dialect] if self.fields else {}
        self._name = collection.name
        long = hashlib.sha256(self._name.encode()).hexdigest()[:16]  # PostgreSQL keeps 63 characters of a name
        self._start = self._name if len(self._name) < 48 else f"{self._name[:30]}.{long}"

    def __bool__(self) -> bool:
        return bool(self.fields)

    def _called(self, kind: str = "") -> str:
        # A dot is in no name of ours.
        return f'"{self._start}.search{kind}"'

    def words(self, document: Document) -> str | None:
        """The words of a document as the column holds them."""
        return kept_words(texts_of(self.fields, document))

    # ------------------------------------------------------------ its parts in the database

    def columns_ddl(self, present: Sequence[str]) -> list[str]:
        """The statements that add its columns to a table that has those `present`."""
        missing = [(name, kind) for name, kind in self.columns.items() if name not in present]
        return [f'ALTER TABLE "{self._name}" ADD COLUMN {name} {kind}' for name, kind in missing]

    def index_ddl(self) -> list[str]:
        """The statements that make the index of the words that are there, and keep it at what is written."""
        if not self.fields:
            return []
        table, index = f'"{self._name}"', self._called()
        if self.dialect == "postgres":
            return [f"CREATE INDEX {self._called('.words')} ON {table} USING gin ({_vector(WORDS)})"]
        gone = f"INSERT INTO {index} ({index}, rowid, {WORDS}) VALUES ('delete', old.{KEY}, old.{WORDS})"
        came = f"INSERT INTO {index} (rowid, {WORDS}) VALUES (new.{KEY}, new.{WORDS})"
        options = f"content='{self._name}', content_rowid='{KEY}', tokenize='ascii', detail=none, columnsize=0"
        when = f"UPDATE OF {WORDS} ON {table} WHEN old.{WORDS} IS NOT new.{WORDS}"
        return [
            f"CREATE UNIQUE INDEX {self._called('.key')} ON {table} ({KEY})",
            f"CREATE VIRTUAL TABLE {index} USING fts5({WORDS}, {options})",
            f"INSERT INTO {index} ({index}) VALUES ('rebuild')",
            f"CREATE TRIGGER {self._called('.insert')} AFTER INSERT ON {table} BEGIN {came}; END",
            f"CREATE TRIGGER {self._called('.delete')} AFTER DELETE ON {table} BEGIN {gone}; END",
            f"CREATE TRIGGER {self._called('.update')} AFTER {when} BEGIN {gone}; {came}; END",
        ]

    def drop_ddl(self) -> list[str]:
        """The statements that drop the index; the columns stay."""
        if self.dialect == "postgres":
            return [f"DROP INDEX IF EXISTS {self._called('.words')}"]
        triggers = [f"DROP TRIGGER IF EXISTS {self._called(f'.{act}')}" for act in ("insert", "delete", "update")]
        return [*triggers, f"DROP TABLE IF EXISTS {self._called()}", f"DROP INDEX IF EXISTS {self._called('.key')}"]

    def renewal(self, old: SearchIndex, present: Sequence[str]) -> Steps:
        """The steps that make of `old`, in a table with the columns `present`, this one; to be sent each one's rows.
        There is one step with rows for every `BATCH` records."""
        if not is_renewed(old, self):
            return
        for statement in (*old.drop_ddl(), *self.columns_ddl(present)):
            yield Step(statement)
        for name in (name for name in old.columns if name not in self.columns and name in present):
            yield Step(f'ALTER TABLE "{self._name}" DROP COLUMN {name}')
        if self.fields:
            yield from self._filling()
        for statement in self.index_ddl():
            yield Step(statement)

    def _filling(self) -> Steps:
        numbered = f", {KEY} = _revision" if KEY in self.columns else ""
        update = f'UPDATE "{self._name}" SET {WORDS} = ?{numbered} WHERE _parent = ? AND id = ?'
        start = f'SELECT _parent, id, _body, _private FROM "{self._name}"'
        end = f"ORDER BY id, _parent LIMIT {BATCH}"
        found = yield Step(f"{start} {end}")
        while found:
            yield Step(update, (), [(self.words(_document(*row[2:])), *row[:2]) for row in found])
            found = yield Step(f"{start} WHERE (id, _parent) > (?, ?) {end}", (found[-1][1], found[-1][0]))

    @property
    def counting(self) -> str:
        """The statement of how many records there are."""
        return f'SELECT count(*) FROM "{self._name}"'

    # ------------------------------------------------------------ what finds records

    def found(self, alias: str) -> str:
        """The condition that the record `alias` has all words of a parameter that `expression` made."""
        if self.dialect == "postgres":
            return f"{_vector(f'{alias}.{WORDS}')} @@ CAST(CAST(? AS text) AS tsquery)"
        index = self._called()
        return f"{alias}.{KEY} IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"

    def place(self, alias: str) -> str:
        """Where in the words of `alias` a parameter comes first, from 1 on; 0: nowhere."""
        return f"{'strpos' if self.dialect == 'postgres' else 'instr'}({alias}.{WORDS}, ?)"

    def expression(self, terms: Sequence[Unit]) -> str:
        """The condition of `terms`, each one word, in the database's language. A word has letters and digits only."""
        if self.dialect == "postgres":
            return " & ".join([f"'{unit.words[0]}'{':*' if unit.is_prefix else ''}" for unit in terms])
        return " AND ".join([f'"{unit.words[0]}"{"*" if unit.is_prefix else ""}' for unit in terms])


def searched_before(definition: str | None, dialect: DialectName) -> SearchIndex:
    """What a table has that was made for the stored declaration `definition`; None: of a collection that is gone."""
    return SearchIndex(read_collection(definition) if definition else Collection(name="none"), dialect)


def is_renewed(old: SearchIndex, new: SearchIndex) -> bool:
    """Whether other fields are searched, or others in another form."""
    return [(name, field.name) for name, field in old.fields] != [(name, field.name) for name, field in new.fields]


def _vector(words: str) -> str:
    return f"array_to_tsvector(string_to_array(btrim({words}, ' '), ' '))"


def _document(body: str, private: str | None) -> Document:
    document: Document = _decode(body)
    return document | _decode(private) if private else document
