"""`hinterland admin`: creates, lists and removes administrators, and sets passwords."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.cli.reaching import operations
from hinterland.contract.operations import path_of


def asked() -> str:
    """The password, typed twice; without a terminal, the command ends with how to pass it."""
    if not sys.stdin.isatty():
        fail("no password given and no terminal to ask on; set HINTERLAND_ADMIN_PASSWORD")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


async def create(email: str, password: str, data: Path, app: Path | None) -> None:
    """Create an administrator."""
    await _call(data, app, "admin.create", {"email": email, "password": password})
    print_result(f"Created administrator {email}. Log in with POST {path_of('admin.login')}.")


async def show(data: Path, app: Path | None) -> None:
    """List the administrators."""
    found = await _call(data, app, "admin.list")
    for item in found["items"]:
        print_result(f"{item['email']}  since {item['created_at'][:10]}")
    if not found["items"]:
        print_result("No administrators; create one with: hinterland admin create EMAIL")


async def remove(email: str, data: Path, app: Path | None, *, is_forced: bool) -> None:
    """Remove an administrator."""
    await _call(data, app, "admin.remove", {"email": email, "force": is_forced})
    print_result(f"Removed administrator {email}; all sessions of this account have ended.")


async def reset(email: str, password: str, data: Path, app: Path | None) -> None:
    """Set the password of an administrator or user."""
    await _call(data, app, "admin.password", {"email": email, "password": password})
    print_result(f"Password of {email} changed; all sessions of this account have ended.")


async def _call(data: Path, app: Path | None, operation: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    with error_boundary(app, data):
        async with operations(data, app) as ask:
            return await ask(operation, body)
