"""Who need not be heard: callers whom a rule can't let through, whatever they send. They are told before it is read."""

from __future__ import annotations

from functools import lru_cache

from hinterland.contract.identity import Principal
from hinterland.kit.cel.typed import Apply, Choice, HasValue, Item, Logic, Member, Path, Typed
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.plan import denied
from hinterland.server.data.rules import Rule


def admit(entry: Entry, action: str, caller: Principal) -> None:
    """Raises `unauthorized` for a signed-out caller to whom the rule of `action` is closed."""
    if not caller.is_signed_in and is_closed(entry.rules[action]):
        raise denied(entry.name, action, is_signed_in=False)


@lru_cache(maxsize=2_000)
def is_closed(rule: Rule | None) -> bool:
    """Whether a rule lets nobody through who is not signed in, which is seen without a record."""
    return rule is None or _is_never_true(rule.tree)


def _is_never_true(tree: Typed) -> bool:
    """Whether the expression is false or an error whenever `auth` is null."""
    if isinstance(tree, Logic):
        return (any if tree.is_and else all)(map(_is_never_true, tree.terms))
    if isinstance(tree, Choice):
        return _is_error(tree.condition) or (_is_never_true(tree.then) and _is_never_true(tree.otherwise))
    if isinstance(tree, HasValue) and _is_auth(tree.path):
        return bool(tree.path.fields) or not tree.is_negated
    return _is_error(tree)


def _is_error(tree: Typed) -> bool:
    """Whether the expression is an error whenever `auth` is null, since a strict part of it reads that."""
    if isinstance(tree, HasValue):
        return _is_auth(tree.path) and bool(tree.path.fields)
    if isinstance(tree, Apply | Item | Member):
        return any(map(_is_error, tree.parts()))
    return _is_auth(tree)


def _is_auth(tree: Typed) -> bool:
    return isinstance(tree, Path) and tree.variable == "auth"
