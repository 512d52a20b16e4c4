"""Administrators: log in, create, list, remove, and other people's passwords and roles."""

from __future__ import annotations

import operator
from typing import Any

from hinterland.contract.accounts import Administrator, RoleChange, Roles, RolesPage, RolesQuery, Session
from hinterland.contract.errors import invalid
from hinterland.server.auth import admin, roles
from hinterland.server.auth.forms import require
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call, FormFields, Reply


async def log_in(backend: Backend, call: Call[FormFields]) -> Session:
    """Log in as administrator."""
    return await admin.log_in(backend.accounts, call.input, call.address, call.user_agent)


async def create_admin(backend: Backend, call: Call[FormFields]) -> Reply:
    """Create another administrator."""
    form = _checked(call, "email", "password")
    id = await admin.create_admin(backend.accounts, form["email"], form["password"])
    return Reply(Administrator(id=id, email=form["email"]), place=f"/v1/admin/admins#{id}")


async def list_admins(backend: Backend, call: Call[None]) -> dict[str, Any]:
    """The administrators."""
    return await admin.list_admins(backend.accounts)


async def remove_admin(backend: Backend, call: Call[FormFields]) -> None:
    """Remove an administrator."""
    form = _checked(call, "email")
    if not isinstance(form.get("force", False), bool):
        raise invalid({"force": ["must be true or false"]})
    await admin.remove_admin(backend.accounts, form["email"], is_forced=form.get("force", False))


async def reset_password(backend: Backend, call: Call[FormFields]) -> None:
    """Set the password of a user or administrator."""
    form = _checked(call, "email", "password")
    await admin.reset_password(backend.accounts, form["email"], form["password"])


async def change_roles(backend: Backend, call: Call[RoleChange]) -> Roles:
    """Grant roles to an account and revoke others."""
    return await roles.change_roles(backend.accounts, call.input.user, call.input.grant, call.input.revoke)


async def list_roles(backend: Backend, call: Call[RolesQuery]) -> RolesPage:
    """The accounts that have roles."""
    return await roles.list_roles(backend.accounts, call.input.after)


def _checked(call: Call[FormFields], *names: str) -> FormFields:
    """The form, which has texts under `names`."""
    require(call.input, names, text=names, is_empty=operator.not_)  # what is blank has its own message
    return call.input
