"""The words of searchable fields, and what finds records by them: FTS5 on SQLite, tsvectors in a GIN index elsewhere.

Words are made in Python (`kit.words`) when a record is written, so that both databases find the same. They stand in a
column of the record's row, and a change of it changes the index in the same transaction: by triggers on SQLite.
The indexes hold no positions and no frequencies: phrases and order come from the column, of records that may be seen.
Each field with a read rule of its own has a column for its words, so that who may not read it searches the others.
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
"""The column of a record's words; those of a field with a read rule have one of their own, with its number."""
KEY = "_search_key"
"""SQLite's number of a record in the index: its first revision. A rowid would not stay (VACUUM)."""
_KINDS: dict[DialectName, str] = {"sqlite": "TEXT", "postgres": 'text COLLATE "C"'}
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
        own = [each for each in self.fields if each[1].read]
        shared = tuple([each for each in self.fields if not each[1].read])
        self.groups = (shared, *[(each,) for each in own]) if self.fields else ()
        """The fields whose words a column has: first those without a read rule."""
        self.names = tuple([f"{WORDS}_{number}" if number else WORDS for number in range(len(self.groups))])
        self.columns = dict.fromkeys(self.names, _KINDS[dialect])
        if self.fields and dialect == "sqlite":
            self.columns[KEY] = "INTEGER"
        self._name = collection.name
        long = hashlib.sha256(self._name.encode()).hexdigest()[:16]  # PostgreSQL keeps 63 characters of a name
        self._start = self._name if len(self._name) < 48 else f"{self._name[:30]}.{long}"

    def __bool__(self) -> bool:
        return bool(self.fields)

    @property
    def forms(self) -> list[tuple[str, str, bool, tuple[str, ...]]]:
        """What the words of records depend on."""
        return [(name, field.name, bool(field.read), tuple(field.searched)) for name, field in self.fields]

    def _called(self, kind: str = "") -> str:
        # A dot is in no name of ours.
        return f'"{self._start}.search{kind}"'

    @property
    def has_private(self) -> bool:
        """Whether some fields have columns of their own, since not everybody may read them."""
        return len(self.names) > 1

    def words(self, document: Document) -> list[str | None]:
        """The words of a document as the columns hold them."""
        return [kept_words(texts_of(fields, document)) for fields in self.groups]

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
            indexes = zip(self._indexes(), self.names, strict=True)
            return [f"CREATE INDEX {index} ON {table} USING gin ({_vector(words)})" for index, words in indexes]
        names = ", ".join(self.names)
        old, new = ", ".join([f"old.{name}" for name in self.names]), ", ".join([f"new.{name}" for name in self.names])
        gone = f"INSERT INTO {index} ({index}, rowid, {names}) VALUES ('delete', old.{KEY}, {old})"
        came = f"INSERT INTO {index} (rowid, {names}) VALUES (new.{KEY}, {new})"
        detail = "column" if self.has_private else "none"
        options = f"content='{self._name}', content_rowid='{KEY}', tokenize='ascii', detail={detail}, columnsize=0"
        is_other = " OR ".join([f"old.{name} IS NOT new.{name}" for name in self.names])
        when = f"UPDATE OF {names} ON {table} WHEN {is_other}"
        return [
            f"CREATE UNIQUE INDEX {self._called('.key')} ON {table} ({KEY})",
            f"CREATE VIRTUAL TABLE {index} USING fts5({names}, {options})",
            f"INSERT INTO {index} ({index}) VALUES ('rebuild')",
            f"CREATE TRIGGER {self._called('.insert')} AFTER INSERT ON {table} BEGIN {came}; END",
            f"CREATE TRIGGER {self._called('.delete')} AFTER DELETE ON {table} BEGIN {gone}; END",
            f"CREATE TRIGGER {self._called('.update')} AFTER {when} BEGIN {gone}; {came}; END",
        ]

    def drop_ddl(self) -> list[str]:
        """The statements that drop the index; the columns stay."""
        if self.dialect == "postgres":
            return [f"DROP INDEX IF EXISTS {index}" for index in self._indexes()]
        triggers = [f"DROP TRIGGER IF EXISTS {self._called(f'.{act}')}" for act in ("insert", "delete", "update")]
        return [*triggers, f"DROP TABLE IF EXISTS {self._called()}", f"DROP INDEX IF EXISTS {self._called('.key')}"]

    def _indexes(self) -> list[str]:
        # PostgreSQL's, one for each column.
        return [self._called(f".words{number or ''}") for number in range(len(self.names) or 1)]

    def renewal(self, old: SearchIndex, present: Sequence[str]) -> Steps:
        """The steps that make of `old`, in a table with the columns `present`, this one; to be sent each one's rows.
        There is one step with rows for every `BATCH` records."""
        if not is_renewed(old, self) and all(name in present for name in self.names):
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
        values = ", ".join([f"{name} = ?" for name in self.names])
        update = f'UPDATE "{self._name}" SET {values}{numbered} WHERE _parent = ? AND id = ?'
        start = f'SELECT _parent, id, _body, _private FROM "{self._name}"'
        end = f"ORDER BY id, _parent LIMIT {BATCH}"
        found = yield Step(f"{start} {end}")
        while found:
            yield Step(update, (), [(*self.words(_document(*row[2:])), *row[:2]) for row in found])
            found = yield Step(f"{start} WHERE (id, _parent) > (?, ?) {end}", (found[-1][1], found[-1][0]))

    @property
    def counting(self) -> str:
        """The statement of how many records there are."""
        return f'SELECT count(*) FROM "{self._name}"'

    # ------------------------------------------------------------ what finds records

    def found(self, alias: str, count: int) -> str:
        """The condition that the record `alias` has all of `count` terms, with the marks of their `parameters`."""
        if self.dialect == "sqlite":
            index = self._called()
            return f"{alias}.{KEY} IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"
        has = [f"{_vector(f'{alias}.{name}')} @@ CAST(CAST(? AS text) AS tsquery)" for name in self.names]
        return " AND ".join([f"({' OR '.join(has)})"] * count) if self.has_private else has[0]

    def parameters(self, terms: Sequence[Unit], shown: Sequence[bool]) -> list[str]:
        """The parameters of `found`, for terms of one word each in those columns that are `shown`. A word has letters
        and digits only."""
        if self.dialect == "sqlite":
            words = " AND ".join([f'"{unit.words[0]}"{"*" if unit.is_prefix else ""}' for unit in terms])
            if all(shown):
                return [words]
            names = [name for name, is_shown in zip(self.names, shown, strict=True) if is_shown]
            return [f"{{{' '.join(names)}}} : ({words})"]
        lexemes = [f"'{unit.words[0]}'{':*' if unit.is_prefix else ''}" for unit in terms]
        if not self.has_private:
            return [" & ".join(lexemes)]
        return [lexeme if is_shown else "" for lexeme in lexemes for is_shown in shown]

    def first(self, words: str) -> str:
        """Where in the text `words` a parameter comes first, from 1 on; 0: nowhere."""
        return f"{'strpos' if self.dialect == 'postgres' else 'instr'}({words}, ?)"


def searched_before(definition: str | None, dialect: DialectName) -> SearchIndex:
    """What a table has that was made for the stored declaration `definition`; None: of a collection that is gone."""
    return SearchIndex(read_collection(definition) if definition else Collection(name="none"), dialect)


def is_renewed(old: SearchIndex, new: SearchIndex) -> bool:
    """Whether other fields are searched, or others in another form."""
    return old.forms != new.forms


def _vector(words: str) -> str:
    return f"array_to_tsvector(string_to_array(btrim({words}, ' '), ' '))"


def _document(body: str, private: str | None) -> Document:
    document: Document = _decode(body)
    return document | _decode(private) if private else document
