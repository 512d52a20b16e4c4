"""One call of an operation."""

from __future__ import annotations

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.server.operations.call import Call, Preconditions


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [("2001:db8::1", "2001:db8::2", True), ("2001:db8::1", "2001:db8:0:1::1", False),
     ("192.0.2.1", "192.0.2.2", False)],
)  # fmt: skip
def test_one_share_of_a_network(first: str, second: str, is_one: bool) -> None:
    """A caller who is not signed in has one share of costly work for a whole /64 of IPv6, which one customer holds; a
    user has one at all addresses."""
    ada = Principal(id="ada")
    calls = [[Call(caller=caller, input=None, address=at) for at in (first, second)] for caller in (SIGNED_OUT, ada)]
    assert len({call.asker for call in calls[0]}) == (1 if is_one else 2)
    assert {call.asker for call in calls[1]} == {"ada"}


@pytest.mark.parametrize(
    ("conditions", "is_met"),
    [(Preconditions(), True), (Preconditions(exists=True), True), (Preconditions(revisions=frozenset({6, 7})), True),
     (Preconditions(revisions=frozenset({6})), False), (Preconditions(revisions=frozenset()), False),
     (Preconditions(other_than=frozenset({6})), True), (Preconditions(other_than=frozenset({7})), False)],
)  # fmt: skip
def test_preconditions(conditions: Preconditions, is_met: bool) -> None:
    """A record with another revision than one of those asked for, or with an excluded one, is `stale`."""
    if is_met:
        conditions.check("notes/1", 7)
        return
    with pytest.raises(Refusal) as caught:
        conditions.check("notes/1", 7)
    assert caught.value.code == "stale"
