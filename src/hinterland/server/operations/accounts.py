"""Accounts: sign up, log in, refresh, log out, me, sessions, and changes of your own account."""

from __future__ import annotations

import msgspec

from hinterland.contract.accounts import RecoveryCodes, Session, SessionEnding, SessionList, TotpSetup
from hinterland.server.auth import (
    challenge_answer,
    deletion,
    email,
    login,
    me,
    own_sessions,
    password,
    refresh,
    signup,
    signup_once,
    totp_enrolment,
)
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call, FormFields, Reply


async def sign_up(backend: Backend, call: Call[FormFields]) -> Reply:
    """Create a user and a session."""
    accounts, form, source = backend.accounts, call.input, (call.address, call.user_agent)
    is_replayed = False
    if call.key:
        session, is_replayed = await signup_once.sign_up_once(accounts, form, call.part_key or call.key, *source)
    else:
        session = await signup.sign_up(accounts, form, *source)
    return Reply(session, place=f"/v1/records/users/{session.user['id']}", is_replayed=is_replayed)


async def log_in(backend: Backend, call: Call[FormFields]) -> Session:
    """Log in with e-mail and password."""
    return await login.log_in(backend.accounts, call.input, call.address, call.user_agent)


async def answer_challenge(backend: Backend, call: Call[FormFields]) -> Session:
    """Answer a log-in's challenge."""
    return await challenge_answer.answer_challenge(backend.accounts, call.input, call.address, call.user_agent)


async def renew(backend: Backend, call: Call[FormFields]) -> Session:
    """Renew a session with its refresh token."""
    return await refresh.refresh(backend.accounts, call.input, call.address, call.user_agent)


async def log_out(backend: Backend, call: Call[None]) -> None:
    """End the session."""
    await own_sessions.log_out(backend.accounts, call.caller)


async def who_am_i(backend: Backend, call: Call[None]) -> msgspec.Raw:
    """The signed-in user's own record."""
    return msgspec.Raw((await me.me(backend.accounts, call.caller)).encode())


async def change_password(backend: Backend, call: Call[FormFields]) -> None:
    """Change your own password."""
    await password.change_password(backend.accounts, call.caller, call.input)


async def change_email(backend: Backend, call: Call[FormFields]) -> msgspec.Raw:
    """Change your own e-mail address; the record afterwards."""
    return msgspec.Raw((await email.change_email(backend.accounts, call.caller, call.input)).encode())


async def delete_account(backend: Backend, call: Call[FormFields]) -> None:
    """Delete your own account."""
    await deletion.delete_account(backend.accounts, call.caller, call.input)


async def enrol_totp(backend: Backend, call: Call[FormFields]) -> TotpSetup:
    """Enrol an authenticator app."""
    return await totp_enrolment.enrol(backend.accounts, call.caller, call.input)


async def confirm_totp(backend: Backend, call: Call[FormFields]) -> RecoveryCodes:
    """Confirm an authenticator app."""
    return await totp_enrolment.confirm(backend.accounts, call.caller, call.input)


async def disable_totp(backend: Backend, call: Call[FormFields]) -> None:
    """Turn the second factor off."""
    await totp_enrolment.disable(backend.accounts, call.caller, call.input)


async def list_sessions(backend: Backend, call: Call[None]) -> SessionList:
    """The caller's sessions."""
    return await own_sessions.list_sessions(backend.accounts, call.caller)


async def end_session(backend: Backend, call: Call[SessionEnding]) -> None:
    """End one of the caller's sessions."""
    await own_sessions.end_session(backend.accounts, call.caller, call.input.id)
