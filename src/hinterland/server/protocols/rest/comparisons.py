"""What the parameters of a tutorial's list compare: `field=value`, `field_gte=value` and their like, and `q`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import meanings, wanted
from hinterland.contract.records import META
from hinterland.kit.cel.conditions import Condition, and_, cel, contains, eq, ge, gt, has, in_, le, lt, ne, not_, or_
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.types import STRING, Type
from hinterland.server.data.catalogue import Entry
from hinterland.server.protocols.rest.tutorial import in_utc

_Compare = Callable[[str, object, Type | None], Condition]
_ORDERS: dict[str, _Compare] = {"_gte": ge, "_lte": le, "_gt": gt, "_lt": lt}
OPERATORS = (*_ORDERS, "_ne", "_like")
"""What follows a field's name in a parameter that compares it otherwise than for equality."""
_LONGEST = 200  # characters that are searched for
_TOGETHER = 30  # operands of one `||`: databases bound how deep an expression is


def is_field(entry: Entry, name: str) -> bool:
    """Whether the collection declares the field, or every record has it."""
    return name in entry.collection.fields or name in META


def compared(entry: Entry, parameter: str, values: Sequence[Any]) -> Condition:
    """That a record satisfies `parameter` with its values, texts or values of JSON. Raises `invalid_query`."""
    field, operator = _parted(entry, parameter)
    values = in_utc(entry, {field: list(values)})[field]
    if len(values) != 1 and operator not in ("", "_ne"):
        raise Refusal("invalid_query", f"parameter {parameter[:64]} appears twice; send it once")
    if values[:1] == [None] and operator in _ORDERS:
        raise Refusal("invalid_query", f"{parameter[:64]}: must have a value")
    if operator == "_like":
        condition = _like(entry, field, values[0])
    elif entry.collection.field(field) is UNDECLARED:
        condition = _undeclared(field, operator, values)
    else:
        held = [_held(entry, parameter, field, value) for value in values]
        condition = _declared(field, operator, held, entry.book.kinds[field])
    try:
        entry.book.condition(condition.key)
    except CelError as error:
        raise Refusal("invalid_query", f"{parameter[:64]!r}: {error}") from None
    return condition


def searched(entry: Entry, caller: Principal, text: str) -> Condition:
    """That one of the texts that the caller sees of every record has `text` in it, whatever its case."""
    names = [name for name in entry.collection.fields if entry.book.kinds[name] is STRING]
    hidden = entry.hidden(caller)
    spelled = _spellings(text)
    found = [contains(name, one, ignores_case=True) for name in names if name not in hidden for one in spelled]
    return _any(found) if found else cel("false")


def _parted(entry: Entry, parameter: str) -> tuple[str, str]:
    """The field and the operator of a parameter; a declared field's name is no other field with an operator."""
    if not is_field(entry, parameter):
        for operator in OPERATORS:
            if parameter.endswith(operator) and parameter != operator:
                return parameter.removesuffix(operator), operator
    return parameter, ""


def _held(entry: Entry, parameter: str, field: str, value: Any) -> Any:
    if value is None and field in entry.collection.fields:
        return None
    try:
        return wanted(entry.collection, field, value)
    except Refusal as refusal:
        if field == parameter:
            raise
        problem = refusal.message.removeprefix(f"{field}: ")
        raise Refusal("invalid_query", f"{parameter}: {problem}") from None


def _declared(field: str, operator: str, values: Sequence[Any], kind: Type) -> Condition:
    if operator in _ORDERS:
        return _ORDERS[operator](field, values[0], kind)
    rest = [value for value in values if value is not None]
    has_null = len(rest) < len(values)
    if operator:
        others = ne(field, rest[0], kind) if len(rest) == 1 else not_(in_(field, rest, kind))
        return has(field) if not rest else others if has_null or field in META else or_(eq(field, None), others)
    found = [eq(field, rest[0], kind) if len(rest) == 1 else in_(field, rest, kind)] if rest or not has_null else []
    return or_(*found, *([eq(field, None)] if has_null else []))


def _undeclared(field: str, operator: str, values: Sequence[Any]) -> Condition:
    """Of a field of an open collection: a text stands for each value that it writes. To compare a value with one of
    another kind is an error, which the comparison with its own kind makes good."""
    if not values:  # as a list in JSON may have none
        return cel("true" if operator else "false")
    if operator == "_ne":
        none_of = [_any([ne(field, one) for one in meanings(value)]) for value in values]
        return and_(*none_of) if None in values else or_(eq(field, None), and_(*none_of))
    meant = list(dict.fromkeys([one for value in values for one in meanings(value)]))
    return _any([_ORDERS.get(operator, eq)(field, one, None) for one in meant])


def _like(entry: Entry, field: str, value: Any) -> Condition:
    """That the field has the text in it, whatever its case; a pattern is text too."""
    is_declared = entry.collection.field(field) is not UNDECLARED
    if is_declared and entry.book.kinds[field] is not STRING:
        texts = [name for name in entry.collection.fields if entry.book.kinds[name] is STRING]
        raise Refusal("invalid_query", f"{field}_like: only texts are searched; allowed: {', '.join(texts) or 'none'}")
    if not isinstance(value, str):
        raise Refusal("invalid_query", f"{field}_like: must be text")
    return _any([contains(field, one, ignores_case=True) for one in _spellings(value)])


def _spellings(text: str) -> list[str]:
    """`text` as it may be written: the databases ignore the case of A to Z alone, so that other letters are also looked
    for all small, all capital, and with a capital in front. Raises `invalid_query` for too long a text."""
    if len(text) > _LONGEST:
        raise Refusal("invalid_query", f"the text to search for is longer than {_LONGEST} characters; shorten it")
    if text.isascii():
        return [text]
    return list(dict.fromkeys([text, text.lower(), text.upper(), text.lower().capitalize()]))


def _any(conditions: Sequence[Condition]) -> Condition:
    """Any of the conditions, of which there may be very many."""
    while len(conditions) > 1:
        parts = range(0, len(conditions), _TOGETHER)
        conditions = [or_(*conditions[start : start + _TOGETHER]) for start in parts]
    return conditions[0]
