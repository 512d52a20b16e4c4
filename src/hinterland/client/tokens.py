"""The session's tokens: kept in the vault, renewed once for all who need it, ended only by a definitive refusal."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from copy import copy
from typing import Any

import msgspec

from hinterland.client import session as sessions
from hinterland.client.errors import HinterlandError, InvalidGrant, VaultError
from hinterland.client.layers.bearer import BearerToken
from hinterland.client.session import AuthState, Reason, SignedIn, SignedOut, StateHolder
from hinterland.client.vault.protocol import Vault
from hinterland.contract.accounts import Session
from hinterland.kit.clock import Clock
from hinterland.kit.single_flight import SingleFlight

MOST_MARGIN = 60.0  # seconds before its end at which a token is renewed; a fifth of its life where that is less
PAUSE = 5.0  # seconds before a token that still holds is tried to be renewed again after that failed
_log = logging.getLogger("hinterland.client")
Refresh = Callable[[str], Awaitable[Session]]


class TokenKeeper:
    """The source of access tokens for the server at `origin`; `refresh` asks the server with a refresh token.

    The vault's lock is held while the server is asked, so that two processes never use one refresh token twice.
    """

    def __init__(self, vault: Vault, clock: Clock, origin: str, refresh: Refresh) -> None:
        self._vault = vault
        self._clock = clock
        self._origin = origin
        self._refresh = refresh
        self._flight: SingleFlight[BearerToken | None] = SingleFlight()
        self._renew_at = 0.0
        self._reason: Reason | None = None
        self.holder = StateHolder(self._first_state)

    @property
    def state(self) -> AuthState:
        """The state now."""
        return self.holder.state

    async def current(self) -> BearerToken | None:
        """The token to use, renewed if it is about to end; None: signed out."""
        state = self.state
        if not isinstance(state, SignedIn):
            return None
        if self._clock.monotonic() < self._renew_at:
            return _token(state)
        try:
            return await self._renewal(state)
        except HinterlandError:
            if self._clock.now() >= state.expires_at:
                raise
            self._renew_at = self._clock.monotonic() + PAUSE
            return _token(state)

    async def renewed(self, used: BearerToken) -> BearerToken | None:
        """Another token of the same user after the server refused `used`; None: there is none."""
        state = self.state
        if not isinstance(state, SignedIn) or state.user_id != used.user:
            return None
        if state.access_token != used.value:
            return _token(state)
        return _of(used, await self._renewal(state))

    async def refused(self, token: BearerToken) -> None:
        """The server refused a token that it had just given: the session is over."""
        state = self.state
        if isinstance(state, SignedIn) and state.access_token == token.value:
            async with self._locked():
                self._forget(is_refused=True)
            self._end(state, "refused")

    async def sign_in(self, session: Session) -> SignedIn:
        """Keep a new session. Where the vault can't keep it, it holds as long as this process."""
        async with self._locked():
            return self._keep(session)

    async def sign_out(self, reason: Reason) -> None:
        """Forget the session, here and in the vault."""
        async with self._locked():
            self._forget()
        self.holder.move(SignedOut(reason))

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Within the block the session ends because the user wishes it, whatever reports its end first."""
        self._reason = "log_out"
        try:
            yield
        finally:
            self._reason = None

    def know(self, user: dict[str, Any]) -> None:
        """The signed-in user's record, as the server has it now."""
        state = self.state
        if isinstance(state, SignedIn) and state.user_id == user.get("id"):
            self.holder.move(msgspec.structs.replace(state, user=user))

    async def close(self) -> None:
        """Let a renewal that is under way end, so that its answer is not lost."""
        await self._flight.finish()
        self.holder.close()

    async def _renewal(self, used: SignedIn) -> BearerToken | None:
        try:
            return await self._flight.run(used.access_token, lambda: self._renew(used))
        except HinterlandError as error:
            raise _own(error) from error

    async def _renew(self, used: SignedIn) -> BearerToken | None:
        async with self._locked():
            kept = self._kept_or(used)
            if not isinstance(kept, SignedIn):
                self._end(used, "elsewhere" if kept is None else kept.reason)
                return None
            if kept.access_token != used.access_token:
                self._enter(kept)
                return _of(_token(used), _token(kept))
            try:
                session = await self._refresh(kept.refresh_token)
            except InvalidGrant as error:
                if not error.is_from_server:
                    raise
                self._forget(is_refused=True)
                self._end(used, "refused")
                return None
            return _token(self._keep(session), is_fresh=True)

    def _end(self, session: SignedIn, reason: Reason) -> None:
        """The session is over, unless another session has replaced it."""
        state = self.state
        if isinstance(state, SignedIn) and state.access_token == session.access_token:
            self.holder.move(SignedOut(self._reason or reason))

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._vault.lock())
            except VaultError as error:
                if error.code == "vault_busy":
                    raise
                _log.warning("the session is not shared with other processes: %s", error)
            yield

    def _forget(self, *, is_refused: bool = False) -> None:
        """Forget the tokens; that the server ended the session is kept, so that the next start can tell it."""
        try:
            if is_refused and self._reason is None:
                self._vault.save(sessions.sealed(None, self._origin))
            else:
                self._vault.clear()
        except VaultError as error:
            _log.warning("the kept session can't be removed: %s", error)

    def _keep(self, session: Session) -> SignedIn:
        state = sessions.signed_in(session, self._clock.now())
        try:
            self._vault.save(sessions.sealed(state, self._origin))
        except VaultError as error:
            _log.warning("the session can't be kept and ends with this process: %s", error)
        self._enter(state)
        return state

    def _enter(self, state: SignedIn) -> None:
        self._plan(state)
        self.holder.move(state)

    def _plan(self, state: SignedIn) -> None:
        # From here on the monotonic clock counts: a jump of the wall clock neither renews nor outlives a token.
        left = state.expires_at - self._clock.now()
        self._renew_at = self._clock.monotonic() + left - min(MOST_MARGIN, left / 5)

    def _first_state(self) -> AuthState:
        try:
            kept = self._kept()
        except VaultError as error:
            _log.warning("signed out, because the kept session can't be read: %s", error)
            return SignedOut("unreadable")
        if isinstance(kept, SignedIn):
            self._plan(kept)
        return kept or SignedOut()

    def _kept(self) -> SignedIn | SignedOut | None:
        data = self._vault.load()
        try:
            return None if data is None else sessions.unsealed(data, self._origin)
        except ValueError:
            raise VaultError(detail="the vault holds no session") from None

    def _kept_or(self, used: SignedIn) -> SignedIn | SignedOut | None:
        try:
            return self._kept()
        except VaultError as error:
            _log.warning("the kept session can't be read and is written anew: %s", error)
            return used


def _token(state: SignedIn, *, is_fresh: bool = False) -> BearerToken:
    return BearerToken(state.access_token, state.user_id, is_fresh)


def _of(used: BearerToken, token: BearerToken | None) -> BearerToken | None:
    # Another person may have signed in meanwhile: a request is never sent again in another's name.
    return token if token is not None and token.user == used.user else None


def _own(error: HinterlandError) -> HinterlandError:
    """A copy for one of the callers that share a renewal: each has its own attempts, and none was carried out."""
    own = copy(error)
    own.sent = "no"
    return own
