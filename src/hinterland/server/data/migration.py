"""Brings stored records to a changed declaration: all of it in one transaction and through the log, or none of it.

Each rewritten record is a change with a revision, so that devices learn of it. A rehearsal does the same work and
undoes it: what it reports is what will happen.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.identity import is_temporary
from hinterland.contract.kinds.field import Field, Link
from hinterland.contract.records import Collection, CompiledCollection, Document
from hinterland.server.data import documents, schema
from hinterland.server.data.search_change import Report, SearchChange
from hinterland.server.data.state import UNWRITTEN
from hinterland.server.storage import statements
from hinterland.server.storage.list_indexes import lost_items
from hinterland.server.storage.protocol import Change, CommitChanges, DialectName, Storage, StoredRecord
from hinterland.server.storage.statements import CollectionTable, quote
from hinterland.server.storage.system import Amend
from hinterland.server.storage.writing import Writes

Renames = Mapping[str, Mapping[str, str]]
"""Of a collection, the new name of a stored field by its old one."""
BATCH = 500
SHOWN = 20  # problems that are reported one by one
# No device's edit is older than a migration: whatever was meant for the record counts.
_TIMESTAMP = 0.0
_FORGET = (
    "UPDATE _log SET collection = '', before_private = NULL, "
    "before_body = CASE WHEN before_body IS NULL THEN NULL ELSE '{}' END WHERE collection = ?"
)
NO_RENAMES: Renames = {}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Migration(NamedTuple):
    """What was done or would be: `steps` in words, and the `problems` because of which nothing can be."""

    steps: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class _Undone(Exception):
    """Ends the transaction of a rehearsal, and one that met problems."""


async def migrate(
    storage: Storage,
    collections: Sequence[Collection],
    now: float,
    *,
    renames: Renames = NO_RENAMES,
    is_rehearsal: bool = False,
    report: Report = lambda *_: None,
) -> Migration:
    """Bring the records of an opened `storage` to the declaration `collections`; `now` in seconds since 1970. Fields of
    `renames` keep their values under the new names. A rehearsal makes no words for searches: nothing in that can fail.

    Where there are problems, nothing was changed. Raises what a write raises, and `SchemaChange` where no migration can
    make what was declared.
    """
    result = Migration()
    try:
        async with storage.transaction() as transaction:
            assert isinstance(transaction, Writes)
            shown = None if is_rehearsal else report
            result = await _migrate(transaction, collections, storage.dialect, now, renames, shown)
            if is_rehearsal or result.problems:
                raise _Undone
            await transaction.redeclare()
    except _Undone:
        pass
    return result


async def _migrate(
    transaction: Writes,
    collections: Sequence[Collection],
    dialect: DialectName,
    now: float,
    renames: Renames,
    report: Report | None,
) -> Migration:
    old = await schema.stored(transaction)
    if impossible := schema.impossible(old, collections):
        raise schema.SchemaChange(impossible, is_possible=False)
    if wrong := schema.wrong_renames(old, collections, renames):
        return Migration(problems=tuple(wrong))
    transaction.tables = {name: CollectionTable(collection, dialect) for name, collection in old.items()}
    declared = {collection.name for collection in collections}
    steps = [await _drop(transaction, name) for name in old if name not in declared]
    problems: list[str] = []
    for new in (each for each in collections if each.name in old):
        searching = SearchChange(old[new.name], new, dialect)
        if not schema.changed(old[new.name], new):
            if reasons := await schema.too_long(transaction, dialect, old, [new]):
                problems.append(schema.index_problem(reasons))
        else:
            rewriting = _Rewriting(transaction, old[new.name], new, searching, now, renames.get(new.name, {}))
            await rewriting.run()
            steps += rewriting.steps()
            problems += rewriting.problems_shown()
        steps += await searching.steps(transaction)
        if searching.is_needed and report and not problems:
            await searching.make(transaction, report)
            await transaction.execute(statements.DECLARE, CollectionTable(new, dialect).declaration())
    return Migration(tuple(steps), tuple(problems))


async def _drop(transaction: Writes, name: str) -> str:
    (count,) = (await transaction.fetch(f"SELECT count(*) FROM {quote(name)}"))[0]
    for statement in transaction.tables[name].drop_beside_ddl():
        await transaction.execute(statement)
    await transaction.execute(f"DROP TABLE {quote(name)}")
    # Its changes stay as places in the log, without what was in them: another collection of that name is not this one.
    await transaction.execute(_FORGET, (name,))
    await transaction.act([Amend("_collections", {"name": name}, {"definition": None})])
    return f"drop the collection {name} with its {_records(count)}"


class _Rewriting:
    """One collection on its way from `old` to `new`."""

    def __init__(
        self,
        transaction: Writes,
        old: Collection,
        new: Collection,
        searching: SearchChange,
        now: float,
        renames: Mapping[str, str],
    ) -> None:
        self.transaction = transaction
        self.old = old
        self.new = new
        self.dialect: DialectName = searching.dialect
        self.now = now
        self.table = CollectionTable(new, self.dialect)
        self.searching = searching
        self.shape = CompiledCollection(new)
        self.private = tuple(name for name, field in new.fields.items() if field.read)
        self.renames = renames
        self.dropped = tuple(name for name in old.fields if name not in new.fields and name not in renames)
        self.before = {**old.fields, **{renamed: old.fields[name] for name, renamed in renames.items()}}
        self.added = tuple(name for name in new.fields if name not in self.before)
        both = [(name, self.before[name], field) for name, field in new.fields.items() if name in self.before]
        self.recast = tuple(name for name, before, after in both if schema.is_other_kind(before, after))
        self.altered = frozenset([name for name, before, after in both if before != after]).union(renames.values())
        self.refilled = tuple(dict.fromkeys([*self.added, *self.recast, *renames.values()]))  # columns made anew
        self.required = frozenset(
            name for name, field in new.fields.items()
            if field.required and (name in self.added or not self.before[name].required)
        )  # fmt: skip
        self.problems: list[str] = []
        self.problem_count = 0
        self.seen = 0
        self.closed = 0  # records that lose fields which were never declared
        self.rewritten = 0
        self.values: Counter[str] = Counter()  # of dropped fields, and those filled with their default

    async def run(self) -> None:
        """Change the table, rewrite the records, and keep the new declaration."""
        before = {self.new.name: self.old}
        if reasons := await schema.too_long(self.transaction, self.dialect, before, [self.new], self.altered):
            self._problem(schema.index_problem(reasons))
        await self._change_table()
        self.transaction.tables = {**self.transaction.tables, self.new.name: self.table}
        async for page in self._pages():
            changes = [change for change in map(self._change, page) if change is not None]
            self.seen += len(page)
            self.rewritten += len(changes)
            if changes and not self.problem_count:
                await self._write(changes)
        await self._check_unique()
        await self._check_references()
        if not self.problem_count:
            for statement in self.table.indexes_ddl():
                await self.transaction.execute(statement)
            await self.transaction.execute(statements.DECLARE, self.table.declaration())

    async def _change_table(self) -> None:
        name = self.new.name
        if self.searching.is_needed:
            await self.searching.prepare(self.transaction)
        columns = [row[0] for row in await self.transaction.fetch(statements.COLUMNS[self.dialect], (name,))]
        indexes = [row[0] for row in await self.transaction.fetch(statements.INDEXES[self.dialect], (name,))]
        staying = {*statements.RECORD_NAMES, *self.new.fields, *self.table.search.columns}
        staying -= {*self.refilled}
        made = self.table.drop_indexes_ddl(indexes)
        made += [f"ALTER TABLE {self.table.name} DROP COLUMN {quote(c)}" for c in columns if c not in staying]
        made += [f"ALTER TABLE {self.table.name} ADD COLUMN {self.table.column_ddl(field)}" for field in self.refilled]
        for statement in made:
            await self.transaction.execute(statement)

    async def _pages(self) -> AsyncIterator[list[StoredRecord]]:
        order = ", ".join(self.table.key)
        start = f"SELECT {statements.RECORD_COLUMNS} FROM {self.table.name}"
        end = f"ORDER BY {order} LIMIT {BATCH}"
        rows = await self.transaction.fetch(f"{start} {end}")
        while rows:
            page = [StoredRecord(*row) for row in rows]
            yield page
            last = self.table.place(page[-1].parent, page[-1].id)
            rows = await self.transaction.fetch(f"{start} WHERE ({order}) > (?, ?) {end}", last)

    async def _write(self, changes: Sequence[Change]) -> None:
        first = await self.transaction.reserve(len(changes))
        numbered = [
            change._replace(after=change.after and change.after._replace(revision=revision))
            for revision, change in enumerate(changes, first)
        ]
        commit = CommitChanges(numbered, first + len(changes) - 1, random.getrandbits(53))
        await self.transaction.write([commit], self.now)

    # ------------------------------------------------------------ one record

    def _change(self, record: StoredRecord) -> Change | None:
        old = documents.document_of(record)
        self.values.update(name for name in self.dropped if old.get(name) is not None)
        place = f"{record.parent}/{self.new.name}/{record.id}".lstrip("/")
        for name, renamed in self.renames.items():
            if renamed in old:  # which an open collection did not declare
                self._problem(f"{place}: {renamed} has a value already, so {name} can't be renamed to it")
            elif name in old:
                old[renamed] = old.pop(name)
        document: Document = {name: self._value(place, name, old) for name in self.new.fields}
        others = {
            name: value for name, value in old.items() if not (name in self.old.fields or name in self.new.fields)
        }
        if self.new.is_open:
            document |= others
        self.closed += bool(others) and not self.new.is_open
        if self.problem_count:
            return None  # nothing will be written, and a value that does not fit has no column
        body, private = documents.split(document, self.private)
        is_recast = any(document[name] is not None for name in self.refilled)
        if not is_recast and (body, private) == (record.body, record.private):
            return None
        after = record._replace(revision=UNWRITTEN, body=body, private=private)
        return Change(self.new.name, "update", record, after, self.table.columns(document), _TIMESTAMP)

    def _value(self, place: str, name: str, old: Mapping[str, Any]) -> Any:
        field, value = self.new.fields[name], old.get(name)
        if value is None and field.default is not None and (name in self.added or name in self.required):
            self.values[name] += 1
            return self.shape.check(name, field.default)
        if value in (None, "") and name in self.required:
            self._problem(f"{place}: {name} is required, and has no value")
        elif value is not None and (name in self.altered or name in self.added):
            try:
                return self._fitted(name, field, value)
            except ValueError as error:
                self._problem(f"{place}: {name} is {_short(value)}, and {error}")
        return value

    def _fitted(self, name: str, field: Field, value: Any) -> Any:
        """`value` in the store's form of `field`: as it is, or read from a text, or written as one."""
        try:
            fitted = self.shape.check(name, value)
            if field.link is not None and is_temporary(fitted):
                raise ValueError("must be the id of a record, is a stand-in for one")
            return fitted
        except ValueError:
            other = field.from_other(value)
            if other is None:
                raise
            fitted = self.shape.check(name, other)
            if type(other) is int and type(fitted) is float and int(fitted) != other:
                raise ValueError("is too large to be kept exactly as a Number") from None
            return fitted

    def _problem(self, text: str) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(text)

    # ------------------------------------------------------------ unique fields

    async def _check_unique(self) -> None:
        for name, field in self.new.fields.items():
            is_filled = name not in self.refilled
            is_new = not is_filled or not self.old.fields[name].unique
            if field.unique and is_new and (is_filled or not self.problem_count):
                await self._find_shared(name)

    async def _find_shared(self, name: str) -> None:
        column, table = quote(name), self.table.name
        shared = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1"
        sql = f"SELECT {column}, _parent, id FROM {table} WHERE {column} IN ({shared}) ORDER BY {column}, id LIMIT ?"
        for value, parent, id in await self.transaction.fetch(sql, (SHOWN + 1,)):
            place = f"{parent}/{self.new.name}/{id}".lstrip("/")
            self._problem(f"{place}: {name} is {_short(value)}, which another record has too")

    # ------------------------------------------------------------ references

    async def _check_references(self) -> None:
        """Report new references to records that are not there."""
        for name in self.refilled:
            link = self.new.fields[name].link
            if link is not None and not self.problem_count:
                await self._find_dangling(name, link)

    async def _find_dangling(self, name: str, link: Link) -> None:
        target = self.transaction.tables.get(link.to)
        lost, is_list = f"{quote(name)} IS NOT NULL", self.new.fields[name].column == "json"
        if target is not None and is_list:
            lost = f"{lost} AND EXISTS ({lost_items(self.dialect, f'_of.{quote(name)}', target.name, link.ids)})"
        elif target is not None:
            ids = f"SELECT 1 FROM {target.name} AS _to WHERE _to.id = _of.{quote(name)}"
            lost = f"{lost} AND NOT EXISTS ({ids})"
        sql = f"SELECT {quote(name)}, _parent, id FROM {self.table.name} AS _of WHERE {lost} ORDER BY id LIMIT ?"
        for value, parent, id in await self.transaction.fetch(sql, (SHOWN + 1,)):
            place = f"{parent}/{self.new.name}/{id}".lstrip("/")
            shown, lacks = (_decode(value), "not all of these records") if is_list else (value, "no such record")
            self._problem(f"{place}: {name} is {_short(shown)}, and {link.to} has {lacks}")

    # ------------------------------------------------------------ in words

    def problems_shown(self) -> list[str]:
        """The problems, the first of them one by one."""
        rest = self.problem_count - len(self.problems)
        return [*self.problems, *([f"… and {rest} more in {self.new.name}"] if rest else [])]

    def steps(self) -> list[str]:
        """What happens, in words."""
        name, values = self.new.name, self.values
        advice = " (if it has another name now, --rename keeps its values)" if self.added else ""
        steps = [
            f"drop {name}.{field}, which has a value in {_records(values[field])}{advice}" for field in self.dropped
        ]
        steps += [f"rename {name}.{field} to {renamed}" for field, renamed in self.renames.items()]
        steps += [f"add {name}.{field}{self._default(field)}" for field in self.added]
        steps += [f"close {name}: drop the other fields of {_records(self.closed)}"] if self.closed else []
        for field in self.recast:
            old, new = self.before[field], self.new.fields[field]
            steps.append(f"make {name}.{field} {new.name}, was {old.name}")
        for field in self.new.fields:
            if field in self.before:
                steps += [f"{name}.{field} {change}" for change in self._turns(field)]
        return [*steps, f"rewrite {self.rewritten} of {_records(self.seen)} of {name}"]

    def _default(self, field: str) -> str:
        count = self.values[field]
        return f", {_short(self.new.fields[field].default)} in {_records(count)}" if count else ""

    def _turns(self, field: str) -> list[str]:
        old, new = self.before[field], self.new.fields[field]
        turns = [f"becomes required{self._default(field)}"] if field in self.required else []
        turns += ["becomes unique"] if new.unique and not old.unique else []
        if bool(new.read) != bool(old.read):
            turns.append("is seen by its own read rule" if new.read else "is seen with its record")
        return turns


def _short(value: Any) -> str:
    text = _encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}…"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
