"""Accounts over HTTP: sign up, log in, refresh, log out, me, and changes of one's own account."""

from __future__ import annotations

from typing import Any

from hinterland.server.addresses import caller_address
from hinterland.server.auth import deletion, email, login, logout, me, password, refresh, signup, signup_once
from hinterland.server.backend import Backend
from hinterland.server.http import JSON, NO_STORE, HttpAnswer, HttpRequest, json_answer
from hinterland.server.protocols.rest.keys import REPLAYED, idempotency_key

_BODY_LIMIT = 64 * 1024


async def sign_up(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Make a user and a session."""
    form, address = await read_form(request), caller_address(backend, request)
    key, replayed = idempotency_key(request), False
    if key:
        session, replayed = await signup_once.sign_up_once(backend.accounts, form, address, key)
    else:
        session = await signup.sign_up(backend.accounts, form, address)
    levels = "../v1" if request.is_alias else ".."  # up to the root, from the path that was asked for
    location = (b"location", f"{levels}/records/users/{session.user['id']}".encode())
    return json_answer(session, 201, [location, REPLAYED] if replayed else [location])


async def log_in(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Log in with e-mail and password."""
    return json_answer(await login.log_in(backend.accounts, await read_form(request), caller_address(backend, request)))


async def renew(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Renew a session with its refresh token."""
    return json_answer(await refresh.refresh(backend.accounts, await read_form(request)))


async def log_out(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """End the session."""
    await logout.log_out(backend.accounts, request.caller)
    return HttpAnswer(204, [], b"")


async def who_am_i(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The signed-in user's own record."""
    return HttpAnswer(200, [JSON, NO_STORE], (await me.me(backend.accounts, request.caller)).encode())


async def change_password(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Change one's own password."""
    await password.change_password(backend.accounts, request.caller, await read_form(request))
    return HttpAnswer(204, [], b"")


async def change_email(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Change one's own e-mail address; the record afterwards."""
    record = await email.change_email(backend.accounts, request.caller, await read_form(request))
    return HttpAnswer(200, [JSON, NO_STORE], record.encode())


async def delete_account(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Delete one's own account."""
    await deletion.delete_account(backend.accounts, request.caller, await read_form(request))
    return HttpAnswer(204, [], b"")


async def read_form(request: HttpRequest) -> dict[str, Any]:
    """The body of an account operation; one that is missing has no fields."""
    return (await request.json_object(_BODY_LIMIT, may_be_empty=True, setting=""))[0]
