"""Callers that don't read what they are answered: how long it is kept for one of them, and how much for all.

What is written for a caller and not taken yet is memory of this process. A connection that takes none of it for
`UNREAD_SECONDS` is aborted; where all of them together keep more than `UNREAD_BYTES`, those go first that took
something the longest ago.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import termios
from contextlib import suppress
from typing import ClassVar

from hinterland.server.protocols.http1.endings import OrderlyEnds

UNREAD_SECONDS = 10.0
UNREAD_BYTES = 128 * 1024 * 1024


class UnreadBytes:
    """How much is kept for each connection that does not read, in the order in which they last took something."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: dict[TakenInTime, int] = {}
        self._total = 0

    def note(self, connection: TakenInTime, size: int) -> None:
        """`size` bytes are kept for `connection` now; abort others, and at last this one, if all are too many."""
        self.forget(connection)
        self._sizes[connection] = size
        self._total += size
        while self._total > self._most:
            oldest = next(iter(self._sizes))
            self.forget(oldest)
            oldest.transport.abort()

    def forget(self, connection: TakenInTime) -> None:
        """Nothing is kept for `connection`."""
        self._total -= self._sizes.pop(connection, 0)


class TakenInTime:
    """Aborts a connection whose caller takes nothing of what is written for `unread_seconds`."""

    unread_seconds = UNREAD_SECONDS
    unread: ClassVar[UnreadBytes] = UnreadBytes(UNREAD_BYTES)  # of the whole process
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _left = 0
    _look_timer: asyncio.TimerHandle | None = None

    def _watch_unread(self) -> None:
        if self._look_timer is None:
            self._left = self._unread()
            self._look_timer = self.loop.call_later(self.unread_seconds, self._look)
        self.unread.note(self, self.transport.get_write_buffer_size())

    def _look(self) -> None:
        """Abort the connection, or give it its time again if it has taken something."""
        left = self._unread()
        if left >= self._left:
            self.transport.abort()
            return
        self._left = left
        self._look_timer = self.loop.call_later(self.unread_seconds, self._look)
        self.unread.note(self, self.transport.get_write_buffer_size())

    def _forget_unread(self) -> None:
        self.unread.forget(self)
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None

    def _unread(self) -> int:
        """The bytes that the caller's machine has not acknowledged, also those that the kernel holds: a slow reader
        takes some of these long before there is room for more."""
        held = array.array("i", [0])
        with suppress(OSError):  # only Linux reports it
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, held)
        return self.transport.get_write_buffer_size() + held[0]


class BoundedUnread(TakenInTime, OrderlyEnds):
    """An HTTP/1.1 connection whose answers are taken in time.

    It is watched from when its transport holds more than its limit (64 KiB), or is to be closed behind what it holds.
    """

    transport: asyncio.Transport

    def pause_writing(self) -> None:
        """The caller takes less than is written."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """The caller has taken nearly all of it."""
        if not self.transport.is_closing():
            self._forget_unread()
        super().resume_writing()

    def close(self) -> None:
        """Close the connection when its caller has taken the rest."""
        super().close()
        if self.transport.get_write_buffer_size():
            self._watch_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is kept any longer."""
        self._forget_unread()
        super().connection_lost(exc)
