"""What a list's statement asks of each record, so that nothing a caller asks is worked out on a record hidden from
them: the time that it takes would tell what is in it.

Databases evaluate the terms of a WHERE in any order; CASE is evaluated in the written order on both. Comparisons that
an index answers stand outside, or lists would not find their records: they narrow the search by a value that was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hinterland.kit.cel.sql import Sql
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.ordering import Term
from hinterland.server.data.rules import Rule
from hinterland.server.storage.protocol import Texts
from hinterland.server.storage.statements import RECORD_COLUMNS_OF_R, RECORD_TEXTS

_NOTHING: Term = ("FALSE", [])
_SHOWN_TEXTS = RECORD_TEXTS._replace(private="r._shown")


class RecordSource(NamedTuple):
    """Where records are read from, as the table `r`: the text behind FROM with its parameters, the columns of a record,
    and the texts that a page is weighed by."""

    text: str
    parameters: list[Any]
    columns: str
    texts: Texts


def source(entry: Entry, private: Mapping[str, Rule | None], auth: Any) -> RecordSource:
    """The records with the text of their `private` fields where the caller sees one of them, and without it elsewhere:
    where a page ends must not tell how long a hidden text is."""
    if not private:
        return RecordSource(f"{entry.table.name} r", [], RECORD_COLUMNS_OF_R, RECORD_TEXTS)
    table = f"{entry.table.name} r"
    terms = [_term(rule.sql, auth) for rule in dict.fromkeys(private.values()) if rule is not None]
    condition, parameters = joined(terms, " OR ") if terms else ("FALSE", [])
    text = f"(SELECT r.*, CASE WHEN {condition} THEN r._private END AS _shown FROM {table}) r"
    return RecordSource(text, parameters, RECORD_COLUMNS_OF_R.replace("r._private", "r._shown"), _SHOWN_TEXTS)


class Asked(NamedTuple):
    """What a caller asks for: what is `sought` in an index, and what is `tested` record by record."""

    sought: list[Term]
    tested: list[Term]

    def add(self, term: Term, *, is_sought: bool) -> None:
        """Ask for one more."""
        (self.sought if is_sought else self.tested).append(term)

    def add_filter(self, rule: Rule, auth: Any) -> None:
        """Ask for the records that a filter lets through."""
        if not _allows_auth(rule, auth):
            self.sought.append(_NOTHING)
        for sql, terms in zip(rule.halves, self, strict=True):
            if sql is not None:
                terms.append(_term(sql, auth))


def visible(rule: Rule | None, auth: Any, asked: Asked) -> list[Term]:
    """The terms of a WHERE for the records that are `asked` for and that `rule` (None: no rule is asked) shows."""
    if rule is not None and not _allows_auth(rule, auth):
        return [_NOTHING]
    if rule is None or "record" not in rule.tree.variables:
        return [*asked.sought, *asked.tested]
    own = [_term(sql, auth) for sql in rule.halves if sql is not None]
    if not asked.tested:
        return [*asked.sought, *own]
    tests, values = joined(asked.tested, " AND ")
    rules, given = joined(own, " AND ")
    found = own[:1] if rule.halves.sought is not None else []
    return [*asked.sought, *found, (f"CASE WHEN {rules} THEN {tests} ELSE FALSE END", [*given, *values])]


def _allows_auth(rule: Rule, auth: Any) -> bool:
    """Whether the parts that read nothing of the record are true."""
    tests = rule.parts.of_auth
    if not tests:
        return True
    variables = {"auth": auth}
    return all(test(variables) is True for test in tests)


def _term(sql: Sql, auth: Any) -> Term:
    return f"({sql.text})", sql.bind({"auth": auth})


def joined(terms: list[Term], operator: str) -> Term:
    """Terms as one, with `operator`, such as " AND ", between them."""
    return operator.join(sql for sql, _ in terms), [value for _, values in terms for value in values]
