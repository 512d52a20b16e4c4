"""Ends the streams of callers who lost their right: after each signal, and whenever it is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set as AbstractSet

from hinterland.server.data.rights import Rights
from hinterland.server.data.subscription import Subscription
from hinterland.server.security.sessions import account_subject, session_subject

log = logging.getLogger("hinterland.feed")


class RightsWatch:
    """Watches the callers of `subscriptions`."""

    def __init__(self, rights: Rights, subscriptions: AbstractSet[Subscription]) -> None:
        self._rights = rights
        self._subscriptions = subscriptions
        self._doubted = asyncio.Event()

    def recheck(self, subject: str) -> None:
        """A session or account changed: end the streams that lost their right, without waiting for the next check."""
        callers = (subscription.caller for subscription in self._subscriptions)
        if any(subject in (session_subject(c.session), account_subject(c.id)) for c in callers):
            self._doubted.set()

    async def follow(self) -> None:
        """Check after each signal, for ever."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            await self.check()

    async def check(self) -> None:
        """End the streams whose right has ended."""
        try:
            lost = await self._rights.lost(subscription.caller for subscription in self._subscriptions)
        except Exception as error:  # what can't be asked now is asked again in a second
            log.warning("sessions of streams can't be checked now: %s", error)
            return
        for subscription in [*self._subscriptions] if lost else ():
            if subscription.caller in lost:
                subscription.end()
