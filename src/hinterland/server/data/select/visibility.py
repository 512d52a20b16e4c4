"""What a caller may see of a collection, as SQL: the rule of an action, what is asked beside it, and private fields.

Nothing that a caller asks is worked out on a record hidden from them: the time that it takes would tell what is in it.
Databases evaluate the terms of a WHERE in any order; CASE is evaluated in the written order on both. Comparisons that
an index answers are outside of it, or lists would not find their records: they narrow the search by a given value.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.kit.cel.conditions import Condition, cel
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.predicates import Predicate, Variables
from hinterland.kit.cel.tree import GIVEN
from hinterland.server.data.rules import Rule
from hinterland.server.data.select.parts import NOTHING, Gate, SqlPart, by_rule, filled, joined
from hinterland.server.data.select.question import Select
from hinterland.server.data.select.searching import found_by, tested_of

if TYPE_CHECKING:
    from hinterland.contract.identity import Principal
    from hinterland.server.data.catalogue import Entry

_LONGEST_FILTER = 4_000


class RecordSource(NamedTuple):
    """Where records are read from: what follows FROM, and the column of their private text."""

    part: SqlPart
    private: str


def source(entry: Entry, alias: str, more: Sequence[SqlPart] = (), *, is_free: bool) -> RecordSource:
    """The records with `more` columns, and with the text of their private fields where the caller sees one of these,
    and without it elsewhere: where a page ends must not tell how long a hidden text is."""
    table = f"{entry.table.name} {alias}"
    if is_free or not entry.private:
        if not more:
            return RecordSource(SqlPart(table), f"{alias}._private")
        ranked = f"(SELECT {alias}.*, {{}} FROM {table}) {alias}"
        return RecordSource(filled(ranked, joined(more, ", ")), f"{alias}._private")
    rules = [rule for rule in dict.fromkeys(entry.private.values()) if rule is not None]
    sees_one = joined([by_rule(rule.whole(alias)) for rule in rules], " OR ") if rules else NOTHING
    own = filled(f"CASE WHEN {{}} THEN {alias}._private END AS _shown", sees_one)
    shown = f"(SELECT {alias}.*, {{}} FROM {table}) {alias}"
    return RecordSource(filled(shown, joined([own, *more], ", ")), f"{alias}._shown")


class Asked(NamedTuple):
    """What is asked for: what is `sought` in an index, and what is `tested` record by record."""

    sought: list[SqlPart]
    tested: list[SqlPart]

    def beyond(self, span: SqlPart, *, is_sought: bool) -> Asked:
        """The same, of the records in a span of the order."""
        own = ([*self.sought, span], self.tested) if is_sought else (self.sought, [*self.tested, span])
        return Asked(*own)


def asked_of(entry: Entry, alias: str, select: Select, above: SqlPart | None = None, *, is_free: bool) -> Asked:
    """What `select` asks of the collection's records; those below it are found by what is `above`, if anything is."""
    asked = Asked([], [])
    if above is not None:
        asked.sought.append(above)
    elif select.parent is not None and entry.collection.parent:
        asked.sought.append(SqlPart(f"{alias}._parent = ?", (lambda select, variables: (select.parent,),)))
    for number, condition in enumerate(select.where):
        for place, half in enumerate(rule_of(entry, condition).halves(alias)):
            if half is not None:
                has_values = bool(half.parameters)
                bind = partial(_condition_values, entry, alias, number, place)
                asked[place].append(SqlPart(f"({half.text})", (bind,) if has_values else ()))
    if select.search is not None:
        asked.sought.append(found_by(entry, alias, select.search, is_free=is_free))
        asked.tested.extend(tested_of(entry, alias, select.search, is_free=is_free))
    return asked


def _condition_values(entry: Entry, alias: str, number: int, place: int, select: Select, variables: Variables) -> Any:
    """The parameters of a condition's half. Found when it is asked: the statement is that of other conditions too."""
    condition = select.where[number]
    half = rule_of(entry, condition).halves(alias)[place]
    assert half is not None
    return half.bind({**variables, GIVEN: condition.given})


def visible(rule: Rule | None, alias: str, asked: Asked) -> list[SqlPart]:
    """The terms of a WHERE for the records that are `asked` for and that `rule` (None: no rule is asked) shows."""
    if rule is None or "record" not in rule.tree.variables:
        return [*asked.sought, *asked.tested]
    own = [by_rule(sql) for sql in rule.halves(alias) if sql is not None]
    if not asked.tested:
        return [*asked.sought, *own]
    found = own[:1] if rule.halves(alias).sought is not None else []
    both = filled("CASE WHEN {} THEN {} ELSE FALSE END", joined(own, " AND "), joined(asked.tested, " AND "))
    return [*asked.sought, *found, both]


def gates_of(entry: Entry, select: Select, *, is_free: bool) -> tuple[Gate, ...]:
    """What must hold for any record to be shown."""
    gates: list[Gate] = []
    if not is_free:
        rule = entry.rules[select.action]
        if rule is None:
            return ((lambda select, variables: False),)
        gates += [partial(_is_rule_open, test) for test in rule.auth_tests]
    for number, condition in enumerate(select.where):
        if rule_of(entry, condition).auth_tests:
            gates.append(partial(_is_condition_open, entry, number))
    return tuple(gates)


def _is_rule_open(test: Predicate, select: Select, variables: Variables) -> bool:
    return test(variables) is True


def _is_condition_open(entry: Entry, number: int, select: Select, variables: Variables) -> bool:
    condition = select.where[number]
    given = {**variables, GIVEN: condition.given}
    return all(test(given) is True for test in rule_of(entry, condition).auth_tests)


def rule_of(entry: Entry, condition: Condition) -> Rule:
    """A condition, compiled. Raises `invalid_query`."""
    try:
        return entry.book.condition(condition.key)
    except CelError as error:
        raise Refusal("invalid_query", f"filter: {error}") from None


def filtering(entry: Entry, caller: Principal, text: str) -> Condition:
    """A caller's filter. Raises `invalid_query`, and `forbidden` where it reads a field hidden from them."""
    if len(text) > _LONGEST_FILTER:
        raise Refusal("invalid_query", f"the filter is longer than {_LONGEST_FILTER:,} characters; shorten it")
    condition = cel(text)
    refuse_hidden(entry, rule_of(entry, condition).reads_record & entry.hidden(caller))
    return condition


def refuse_hidden(entry: Entry, names: AbstractSet[str]) -> None:
    """Raises `forbidden` for `names` of fields that are hidden from the caller who filters or sorts by them."""
    if names:
        known = f"{', '.join(sorted(names))} of {entry.name}"
        raise Refusal(
            "forbidden",
            f"{known} can't be used to filter, sort or aggregate; its read rule must be true whatever the record",
        )
