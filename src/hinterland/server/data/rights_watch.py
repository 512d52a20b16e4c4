"""Tells those who listen for a caller when the caller lost a right: after each signal, and whenever it is asked."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from hinterland.contract.identity import Principal
from hinterland.server.data.rights import Rights
from hinterland.server.security.sessions import account_subject, session_subject

log = logging.getLogger("hinterland.feed")


class RightsListener(Protocol):
    """A stream or a socket."""

    caller: Principal

    def end(self) -> None:
        """The caller is not what it was: its session has ended, or its roles are others."""
        ...


class RightsWatch:
    """Watches the callers of `listeners`."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self.listeners: set[RightsListener] = set()
        self._doubted = asyncio.Event()

    def recheck(self, subject: str) -> None:
        """A session or account changed: tell those who lost their right, without waiting for the next check."""
        callers = (listener.caller for listener in self.listeners)
        if any(subject in (session_subject(c.session), account_subject(c.id)) for c in callers):
            self._doubted.set()

    async def follow(self) -> None:
        """Check after each signal, for ever."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            await self.check()

    async def check(self) -> None:
        """Tell those whose caller's right has ended."""
        try:
            lost = await self._rights.lost(listener.caller for listener in self.listeners)
        except Exception as error:  # what can't be asked now is asked again in a second
            log.warning("sessions of streams can't be checked now: %s", error)
            return
        for listener in [*self.listeners] if lost else ():
            if listener.caller in lost:
                listener.end()
