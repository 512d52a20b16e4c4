"""Questions of rules to other collections, answered for one record at hand: by the database, and over that by what the
requests of a group are about to write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Protocol

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.cel.asking import collections_of, equal_sides, exact_asks, inner_asks
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.predicates import Variables, evaluator
from hinterland.kit.cel.seeking import terms_of
from hinterland.kit.cel.typed import RELATED, Exists, Path
from hinterland.server.data import documents
from hinterland.server.data.admission import denied
from hinterland.server.data.ask_costs import AskCosts
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.rules import Rule
from hinterland.server.data.staged_records import StagedRecords
from hinterland.server.storage.protocol import LogKey, Snapshot, StoredRecord

_MOST_ROWS = 1_000
_FEW_ROWS = 20  # that are read before what is about to be written is looked at
_FEW_RECORDS = 8  # among which no other equality is worth a look


class Staged(Protocol):
    """What is about to be written, as the request at hand finds it."""

    def __call__(self, collection: str) -> Sequence[StagedRecords]:
        """The records of a collection; those of a later part are newer than those of an earlier one."""
        ...


def nothing_staged(collection: str) -> Sequence[StagedRecords]:
    """Nothing is about to be written."""
    return ()


class Answers(dict[Exists, "bool | None"]):
    """The answers to a rule's questions, for one record and caller; the variable `RELATED`."""

    def __call__(self, ask: Exists, variables: Variables) -> bool | None:
        """The answer to a question."""
        return self.get(ask)


Decisions = dict[tuple[Rule, bytes], bool]
"""What rules say to a caller, by what they read of a record."""
_text_of = msgspec.json.Encoder(order="sorted").encode


def _read(rule: Rule, values: Mapping[str, Any] | None) -> bytes:
    if values is None or "" in rule.reads_record:
        return _text_of(values)
    return _text_of({name: values[name] for name in rule.reads_record if name in values})


class RuleChecker:
    """Decides by rules for one request's caller at an instant, and answers the asks of these. `source`: the database;
    `locks`: within a transaction that writes. Raises `too_costly` where the answers take too much work together."""

    def __init__(
        self,
        source: Snapshot,
        caller: Principal,
        instant: str,
        staged: Staged = nothing_staged,
        *,
        locks: bool = False,
        skips_rules: bool = False,
    ) -> None:
        self._source = source
        self._caller = caller
        self._instant = instant
        self._staged = staged
        self._locks = locks
        self._skips_rules = skips_rules or caller.is_admin
        self._costs = AskCosts(staged)

    async def allows(
        self,
        entry: Entry,
        action: str,
        record: StoredRecord,
        document: Mapping[str, Any] | None = None,
        old: Mapping[str, Any] | None = None,
    ) -> bool:
        """Whether the rule of `action` lets the caller do it to `record`, which was `old` before an update."""
        rule = entry.rules[action]
        if self._skips_rules or (rule is not None and rule.is_true):
            return True
        if rule is None:
            return False
        variables: dict[str, object] = {"auth": self._caller.as_auth(), "old": old, NOW: self._instant}
        variables["record"] = entry.variable(record, rule, document)
        if rule.asks:
            variables[RELATED] = await self.answers(rule, variables)
        return rule.test(variables) is True

    async def check(
        self,
        entry: Entry,
        action: str,
        record: StoredRecord,
        document: Mapping[str, Any] | None = None,
        old: Mapping[str, Any] | None = None,
    ) -> None:
        """Raises `forbidden` or `unauthorized` where the rule of `action` does not allow it."""
        if not await self.allows(entry, action, record, document, old):
            raise denied(entry.name, action, is_signed_in=self._caller.is_signed_in)

    async def asked_fields(
        self,
        entry: Entry,
        record: StoredRecord,
        document: Mapping[str, Any] | None = None,
        known: Decisions | None = None,
    ) -> frozenset[str]:
        """Of the fields whose read rules ask other collections, those that the caller sees of `record` (its whole
        `document`, where it is at hand). `known`: what was decided since anything was written last."""
        if not entry.asking or self._caller.is_admin:
            return entry.asking
        known = {} if known is None else known
        allowed: dict[Rule, bool] = {}
        for name in entry.asking:
            rule = entry.private[name]
            if rule is not None and rule not in allowed:
                variables: dict[str, object] = {"auth": self._caller.as_auth()}
                values = variables["record"] = entry.variable(record, rule, document)
                decided = (rule, _read(rule, values))
                if decided not in known:
                    variables[RELATED] = await self.answers(rule, variables)
                    known[decided] = rule.test(variables) is True
                allowed[rule] = known[decided]
        return frozenset(name for name in entry.asking if (rule := entry.private[name]) and allowed[rule])

    async def hidden_of(
        self, entry: Entry, record: StoredRecord, document: Mapping[str, Any] | None = None
    ) -> frozenset[str]:
        """The private fields that the caller does not see of `record` (its whole `document`, where it is at hand)."""
        asked = await self.asked_fields(entry, record, document) if entry.asking else entry.asking
        return entry.hidden_of(self._caller, record, document, asked)

    async def answers(self, rule: Rule, variables: Variables) -> Answers:
        """The answers to all questions of a rule."""
        exact = {*exact_asks(rule.tree)}
        return Answers({ask: await self._answer(ask, rule, variables, is_exact=ask in exact) for ask in rule.asks})

    async def _answer(self, ask: Exists, rule: Rule, variables: Variables, *, is_exact: bool) -> bool | None:
        staged = self._staged(ask.collection)
        inner = inner_asks(ask)
        if inner and any(self._staged(name) for name in collections_of(ask.body)):
            return await self._one_by_one(ask, rule, variables, staged, is_exact=is_exact)
        # The database first: its indexes answer at once, and what is written has none but for equalities.
        statements = rule.statements(ask)
        limit = 1 + sum(each.replaced for each in staged)
        few = min(limit, _FEW_ROWS)
        rows = await self._source.fetch(*statements.true(variables, few, locks=self._locks))
        if any(not _is_staged(staged, row) for row in rows):
            return True
        answer = await self._of_staged(ask, rule, variables, staged, is_exact=is_exact)
        if answer is True:
            return True
        if len(rows) == few < limit:
            rows = await self._source.fetch(*statements.true(variables, limit, locks=self._locks))
            await self._costs.spend(rule, len(rows))
            if any(not _is_staged(staged, row) for row in rows):
                return True
        if answer is None or not is_exact:
            return answer
        rows = await self._source.fetch(*statements.possible(variables, limit, is_whole=True))
        if staged:
            await self._costs.spend(rule, len(rows))
        return None if any(not _is_staged(staged, row) for row in rows) else False

    async def _one_by_one(
        self, ask: Exists, rule: Rule, variables: Variables, staged: Sequence[StagedRecords], *, is_exact: bool
    ) -> bool | None:
        """The answer to a question with another inside, whose records are about to be written too."""
        answer = await self._of_staged(ask, rule, variables, staged, is_exact=is_exact)
        if answer is True:
            return True
        limit = min(_MOST_ROWS, self._costs.left_again())
        rows = await self._source.fetch(*rule.statements(ask).possible(variables, limit + 1, is_whole=False))
        self._costs.check_again(rule, len(rows))
        if len(rows) > _MOST_ROWS:
            message = f"a rule would look at more than {_MOST_ROWS:,} records of {ask.collection}"
            raise Refusal("too_costly", f"{message} and at changes of the same request; send these apart")
        records = [None if _is_staged(staged, row) else StoredRecord(*row) for row in rows]
        return await self._any(ask, rule, variables, records, answer)

    async def _of_staged(
        self, ask: Exists, rule: Rule, variables: Variables, staged: Sequence[StagedRecords], *, is_exact: bool
    ) -> bool | None:
        """The answer as far as it depends on records that are about to be written."""
        if not staged:
            return False
        return await self._any(ask, rule, variables, _current(ask, variables, staged, is_exact), False)

    async def _any(
        self, ask: Exists, rule: Rule, variables: Variables, records: Iterable[StoredRecord | None], answer: bool | None
    ) -> bool | None:
        test, inner = evaluator(ask.body), inner_asks(ask)
        for record in records:
            await self._costs.spend(rule, 1, record, asks_again=bool(inner) and record is not None)
            if record is None:
                continue
            document = documents.with_meta(record, documents.document_of(record))
            scope = {**variables, ask.name: document}
            if inner:
                scope[RELATED] = Answers({each: await self._answer(each, rule, scope, is_exact=True) for each in inner})
            found = test(scope)
            if found is True:
                return True
            answer = None if found is None else answer
        return answer


@lru_cache(maxsize=1_000)
def _equalities(ask: Exists) -> tuple[tuple[Path, Callable[[Variables], object]], ...]:
    """The fields of the asked records that must equal a value, which does not read these records."""
    found = [sides for term in terms_of(ask.body) if (sides := equal_sides(ask, term)) is not None]
    return tuple([(own, evaluator(other)) for own, other in found])


def _current(
    ask: Exists, variables: Variables, staged: Sequence[StagedRecords], is_exact: bool
) -> Iterator[StoredRecord | None]:
    """The records about to be written that the question may concern, as they will be; None for each that it passes
    over. They are found by the equality that the fewest of them may meet; those for which it is an error only where it
    matters whether the answer is one (`is_exact`)."""
    known = [(own, value) for own, evaluate in _equalities(ask) if (value := evaluate(variables)) is not None]
    for place, part in enumerate(staged):
        later = staged[place + 1 :]
        for key in _fewest(part, ask.name, known, is_exact):
            yield None if any(key in each.records for each in later) else part.records[key]


def _fewest(part: StagedRecords, name: str, known: Sequence[tuple[Path, object]], is_exact: bool) -> Iterable[LogKey]:
    fewest: Sequence[Collection[LogKey]] = (part.records,)
    for own, value in known:
        equal, without = part.like(own, name, value)
        found = (equal, without) if is_exact else (equal,)
        if sum(map(len, found)) <= sum(map(len, fewest)):
            fewest = found
        if sum(map(len, fewest)) <= _FEW_RECORDS:
            break
    return [*chain(*fewest)]


def _is_staged(staged: Sequence[StagedRecords], row: Sequence[Any]) -> bool:
    return any((row[0], row[1]) in part.records for part in staged)
