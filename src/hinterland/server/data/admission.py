"""What a rule refuses its caller with, and callers whom it can't let through, whatever they send."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.rules import Rule


def admit(entry: Entry, action: str, caller: Principal) -> None:
    """Raises `unauthorized` for a signed-out caller to whom the rule of `action` is closed."""
    if not caller.is_signed_in and is_closed(entry.rules[action]):
        raise denied(entry.name, action, is_signed_in=False)


def is_closed(rule: Rule | None) -> bool:
    """Whether a rule refuses every signed-out caller, whatever the record."""
    return rule is None or rule.is_closed


def denied(collection: str, action: str, *, is_signed_in: bool) -> Refusal:
    """The refusal of a rule: signed-out callers are asked to sign in."""
    if is_signed_in:
        return Refusal("forbidden", f"the {action} rule of {collection} does not allow this")
    return Refusal(
        "unauthorized", f"sign in to {action} records of {collection}", headers=(("WWW-Authenticate", "Bearer"),)
    )
