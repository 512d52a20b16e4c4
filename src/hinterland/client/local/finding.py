"""What a question finds in the local store: by SQL where that is exact, else by reading the records."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec

from hinterland.client.local import records, stand_ins
from hinterland.client.local.connection import StoreConnection
from hinterland.client.local.fields import Fields, Guessed, declared
from hinterland.client.local.guesses import Unplanned
from hinterland.client.local.indexing import IndexWanted, can_index, has_index, index_name
from hinterland.client.local.order import LocalOrder
from hinterland.client.local.plans import LocalPlan, LocalSource, plan_of
from hinterland.client.local.question import Question, answers, order_of
from hinterland.contract.changes import Write
from hinterland.contract.records import Document

_documents = msgspec.json.Decoder(list[dict[str, Any]])


class Findings(Protocol):
    """The records that a question finds, in order, as their JSON."""

    order: LocalOrder

    @property
    def plan(self) -> LocalPlan | None:
        """How SQL finds them; None: by reading."""
        ...

    def some(self, limit: int | None, *, skip: int = 0) -> list[str]:
        """At most `limit` of them after the first `skip`."""
        ...

    def beyond(self, place: Sequence[tuple[int, Any]], limit: int) -> list[str]:
        """At most `limit` of those behind a cursor's place."""
        ...

    def count(self) -> int:
        """How many there are."""
        ...

    def would_find(self, document: Document) -> bool:
        """Whether the question finds such a document. Raises `invalid_query` where that can't be decided."""
        ...


def find(connection: StoreConnection, place: LocalSource, question: Question) -> Findings:
    """What the question finds, whose `place` has real ids. Raises `invalid_query`, and IndexWanted where the place may
    be indexed."""
    known = msgspec.structs.replace(question, equals=_real_equals(connection, place, question))
    if _is_small(connection, place):
        return found_by_reading(connection, place, known)
    try:
        return found_by_sql(connection, place, known)
    except Unplanned:
        return found_by_reading(connection, place, known)


def _real_equals(connection: StoreConnection, place: LocalSource, question: Question) -> dict[str, Any]:
    named = Write(
        act="patch",
        collection=place.collection,
        parent=place.parent,
        id=question.equals.get("id", ""),
        body={**question.equals},
    )
    return {**stand_ins.real_write(connection, place.scope, named).body}


def _is_small(connection: StoreConnection, place: LocalSource) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM records WHERE space = ? AND collection = ? AND parent = ? LIMIT ?)",
        (place.scope.space, place.collection, place.parent, place.scope.small + 1),
    ).fetchone()
    return int(row[0]) <= place.scope.small


# ---------------------------------------------------------------- by reading


def found_by_reading(connection: StoreConnection, place: LocalSource, question: Question) -> Findings:
    """Decodes every record. Raises `invalid_query`."""
    texts = records.texts(connection, place.scope, place.collection, place.parent)
    documents = _documents.decode(f"[{','.join(texts)}]")
    shape = place.scope.shapes.get(place.collection)
    fields: Fields = Guessed(place.collection, place.kind, documents) if shape is None else declared(shape)
    order = order_of(question, fields)
    return _Read(question, fields, order, order.ordered(answers(question, documents, fields)))


class _Read:
    plan: LocalPlan | None = None

    def __init__(self, question: Question, fields: Fields, order: LocalOrder, found: list[Document]) -> None:
        self._question = question
        self._fields = fields
        self._found = found
        self.order = order

    def some(self, limit: int | None, *, skip: int = 0) -> list[str]:
        return [records.text(document) for document in islice(self._found, skip, _end(skip, limit))]

    def beyond(self, place: Sequence[tuple[int, Any]], limit: int) -> list[str]:
        return self.some(limit, skip=self.order.after(place, self._found))

    def count(self) -> int:
        return len(self._found)

    def would_find(self, document: Document) -> bool:
        return bool(answers(self._question, [document], self._fields))


def _end(skip: int, limit: int | None) -> int | None:
    return None if limit is None else skip + limit


# ---------------------------------------------------------------- by SQL


def found_by_sql(connection: StoreConnection, place: LocalSource, question: Question) -> Findings:
    """Decodes only what SQL can't judge. Raises `invalid_query`, IndexWanted and Unplanned."""
    plan = plan_of(connection, place, question)
    name = ""
    if plan.serving:
        name = index_name(place.collection, plan.serving)
        if not has_index(connection, name):
            if place.may_index and can_index(connection, place.collection):
                raise IndexWanted(place.collection, order=plan.serving)
            name = ""
        connection.used_indexes.add(name)
    return _Selected(connection, place, plan, name)


class _Selected:
    def __init__(self, connection: StoreConnection, place: LocalSource, plan: LocalPlan, index: str) -> None:
        self._connection = connection
        self.plan = plan
        self.order = plan.order
        source = f"FROM records AS r {f'INDEXED BY {index}' if index else ''}"
        self._where = f"{source} WHERE {' AND '.join([place.sql, *(each.text for each in plan.conditions)])}"
        self._values = place.values + [value for each in plan.conditions for value in each.values]
        columns = [f"{column.sql}{' DESC' if is_down else ''}" for column, is_down in plan.sort]
        self._order = f"ORDER BY {', '.join(columns)}"

    def some(self, limit: int | None, *, skip: int = 0) -> list[str]:
        if self.plan.tests:
            return [*islice(self._tested("", []), skip, _end(skip, limit))]
        return [*self._rows("", [], -1 if limit is None else limit, skip)]

    def beyond(self, place: Sequence[tuple[int, Any]], limit: int) -> list[str]:
        found: list[str] = []
        for condition, values in self._ranges(place):
            left = limit - len(found)
            if left == 0:
                break
            tested = islice(self._tested(condition, values), left)
            found += tested if self.plan.tests else self._rows(condition, values, left)
        return found

    def count(self) -> int:
        if self.plan.tests:
            return sum(1 for _ in self._tested("", []))
        row = self._connection.execute(f"SELECT count(*) {self._where}", self._values).fetchone()
        return int(row[0])

    def would_find(self, document: Document) -> bool:
        return self.plan.finds(document)

    def _rows(self, condition: str, values: list[Any], limit: int = -1, skip: int = 0) -> Iterator[str]:
        rows = self._connection.execute(
            f"SELECT coalesce(r.view, r.base) {self._where}{condition} {self._order} LIMIT ? OFFSET ?",
            [*self._values, *values, limit, skip],
        )
        try:
            for row in rows:
                yield row[0]
        finally:
            rows.close()

    def _tested(self, condition: str, values: list[Any]) -> Iterator[str]:
        """The rows that also pass the tests, as far as they are asked for."""
        for row in self._rows(condition, values):
            document = records.decoded(row)
            if all(test(document) for test in self.plan.tests):
                yield row

    def _ranges(self, place: Sequence[tuple[int, Any]]) -> Iterator[tuple[str, list[Any]]]:
        """Conditions for what is behind the place, in order, each one range of the index: records that have the
        place's values but for their last column, then those that have its values but for the last two …"""
        held = [None if ranked == 0 else _within(value) for ranked, value in place]
        for end in range(len(held) - 1, -1, -1):
            before = [*zip(self.plan.sort[:end], held, strict=False)]
            equal = [f"{key.column.sql} {'IS NULL' if value is None else '= ?'}" for key, value in before]
            given = [value for value in held[:end] if value is not None]
            key, value = self.plan.sort[end], held[end]
            column, nothing = key.column.sql, list[Any]()
            steps = [(f"{column} {'<' if key.is_down else '>'} ?", [value])] if value is not None else []
            if value is None and not key.is_down:
                steps = [(f"{column} IS NOT NULL", nothing)]
            if value is not None and key.is_down and key.is_nullable:
                steps.append((f"{column} IS NULL", nothing))
            for step, values in steps:
                yield "".join(f" AND {each}" for each in (*equal, step)), given + values


def _within(value: Any) -> Any:
    """A number of a cursor as the database takes it: one beyond 64 bits is the double that is next to it."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value) if abs(value) < 2**1023 else math.copysign(math.inf, value)
    return value
