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
from hinterland.client.session import AuthState, Listener, SignedIn, SigningIn
from hinterland.client.tokens import Refresh, TokenKeeper
from hinterland.contract.accounts import (
    AccountDeletion,
    Challenge,
    ChallengeAnswer,
    Credentials,
    EmailChange,
    PasswordChange,
    RecoveryCodes,
    RefreshRequest,
    Session,
    SessionInfo,
    SessionList,
    TotpCode,
    TotpRemoval,
    TotpRequest,
    TotpSetup,
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
    def state(self) -> AuthState:
        """SignedOut, SigningIn or SignedIn. The first question reads the vault."""
        return self._tokens.state

    @property
    def user(self) -> dict[str, Any] | None:
        """The user's record as it was at the last log-in, renewal or `me`; None: signed out."""
        state = self.state
        return state.user if isinstance(state, SignedIn) else None

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each new state, in the event loop's thread; the returned function ends that."""
        return self._tokens.holder.listen(listener)

    async def states(self) -> AsyncGenerator[AuthState, None]:
        """The state now, and then each new one. Raises ClientClosed when the client is closed."""
        self._guard.check()
        async with aclosing(self._tokens.holder.states()) as states:
            async for state in states:
                yield state

    async def sign_up(self, *, name: str, email: str, password: str, **fields: Any) -> dict[str, Any]:
        """Create a user with the further `fields` that the app declares, and sign in. The user's record.

        Raises ValidationFailed (by field), Conflict (the e-mail is taken), PasswordRefused.
        """
        body = {**fields, "name": name, "email": email, "password": password}
        return await self._enter("auth.signup", body)

    async def log_in(self, *, email: str, password: str) -> dict[str, Any]:
        """Sign in, in place of the user who was signed in before. The user's record.

        Raises InvalidCredentials, and ChallengeRequired where the account has a second factor: `answer` its challenge.
        """
        return await self._enter("auth.login", Credentials(email=email, password=password))

    async def answer(self, challenge: Challenge, *, code: str) -> dict[str, Any]:
        """Sign in with the challenge of a log-in and the `code` of an authenticator app, or a recovery code.

        The user's record. Raises ValidationFailed (the code is wrong), InvalidChallenge (log in again), RateLimited.
        """
        return await self._enter("auth.challenge", ChallengeAnswer(challenge=challenge.challenge, code=code))

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
        """Renew the session now. The user's record. Raises Unauthorized where it has ended."""
        self._guard.check()
        token = await self._tokens.current()
        renewed = None if token is None else await self._tokens.renewed(token)
        user = self.user
        if renewed is None or user is None:
            raise Unauthorized(sent="no")
        return user

    async def me(self) -> dict[str, Any]:
        """The user's record, as the server has it now. Raises Unauthorized."""
        user = await self._call("auth.me", output=dict[str, Any])
        self._tokens.know(user)
        return user

    async def change_password(self, *, password: str, new_password: str) -> None:
        """Change the password; `password` is the current one. This session continues, every other one ends.

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

    async def enrol_totp(self, *, password: str) -> TotpSetup:
        """Begin to use an authenticator app as second factor: show its `uri` as a QR code, or its `secret`. It counts
        after `confirm_totp`.

        Raises ValidationFailed (the password is wrong), Conflict (a second factor is on already), RateLimited.
        """
        return await self._call("auth.totp", body=TotpRequest(password=password), output=TotpSetup)

    async def confirm_totp(self, *, code: str) -> list[str]:
        """Turn the second factor on with a `code` of the app. Ten recovery codes, each of which takes the app's place
        once: show them to the user, who keeps them; nobody can see them again.

        Raises ValidationFailed (the code is wrong), Conflict (no app was enrolled), RateLimited.
        """
        made = await self._call("auth.totp.confirm", body=TotpCode(code=code), output=RecoveryCodes)
        return made.recovery_codes

    async def disable_totp(self, *, password: str, code: str) -> None:
        """Turn the second factor off; `code` is of the app or a recovery code.

        Raises ValidationFailed (the password or the code is wrong), Conflict (it is off), RateLimited.
        """
        await self._call("auth.totp.disable", body=TotpRemoval(password=password, code=code), output=type(None))

    async def sessions(self) -> list[SessionInfo]:
        """The user's sessions on all devices, the last used first; `is_current` is this one."""
        return (await self._call("auth.sessions", output=SessionList)).items

    async def end_session(self, id: str) -> None:
        """End one of the user's sessions. Raises NotFound."""
        await self._call("auth.sessions.end", segments={"id": id}, output=type(None))

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
