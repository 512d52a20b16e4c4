"""Why a rule allows a caller something, or does not, with the values that it read: for administrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hinterland.contract.explanations import Explanation
from hinterland.contract.identity import Principal
from hinterland.contract.records import Document
from hinterland.kit.cel.explaining import refusing
from hinterland.kit.cel.metering import METER, MOST_STEPS, Meter, OverBudget
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.predicates import Variables, evaluator
from hinterland.kit.cel.typed import RELATED, Exists, Path, Typed
from hinterland.server.data import documents
from hinterland.server.data.asks import RuleChecker
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.rules import Rule
from hinterland.server.storage.protocol import Snapshot, StoredRecord

_NAMES = frozenset({"record", "old", "auth"})
_MOST_STEPS = 3 * MOST_STEPS  # an explanation evaluates parts of the rule several times


async def explained(
    source: Snapshot,
    entry: Entry,
    caller: Principal,
    rule: Rule | None,
    record: StoredRecord,
    instant: str,
    old: Document | None = None,
) -> Explanation:
    """What a rule says of `record`, which was `old` before an update, at an instant."""
    if rule is None:
        return Explanation(allowed=caller.is_admin)
    auth = caller.as_auth()
    variables: dict[str, object] = {"record": entry.variable(record, rule), "old": old, "auth": auth, NOW: instant}
    if rule.asks:
        variables[RELATED] = await RuleChecker(source, caller, instant).answers(rule, variables)
    values = dict(_values(rule.tree, variables))
    if caller.is_admin or rule.test(variables) is True:
        return Explanation(allowed=True, rule=rule.text, values=values)
    part, reason = _refusal(rule.tree, variables)
    return Explanation(allowed=False, rule=rule.text, part=part, reason=reason, values=values)


def record_of(entry: Entry, parent: str, id: Any, document: Document, instant: str) -> StoredRecord:
    """A record as it would be written at `instant`."""
    return documents.stored(entry.private, (entry.name, parent, id), document, instant, instant)


def _refusal(tree: Typed, variables: Variables) -> tuple[str, str]:
    """The text of the part that refused, and why its value is an error ("" where it is false)."""
    try:
        part = refusing(tree, {**variables, METER: Meter(_MOST_STEPS)})
    except OverBudget:
        part = None
    if part is None:
        return tree.text, "it takes more steps than an expression may"
    return part.text, part.reason


def _values(tree: Typed, variables: Variables) -> Iterator[tuple[str, object]]:
    if isinstance(tree, Exists):
        yield tree.text, evaluator(tree)(variables)
        return
    if isinstance(tree, Path) and tree.variable in _NAMES:
        yield ".".join((tree.variable, *tree.fields)), _value(tree, variables)
    for part in tree.parts():
        yield from _values(part, variables)


def _value(path: Path, variables: Variables) -> object:
    """What is stored at a path."""
    value = variables.get(path.variable)
    for field in path.fields:
        value = value.get(field) if isinstance(value, Mapping) else None
    return value
