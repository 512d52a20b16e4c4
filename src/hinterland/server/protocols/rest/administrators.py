"""Administrators over HTTP: log in, create, list, remove, and other people's passwords."""

from __future__ import annotations

from typing import Any

from hinterland.contract.errors import invalid
from hinterland.server.addresses import caller_address
from hinterland.server.auth import admin_list, admin_login, admin_password, admin_remove
from hinterland.server.auth.forms import require
from hinterland.server.backend import Backend
from hinterland.server.http import HttpAnswer, HttpRequest, json_answer
from hinterland.server.protocols.rest.accounts import read_form


async def log_in(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Log in as administrator."""
    form = await read_form(request)
    return json_answer(await admin_login.log_in(backend.accounts, form, caller_address(backend, request)))


async def create_admin(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Make another administrator."""
    form = await _form(request, "email", "password")
    id = await admin_login.create_admin(backend.accounts, form["email"], form["password"])
    return json_answer({"id": id, "email": form["email"]}, 201, [(b"location", f"admins#{id}".encode())])


async def list_admins(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The administrators."""
    return json_answer(await admin_list.list_admins(backend.accounts))


async def remove_admin(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Remove an administrator."""
    form = await _form(request, "email")
    if not isinstance(form.get("force", False), bool):
        raise invalid({"force": ["must be true or false"]})
    await admin_remove.remove_admin(backend.accounts, form["email"], is_forced=form.get("force", False))
    return HttpAnswer(204, [], b"")


async def reset_password(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Set the password of a user or administrator."""
    form = await _form(request, "email", "password")
    await admin_password.reset_password(backend.accounts, form["email"], form["password"])
    return HttpAnswer(204, [], b"")


async def _form(request: HttpRequest, *names: str) -> dict[str, Any]:
    """The body of an administrator's request, with texts under `names`."""
    form = await read_form(request)
    require(form, names, text=names)
    return form
