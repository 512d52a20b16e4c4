"""From the session's state to the account whose data the local store shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hinterland.client.session import AuthState, SignedIn, SignedOut
from hinterland.contract.identity import RecordId


def account_of(state: AuthState) -> RecordId | None:
    """The account of a session's state, "" for nobody; None: the one that was in force stays.

    So it does when the server ends a session: the user goes on with what is here, and signs in again to have it sent.
    """
    match state:
        case SignedIn():
            return state.user_id
        case SignedOut(reason="never" | "log_out" | "elsewhere"):
            return ""
        case _:
            return None


def sender_of(state: AuthState) -> RecordId:
    """The account whose credentials requests carry in a session's state; "" for nobody's."""
    return state.user_id if isinstance(state, SignedIn) else ""


class AccountFollower:
    """A listener of the session's state that switches accounts, one after another."""

    def __init__(self, switch: Callable[[RecordId], Awaitable[None]]) -> None:
        self._switch = switch
        self._wanted: RecordId | None = None
        self._task: asyncio.Task[None] | None = None

    def __call__(self, state: AuthState) -> None:
        """Follow to this state."""
        account = account_of(state)
        if account is not None:
            self._wanted = account
            if self._task is None or self._task.done():
                self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            await self._switch(wanted)

    async def arrived(self) -> None:
        """Return when the account that was asked for last is in force."""
        if self._task is not None:
            await self._task
