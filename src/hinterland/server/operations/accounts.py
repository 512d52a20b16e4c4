"""Accounts: sign up, log in, refresh, log out, me, and changes of your own account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hinterland.contract.accounts import Session
from hinterland.server.auth import deletion, email, login, logout, me, password, refresh, signup, signup_once
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call, Reply

Fields = Mapping[str, Any]


async def sign_up(backend: Backend, call: Call[Fields]) -> Reply:
    """Create a user and a session."""
    is_replayed = False
    if call.key:
        session, is_replayed = await signup_once.sign_up_once(backend.accounts, call.input, call.address, call.key)
    else:
        session = await signup.sign_up(backend.accounts, call.input, call.address)
    return Reply(session, place=f"/v1/records/users/{session.user['id']}", is_replayed=is_replayed)


async def log_in(backend: Backend, call: Call[Fields]) -> Session:
    """Log in with e-mail and password."""
    return await login.log_in(backend.accounts, call.input, call.address)


async def renew(backend: Backend, call: Call[Fields]) -> Session:
    """Renew a session with its refresh token."""
    return await refresh.refresh(backend.accounts, call.input)


async def log_out(backend: Backend, call: Call[None]) -> None:
    """End the session."""
    await logout.log_out(backend.accounts, call.caller)


async def who_am_i(backend: Backend, call: Call[None]) -> msgspec.Raw:
    """The signed-in user's own record."""
    return msgspec.Raw((await me.me(backend.accounts, call.caller)).encode())


async def change_password(backend: Backend, call: Call[Fields]) -> None:
    """Change your own password."""
    await password.change_password(backend.accounts, call.caller, call.input)


async def change_email(backend: Backend, call: Call[Fields]) -> msgspec.Raw:
    """Change your own e-mail address; the record afterwards."""
    return msgspec.Raw((await email.change_email(backend.accounts, call.caller, call.input)).encode())


async def delete_account(backend: Backend, call: Call[Fields]) -> None:
    """Delete your own account."""
    await deletion.delete_account(backend.accounts, call.caller, call.input)
