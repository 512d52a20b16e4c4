"""Callers whom a rule can't let through, whatever they send: they are refused before their body is read."""

from __future__ import annotations

from hinterland.contract.identity import Principal
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.plan import denied
from hinterland.server.data.rules import Rule


def admit(entry: Entry, action: str, caller: Principal) -> None:
    """Raises `unauthorized` for a signed-out caller to whom the rule of `action` is closed."""
    if not caller.is_signed_in and is_closed(entry.rules[action]):
        raise denied(entry.name, action, is_signed_in=False)


def is_closed(rule: Rule | None) -> bool:
    """Whether a rule refuses every signed-out caller, whatever the record."""
    return rule is None or rule.is_closed
