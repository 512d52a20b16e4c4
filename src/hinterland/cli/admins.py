"""`hinterland admin`: through the running server, or directly where none runs."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.cli.reaching import backend, control, running
from hinterland.contract.operations import path_of

if TYPE_CHECKING:
    from hinterland.server.auth.parts import Accounts


def asked() -> str:
    """The password, typed twice; without a terminal, the command ends with how to pass it."""
    if not sys.stdin.isatty():
        fail("no password given and no terminal to ask on; set HINTERLAND_ADMIN_PASSWORD")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


async def create(email: str, password: str, data: Path, app: Path | None) -> None:
    """Create an administrator."""

    async def directly(accounts: Accounts) -> None:
        from hinterland.server.auth.admin_login import create_admin  # the running server has its own

        await create_admin(accounts, email, password)

    await _do(data, app, "admin.create", {"email": email, "password": password}, directly)
    print_result(f"Created administrator {email}. Log in with POST {path_of('admin.login')}.")


async def show(data: Path, app: Path | None) -> None:
    """List the administrators."""

    async def directly(accounts: Accounts) -> dict[str, Any]:
        from hinterland.server.auth.admin_list import list_admins

        return await list_admins(accounts)

    found = await _do(data, app, "admin.list", None, directly)
    for item in found["items"]:
        print_result(f"{item['email']}  since {item['created_at'][:10]}")
    if not found["items"]:
        print_result("No administrators; create one with: hinterland admin create EMAIL")


async def remove(email: str, data: Path, app: Path | None, *, is_forced: bool) -> None:
    """Remove an administrator."""

    async def directly(accounts: Accounts) -> None:
        from hinterland.server.auth.admin_remove import remove_admin

        await remove_admin(accounts, email, is_forced=is_forced)

    await _do(data, app, "admin.remove", {"email": email, "force": is_forced}, directly)
    print_result(f"Removed administrator {email}; all sessions of this account have ended.")


async def reset(email: str, password: str, data: Path, app: Path | None) -> None:
    """Set the password of an administrator or user."""

    async def directly(accounts: Accounts) -> None:
        from hinterland.server.auth.admin_password import reset_password

        await reset_password(accounts, email, password)

    await _do(data, app, "admin.password", {"email": email, "password": password}, directly)
    print_result(f"Password of {email} changed; all sessions of this account have ended.")


async def _do(
    data: Path,
    app: Path | None,
    operation: str,
    body: dict[str, Any] | None,
    directly: Callable[[Accounts], Awaitable[dict[str, Any] | None]],
) -> dict[str, Any]:
    with error_boundary(app, data):
        if (server := running(data, app)) is not None:
            async with control(*server) as ask:
                return await ask(path_of(operation), body)
        async with backend(data, app) as parts:
            return await directly(parts.accounts) or {}
