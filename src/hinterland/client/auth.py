"""Signing up, in and out, and who one is."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from hinterland.client.calls import Calls, SendCall
from hinterland.client.documents import decoded
from hinterland.client.errors import HinterlandError, Unauthorized
from hinterland.client.loop_guard import LoopGuard
from hinterland.client.session import Listener, SignedIn, SigningIn, State
from hinterland.client.tokens import Refresh, TokenKeeper
from hinterland.contract.accounts import (
    AccountDeletion,
    Credentials,
    EmailChange,
    PasswordChange,
    RefreshRequest,
    Session,
)
from hinterland.kit.clock import Clock

# A call that waits for a renewal fails after this time. The same refresh token may be shown again later, however late.
REFRESH_SECONDS, REFRESH_READ, REFRESH_RETRIES = 9.0, 4.0, 8
_log = logging.getLogger("hinterland.client")


def refresher(calls: Calls, clock: Clock) -> Refresh:
    """How the server is asked for a new session; `calls` goes without an access token."""

    async def refresh(refresh_token: str) -> Session:
        request = calls.request("auth.refresh", body=RefreshRequest(refresh_token=refresh_token)).replaced(
            deadline=clock.monotonic() + REFRESH_SECONDS, read=REFRESH_READ, retries=REFRESH_RETRIES
        )
        response = await calls.perform(request)
        return decoded(response.content, Session, operation="auth.refresh")

    return refresh


class Auth:
    """The account operations of a client, and the session's state.

    Signing in and out return when all `followers` have caught up, which is when local records are the new user's.
    """

    def __init__(self, call: SendCall, tokens: TokenKeeper, guard: LoopGuard) -> None:
        self._call = call
        self._guard = guard
        self._tokens = tokens
        self.followers: list[Callable[[], Awaitable[None]]] = []

    @property
    def state(self) -> State:
        """SignedOut, SigningIn or SignedIn. The first question reads the vault."""
        return self._tokens.state

    @property
    def user(self) -> dict[str, Any] | None:
        """The own record as it was at the last log-in, renewal or `me`; None: signed out."""
        state = self.state
        return state.user if isinstance(state, SignedIn) else None

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each new state, in the event loop's thread; the returned function ends that."""
        return self._tokens.holder.listen(listener)

    async def states(self) -> AsyncGenerator[State, None]:
        """The state now, and then each new one. Raises ClientClosed when the client is closed."""
        self._guard.check()
        async with aclosing(self._tokens.holder.states()) as states:
            async for state in states:
                yield state

    async def sign_up(self, *, name: str, email: str, password: str, **fields: Any) -> dict[str, Any]:
        """Make a user with the `fields` that the app declares besides, and sign in. The user's record.

        Raises ValidationFailed (by field), Conflict (the e-mail is taken), PasswordRefused.
        """
        body = {**fields, "name": name, "email": email, "password": password}
        return await self._enter("auth.signup", body)

    async def log_in(self, *, email: str, password: str) -> dict[str, Any]:
        """Sign in; whoever was signed in before is not any more. The user's record. Raises InvalidCredentials."""
        return await self._enter("auth.login", Credentials(email=email, password=password))

    async def log_out(self) -> None:
        """End the session, here in any case, and on the server if it can be reached."""
        self._guard.check()
        with self._tokens.leaving():
            if isinstance(self.state, SignedIn):
                try:
                    await self._call("auth.logout", output=type(None))
                except HinterlandError as error:
                    _log.warning("signed out here only; the session ends on the server by its age: %s", error)
            await self._tokens.sign_out("log_out")
        await self._followed()

    async def refresh(self) -> dict[str, Any]:
        """Renew the session now. The user's record. Raises Unauthorized where there is none any more."""
        self._guard.check()
        token = await self._tokens.current()
        renewed = None if token is None else await self._tokens.renewed(token)
        user = self.user
        if renewed is None or user is None:
            raise Unauthorized(sent="no")
        return user

    async def me(self) -> dict[str, Any]:
        """The own record, as the server has it now. Raises Unauthorized."""
        user = await self._call("auth.me", output=dict[str, Any])
        self._tokens.know(user)
        return user

    async def change_password(self, *, password: str, new_password: str) -> None:
        """Change the password; `password` is the current one. This session goes on, every other one ends.

        Raises ValidationFailed (the current password is wrong), PasswordRefused, RateLimited.
        """
        await self._call("auth.password", body=PasswordChange(password=password, new_password=new_password),
                         output=type(None))  # fmt: skip

    async def change_email(self, *, email: str, password: str) -> dict[str, Any]:
        """Change the e-mail address that signs in. The user's record.

        Raises ValidationFailed (the address or the password is wrong), Conflict (it is taken), RateLimited.
        """
        user = await self._call("auth.email", body=EmailChange(email=email, password=password), output=dict[str, Any])
        self._tokens.know(user)
        return user

    async def delete_account(self, *, password: str) -> None:
        """Delete the account with its record, and sign out. Raises ValidationFailed (the password is wrong)."""
        with self._tokens.leaving():
            await self._call("auth.delete", body=AccountDeletion(password=password), output=type(None))
            await self._tokens.sign_out("log_out")
        await self._followed()

    async def _enter(self, operation: str, body: object) -> dict[str, Any]:
        self._guard.check()
        before = self.state
        self._tokens.holder.move(SigningIn())
        try:
            session = await self._call(operation, body=body, output=Session)
            user = (await self._tokens.sign_in(session)).user
            await self._followed()
            return user
        finally:
            if isinstance(self.state, SigningIn):
                self._tokens.holder.move(before)

    async def _followed(self) -> None:
        for caught_up in self.followers:
            await caught_up()
