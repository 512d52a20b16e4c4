"""Messages that many subscribers are sent: one object holds what is made of an event for all of a kind.

Thousands are served one after the other, and between two of them the system's network code runs, which drives out of
the processor's caches what belongs to a single subscriber. So little of it is touched.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar
from weakref import WeakValueDictionary


class SharedMessage:
    """What all subscribers of one kind are sent for the `event` that was delivered last: `messages`, which is one."""

    __slots__ = ("__weakref__", "event", "messages")
    _of: ClassVar[WeakValueDictionary[Hashable, SharedMessage]] = WeakValueDictionary()
    _held: ClassVar[list[SharedMessage]] = []  # those that hold a message, all for the same event

    def __init__(self) -> None:
        self.event: bytes | None = None
        self.messages: tuple[Any, ...] = ()

    @classmethod
    def of(cls, kind: Hashable) -> SharedMessage:
        """The one of a kind."""
        return cls._of.get(kind) or cls._of.setdefault(kind, cls())

    def keep(self, event: bytes, message: Any) -> None:
        """Hold the `message` for an event. For events before it nothing is held any longer."""
        held = SharedMessage._held
        if held and held[0].event is not event:
            for each in held:
                each.event, each.messages = None, ()
            held.clear()
        self.event, self.messages = event, (message,)
        held.append(self)
