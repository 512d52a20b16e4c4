"""Who is signed in, as states that an app can observe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any, Literal

import msgspec

from hinterland.client.errors import ClientClosed
from hinterland.contract.accounts import Session
from hinterland.contract.identity import RecordId

# Why nobody is signed in: nobody was yet; the user signed out; the server ended the session; another process of the app
# signed out; the stored session can't be read.
Reason = Literal["never", "log_out", "refused", "elsewhere", "unreadable"]


class SignedOut(msgspec.Struct, frozen=True):
    """Nobody is signed in, and why."""

    reason: Reason = "never"


class SigningIn(msgspec.Struct, frozen=True):
    """A sign-up or log-in is under way."""


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """`user` is the user's own record. The access token ends at `expires_at`, seconds since 1970."""

    user: dict[str, Any]
    access_token: str
    refresh_token: str
    expires_at: float

    @property
    def user_id(self) -> RecordId:
        """The id of the user's record."""
        identity: RecordId = self.user.get("id", "")
        return identity

    def __repr__(self) -> str:
        return f"SignedIn(user_id={self.user_id!r})"  # tokens never reach a log


AuthState = SignedOut | SigningIn | SignedIn
Listener = Callable[[AuthState], None]
_log = logging.getLogger("hinterland.client")


def signed_in(session: Session, now: float) -> SignedIn:
    """The state that a log-in or renewal answers with, received at `now` (seconds since 1970)."""
    return SignedIn(
        user=session.user,
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        expires_at=now + session.expires_in,
    )


class _Kept(msgspec.Struct, frozen=True):
    origin: str
    session: SignedIn | None  # None: the server ended it


def sealed(session: SignedIn | None, origin: str) -> bytes:
    """What a vault keeps of a session with the server at `origin`; None: that the server ended it."""
    return msgspec.json.encode(_Kept(origin, session))


def unsealed(data: bytes, origin: str) -> SignedIn | SignedOut | None:
    """The session in a vault, or how it ended; None where it is another server's. Raises ValueError for what is no
    session."""
    kept = msgspec.json.decode(data, type=_Kept)
    if kept.origin != origin:
        return None
    return SignedOut("refused") if kept.session is None else kept.session


class StateHolder:
    """The current state and those who want to know of its changes. `load` gives it when it is first asked for."""

    def __init__(self, load: Callable[[], AuthState]) -> None:
        self._load = load
        self._state: AuthState | None = None
        self._listeners: list[Listener] = []
        self._queues: set[asyncio.Queue[AuthState | None]] = set()
        self._is_closed = False

    @property
    def state(self) -> AuthState:
        """The state now."""
        if self._state is None:
            self._state = self._load()
        return self._state

    def move(self, state: AuthState) -> None:
        """Change the state, and notify the listeners unless it is the same."""
        if state == self.state:
            return
        self._state = state
        for listener in tuple(self._listeners):
            try:
                listener(state)
            except Exception:
                _log.exception("a listener of the session's state failed")

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each new state, in the event loop's thread, until the returned function is called."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    async def states(self) -> AsyncGenerator[AuthState, None]:
        """The state now, and then each new one. Raises ClientClosed at the holder's `close`."""
        queue: asyncio.Queue[AuthState | None] = asyncio.Queue()
        self._queues.add(queue)
        stop = self.listen(queue.put_nowait)
        try:
            state: AuthState | None = None if self._is_closed else self.state
            while state is not None:
                yield state
                state = await queue.get()
            raise ClientClosed
        finally:
            stop()
            self._queues.discard(queue)

    def close(self) -> None:
        """There will be no new state: those who wait for one get an error."""
        self._is_closed = True
        for queue in self._queues:
            queue.put_nowait(None)
