"""What subscribers of one kind share of an event."""

from __future__ import annotations

import gc
from weakref import ref

from hinterland.server.data.shared_messages import SharedMessage


def test_one_object_for_a_kind() -> None:
    """Equal kinds are one object for as long as one of them is used."""
    one, other = SharedMessage.of(("a", False)), SharedMessage.of(("a", True))
    assert SharedMessage.of(("a", False)) is one
    assert other is not one
    gone = ref(one)
    del one
    gc.collect()
    assert gone() is None


def test_only_the_last_event_is_held() -> None:
    """A message is held until the next event, of whatever kind: as many as there are kinds, each of one event."""
    one, other = SharedMessage.of("one"), SharedMessage.of("other")
    first, second = b"first" + bytes(1), b"second" + bytes(1)
    one.keep(first, "1")
    other.keep(first, "2")
    assert (one.event, one.messages, other.event, other.messages) == (first, ("1",), first, ("2",))
    other.keep(second, "3")
    assert (one.event, one.messages, other.event, other.messages) == (None, (), second, ("3",))
