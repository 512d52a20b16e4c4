"""Lists as Python evaluates them: membership and macros."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hinterland.kit.cel.metering import STEP_ELEMENTS, is_read_search, search_steps, size, spend
from hinterland.kit.cel.predicates import Evaluate, Variables, evaluator
from hinterland.kit.cel.typed import Items, Macro, Made, Member, Typed
from hinterland.kit.cel.types import ListType
from hinterland.kit.cel.values import reader


def _items(tree: Items) -> Evaluate:
    getters = tuple(evaluator(element) for element in tree.elements)

    def items(variables: Variables) -> object:
        values = [get(variables) for get in getters]
        return None if any(value is None for value in values) else values

    return items


def _member(tree: Member) -> Evaluate:
    assert isinstance(tree.container.type, ListType)
    item, container, kind = evaluator(tree.item), evaluator(tree.container), tree.container.type.element
    is_read, read = is_read_search(tree), reader(kind)

    def member(variables: Variables) -> object:
        wanted = item(variables)
        if wanted is None:
            return None
        values: list[object] | None = container(variables)  # type: ignore[assignment]
        if values is None:
            return None
        if len(values) >= STEP_ELEMENTS:
            spend(variables, search_steps(len(values), is_read))
        return any(read(value) == wanted for value in values) if is_read else wanted in values

    return member


def _macro(tree: Macro) -> Evaluate:
    get, body, name, index = evaluator(tree.container), evaluator(tree.body), tree.name, tree.index
    steps, decide = 1 + size(tree.body), _DECIDED[tree.form]

    def macro(variables: Variables) -> object:
        values: Sequence[object] | None = get(variables)  # type: ignore[assignment]
        if values is None:
            return None
        spend(variables, steps * len(values))
        return decide(values, body, name, index, {**variables})

    return macro


_Body = Callable[[Variables], object]


def _any(values: Sequence[object], body: _Body, name: str, index: str, scope: dict[str, object]) -> bool | None:
    result: bool | None = False
    for scope[index], scope[name] in enumerate(values):
        found = body(scope)
        if found is True:
            return True
        if found is None:
            result = None
    return result


def _every(values: Sequence[object], body: _Body, name: str, index: str, scope: dict[str, object]) -> bool | None:
    result: bool | None = True
    for scope[index], scope[name] in enumerate(values):
        found = body(scope)
        if found is False:
            return False
        if found is None:
            result = None
    return result


def _just_one(values: Sequence[object], body: _Body, name: str, index: str, scope: dict[str, object]) -> bool | None:
    count = 0
    for scope[index], scope[name] in enumerate(values):
        found = body(scope)
        if found is None:
            return None
        count += found is True
    return count == 1


_DECIDED = {"exists": _any, "all": _every, "one": _just_one}


def _made(tree: Made) -> Evaluate:
    get, name, index = evaluator(tree.container), tree.name, tree.index
    condition = None if tree.condition is None else evaluator(tree.condition)
    result = None if tree.result is None else evaluator(tree.result)
    steps = 1 + sum(map(size, tree.parts()[1:]))

    def made(variables: Variables) -> object:
        values: Sequence[object] | None = get(variables)  # type: ignore[assignment]
        if values is None:
            return None
        spend(variables, steps * len(values))
        scope, found = {**variables}, []
        for scope[index], scope[name] in enumerate(values):
            is_wanted = True if condition is None else condition(scope)
            value = scope[name] if result is None or not is_wanted else result(scope)
            if is_wanted is None or (is_wanted and value is None and result is not None):
                return None
            if is_wanted:
                found.append(value)
        return found

    return made


MAKERS: dict[type[Typed], Callable[..., Evaluate]] = {Items: _items, Member: _member, Macro: _macro, Made: _made}
