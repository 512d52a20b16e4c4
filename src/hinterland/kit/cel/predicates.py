"""From a checked tree to a Python function.

Every node becomes a closure from the variables to its value, made once; what the checker knows is not asked again
while it runs. None is *error*, from the leaves to the top. What grows with texts and lists is counted (``metering``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hinterland.kit.cel.metering import (
    METER,
    STEP_CHARACTERS,
    Meter,
    OverBudget,
    is_metered,
    spend,
)
from hinterland.kit.cel.moments import NOW, now
from hinterland.kit.cel.operations import Work
from hinterland.kit.cel.typed import (
    RELATED,
    Apply,
    Choice,
    Constant,
    Exists,
    HasValue,
    Item,
    Items,
    Logic,
    Macro,
    Made,
    Member,
    Path,
    Typed,
    walk,
)
from hinterland.kit.cel.types import BOOL, DYN, ListType, Type
from hinterland.kit.cel.values import EXACT, read_object, reader

Variables = Mapping[str, object]
Evaluate = Callable[[Variables], object]
Predicate = Callable[[Variables], bool | None]
AnswersRelated = Callable[[Exists, Variables], bool | None]
"""Answers a question to another collection; the value of the variable `RELATED`. Without it such a question is an
error, which denies."""


def predicate(tree: Typed) -> Predicate:
    """A function from the variables (``{"record": {…}, "old": None, "auth": {…}}``) to true, false or None for error.

    Variables that are left out are null. Only True allows. An evaluation that would cost more than ``MOST_STEPS`` is an
    error; where the variables hold a meter (``METER``), it takes its steps from there, and raises OverBudget over it.
    """
    if tree.type is not BOOL:
        raise ValueError(f"a predicate is a bool, this is {tree.type.phrase}")
    test: Predicate = evaluator(tree)  # type: ignore[assignment]
    test = _bounded(test) if is_metered(tree) else test
    return _timed(test) if NOW in tree.variables else test


def _timed(test: Predicate) -> Predicate:
    """One instant for the whole evaluation, unless its caller gives one."""
    return lambda variables: test(variables if variables.get(NOW) else {**variables, NOW: now()})


def _bounded(test: Predicate) -> Predicate:
    def bounded(variables: Variables) -> bool | None:
        if variables.get(METER) is not None:
            return test(variables)
        try:
            return test({**variables, METER: Meter()})
        except OverBudget:
            return None

    return bounded


def allows(test: Predicate, variables: Variables) -> bool:
    """Whether a rule allows: false and error both deny."""
    return test(variables) is True


def evaluator(tree: Typed) -> Evaluate:
    """A function from the variables to the value of any tree; None for error."""
    return _MAKERS[type(tree)](tree)


def read_key(tree: Typed, variable: str) -> Callable[[Variables], tuple[object, ...]]:
    """A function from the variables to a hashable tuple of all that the tree reads of one variable.

    Where two callers have equal tuples, the tree answers the same for both: a rule is evaluated once for each.
    """
    found = {part.fields for part in walk(tree) if isinstance(part, Path) and part.variable == variable}
    # What a path goes through counts too: null and an object without the field differ in a test for null.
    paths = found | {fields[:length] for fields in found for length in range(len(fields))}
    getters = [_raw(Path(tree.origin, DYN, variable, fields)) for fields in sorted(paths)]
    return lambda variables: tuple(_hashable(get(variables)) for get in getters)


def _hashable(value: object) -> object:
    if value is None or value.__class__ is str:
        return value
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    if isinstance(value, Mapping):
        return Mapping
    # 1, 1.0 and true are equal in Python and not the same here.
    return (value.__class__, value)


# ---------------------------------------------------------------- leaves


def _constant(tree: Constant) -> Evaluate:
    value = tree.value
    return lambda variables: value


def _raw(tree: Path) -> Evaluate:
    """The value at a path; None if there is none, for any reason."""
    return _raw_at(tree.variable, tree.fields)


def _raw_at(variable: str, fields: tuple[str, ...]) -> Evaluate:
    def get(variables: Variables) -> object:
        value = variables.get(variable)
        for field in fields:
            owner = value if value.__class__ is dict else read_object(value)
            if owner is None:
                return None
            value = owner.get(field)
        return value

    return get


def _path(tree: Path) -> Evaluate:
    if tree.variable == NOW:
        return lambda variables: variables.get(NOW) or now()
    return value_at(tree.variable, tree.fields, tree.type)


def value_at(variable: str, fields: tuple[str, ...], kind: Type) -> Evaluate:
    """A function from the variables to the value at a path, as expressions read it; None for error."""
    read = reader(kind)
    wanted = list if isinstance(kind, ListType) else EXACT.get(kind)
    if len(fields) == 1 and wanted is not None:
        return _field(variable, fields[0], wanted, read)
    get = _raw_at(variable, fields)
    return lambda variables: read(get(variables))


def _field(variable: str, field: str, wanted: type, read: Callable[[object], object]) -> Evaluate:
    """The commonest leaf, on its own because it is half of the time of most rules."""

    def get(variables: Variables) -> object:
        owner = variables.get(variable)
        if owner.__class__ is not dict:
            owner = read_object(owner)
            if owner is None:
                return None
        value = owner.get(field)
        return value if value.__class__ is wanted else read(value)

    return get


def _item(tree: Item) -> Evaluate:
    get, index, read = evaluator(tree.operand), tree.index, reader(tree.type)

    def item(variables: Variables) -> object:
        values = get(variables)
        return read(values[index]) if values is not None and index < len(values) else None  # type: ignore[arg-type, index]

    return item


def _has_value(tree: HasValue) -> Evaluate:
    variable, is_negated = tree.path.variable, tree.is_negated
    if not tree.path.fields:
        return lambda variables: (variables.get(variable) is None) is is_negated
    get = _raw(tree.path)
    parent = _raw(Path(tree.origin, DYN, tree.path.variable, tree.path.fields[:-1]))

    def has_value(variables: Variables) -> object:
        if read_object(parent(variables)) is None:
            return None
        return (get(variables) is None) is is_negated

    return has_value


# ---------------------------------------------------------------- operations


def _apply(tree: Apply) -> Evaluate:
    function = tree.operation.python
    arguments = tree.arguments
    if tree.operation.work is not None:
        return _counted(function, tree.operation.work, tuple(evaluator(argument) for argument in arguments))
    if len(arguments) == 1:
        return _unary(function, evaluator(arguments[0]))
    if all(isinstance(argument, Constant) for argument in arguments[1:]):
        rest = tuple(argument.value for argument in arguments[1:] if isinstance(argument, Constant))
        return _with_constants(function, evaluator(arguments[0]), rest)
    if len(arguments) > 2:
        return _of_many(function, tuple(evaluator(argument) for argument in arguments))
    left, right = arguments
    return _binary(function, evaluator(left), evaluator(right))


def _counted(function: Callable[..., object], work: Work, getters: tuple[Evaluate, ...]) -> Evaluate:
    """An operation whose work grows with its operands, and is counted before it is done."""

    def counted(variables: Variables) -> object:
        values: list[object] = []
        for get in getters:
            value = get(variables)
            if value is None:
                return None
            values.append(value)
        if (amount := work(*values)) >= STEP_CHARACTERS:
            spend(variables, amount // STEP_CHARACTERS)
        return function(*values)

    return counted


def _of_many(function: Callable[..., object], getters: tuple[Evaluate, ...]) -> Evaluate:
    def of_many(variables: Variables) -> object:
        values = [get(variables) for get in getters]
        return None if any(value is None for value in values) else function(*values)

    return of_many


def _unary(function: Callable[..., object], get: Evaluate) -> Evaluate:
    def unary(variables: Variables) -> object:
        value = get(variables)
        return None if value is None else function(value)

    return unary


def _binary(function: Callable[..., object], left: Evaluate, right: Evaluate) -> Evaluate:
    def binary(variables: Variables) -> object:
        a = left(variables)
        if a is None:
            return None
        b = right(variables)
        return None if b is None else function(a, b)

    return binary


def _with_constants(function: Callable[..., object], get: Evaluate, rest: tuple[object, ...]) -> Evaluate:
    if len(rest) > 1:
        return _unary(lambda value: function(value, *rest), get)
    constant = rest[0]

    def compare(variables: Variables) -> object:
        value = get(variables)
        return None if value is None else function(value, constant)

    return compare


def _logic(tree: Logic) -> Evaluate:
    terms = tuple(evaluator(term) for term in tree.terms)
    decisive, other = not tree.is_and, tree.is_and
    if len(terms) == 2:
        return _logic_of_two(*terms, decisive)

    def logic(variables: Variables) -> object:
        result: object = other
        for term in terms:
            value = term(variables)
            if value is decisive:
                return decisive
            if value is None:
                result = None
        return result

    return logic


def _logic_of_two(left: Evaluate, right: Evaluate, decisive: bool) -> Evaluate:
    def logic(variables: Variables) -> object:
        a = left(variables)
        if a is decisive:
            return decisive
        b = right(variables)
        return b if a is not None or b is decisive else None

    return logic


def _choice(tree: Choice) -> Evaluate:
    condition, then, otherwise = (evaluator(part) for part in tree.parts())

    def choice(variables: Variables) -> object:
        value = condition(variables)
        if value is None:
            return None
        return then(variables) if value else otherwise(variables)

    return choice


def _exists(tree: Exists) -> Evaluate:
    def exists(variables: Variables) -> object:
        related: AnswersRelated | None = variables.get(RELATED)  # type: ignore[assignment]
        return None if related is None else related(tree, variables)

    return exists


_MAKERS: dict[type[Typed], Callable[..., Evaluate]] = {
    Constant: _constant,
    Path: _path,
    Item: _item,
    HasValue: _has_value,
    Apply: _apply,
    Logic: _logic,
    Choice: _choice,
    Exists: _exists,
}


def _listed(tree: Typed) -> Evaluate:
    from hinterland.kit.cel import list_predicates  # which needs this module; few rules read lists

    _MAKERS.update(list_predicates.MAKERS)
    return evaluator(tree)


_MAKERS.update(dict.fromkeys((Items, Member, Macro, Made), _listed))
