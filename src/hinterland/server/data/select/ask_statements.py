"""The statements that answer a question of a rule to another collection."""

from __future__ import annotations

from functools import partial
from typing import Any

from hinterland.kit.cel.asking import equal_sides
from hinterland.kit.cel.dialects import Dialect
from hinterland.kit.cel.predicates import Variables, evaluator
from hinterland.kit.cel.seeking import terms_of
from hinterland.kit.cel.sql import Tables, to_sql
from hinterland.kit.cel.typed import RELATED, Exists
from hinterland.server.storage.statements import RECORD_NAMES

_ALIAS = "x0"
_KEY = f"{_ALIAS}._parent, {_ALIAS}.id"


class AskStatements:
    """The statements of one question for a record at hand: what reads the record or the caller is a parameter."""

    def __init__(self, ask: Exists, tables: Tables, dialect: Dialect, *, can_lock: bool) -> None:
        table = tables(ask.collection, _ALIAS)
        self._can_lock = can_lock
        compiled = partial(to_sql, dialect=dialect, resolver=table.resolver, variable=ask.name, tables=tables)
        self._from = f"FROM {table.name} {_ALIAS} WHERE"
        self._body = compiled(ask.body)
        self._terms = [(term, compiled(term, is_exact=True)) for term in terms_of(ask.body)]
        self._own = [(term, compiled(term), exact) for term, exact in self._terms if "record" not in term.variables]
        self._sides = [
            (evaluator(sides[1]), compiled(sides[0]), compiled(term))
            for term in terms_of(ask.body)
            if (sides := equal_sides(ask, term)) is not None and sides[0].fields[0] in table.indexed
        ]

    def kept(self, variables: Variables, limit: int, *, is_exact: bool) -> tuple[str, list[Any]]:
        """The records that may answer for the caller, whatever the record: for which the parts of the body that read
        nothing of it are true, and with `is_exact` those for which they are errors."""
        tests: list[str] = []
        parameters: list[Any] = []
        for _, plain, exact in self._own:
            sql = exact if is_exact else plain
            tests.append(f"({sql.text}) IS NOT FALSE" if is_exact else f"({sql.text})")
            parameters += sql.bind(variables)
        columns = ", ".join(f"{_ALIAS}.{name}" for name in RECORD_NAMES)
        return f"SELECT {columns} {self._from} {' AND '.join(tests) or 'TRUE'} LIMIT {limit}", parameters

    def true(self, variables: Variables, limit: int, *, locks: bool) -> tuple[str, list[Any]]:
        """The keys of records for which the body is true. `locks`: nobody changes them until the transaction ends."""
        lock = f" FOR SHARE OF {_ALIAS}" if locks and self._can_lock else ""
        return f"SELECT {_KEY} {self._from} {self._body.text} LIMIT {limit}{lock}", self._body.bind(variables)

    def possible(self, variables: Variables, limit: int, *, is_whole: bool) -> tuple[str, list[Any]]:
        """The records for which the body is not false; without `is_whole`, as far as that depends on no question inside
        of it."""
        terms = [sql for term, sql in self._terms if is_whole or RELATED not in term.variables]
        tests = [f"({sql.text}) IS NOT FALSE" for sql in terms]
        parameters = [value for sql in terms for value in sql.bind(variables)]
        for evaluate, own, equal in self._sides:
            if evaluate(variables) is not None:
                tests.append(f"(({equal.text}) OR {own.text} IS NULL)")
                parameters += [*equal.bind(variables), *own.bind(variables)]
                break
        columns = ", ".join(f"{_ALIAS}.{name}" for name in RECORD_NAMES)
        return f"SELECT {columns} {self._from} {' AND '.join(tests) or 'TRUE'} LIMIT {limit}", parameters
