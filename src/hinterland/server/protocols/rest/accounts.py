"""Accounts over HTTP: sign up, log in, refresh, log out, me."""

from __future__ import annotations

from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.server.addresses import caller_address
from hinterland.server.auth import admin_login, login, logout, me, refresh, signup
from hinterland.server.backend import Backend
from hinterland.server.http import JSON, NO_STORE, HttpAnswer, HttpRequest, json_answer

_BODY_LIMIT = 64 * 1024


async def sign_up(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Make a user and a session."""
    session = await signup.sign_up(backend.accounts, await _body(request), caller_address(backend, request))
    levels = "../v1" if request.is_alias else ".."  # up to the root, from the path that was asked for
    return json_answer(session, 201, [(b"location", f"{levels}/records/users/{session.user['id']}".encode())])


async def log_in(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Log in with e-mail and password."""
    return json_answer(await login.log_in(backend.accounts, await _body(request), caller_address(backend, request)))


async def admin_log_in(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Log in as administrator."""
    return json_answer(
        await admin_login.log_in(backend.accounts, await _body(request), caller_address(backend, request))
    )


async def create_admin(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Make another administrator."""
    if not request.caller.is_admin:
        raise Refusal("forbidden", "only an administrator makes another")
    body = await _body(request)
    email, password = body.get("email"), body.get("password")
    if not isinstance(email, str) or not isinstance(password, str):
        raise Refusal("invalid_body", "send {email, password}")
    id = await admin_login.create_admin(backend.accounts, email, password)
    return json_answer({"id": id, "email": email}, 201, [(b"location", f"admins#{id}".encode())])


async def renew(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Renew a session with its refresh token."""
    return json_answer(await refresh.refresh(backend.accounts, await _body(request)))


async def log_out(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """End the session."""
    await logout.log_out(backend.accounts, request.caller)
    return HttpAnswer(204, [], b"")


async def who_am_i(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The signed-in user's own record."""
    return HttpAnswer(200, [JSON, NO_STORE], (await me.me(backend.accounts, request.caller)).encode())


async def _body(request: HttpRequest) -> dict[str, Any]:
    return (await request.json_object(_BODY_LIMIT, may_be_empty=True, setting=""))[0]
