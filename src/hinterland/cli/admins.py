"""`hinterland admin`."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from hinterland.cli.output import fail, say, troubles
from hinterland.cli.reaching import backend, control, running
from hinterland.contract.operations import path_of


def asked() -> str:
    """The password that a person types twice; without a terminal, how to hand it over is said."""
    if not sys.stdin.isatty():
        fail("no password was given, and nobody is here to type one: hand it over as HINTERLAND_ADMIN_PASSWORD")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


async def create(email: str, password: str, data: Path, app: Path | None) -> None:
    """Make an administrator through the running server, or directly where none runs."""
    server = running(data)
    with troubles(app, data):
        if server is not None:
            async with control(*server) as post:
                await post(path_of("admin.create"), {"email": email, "password": password})
        else:
            from hinterland.server.auth.admin_login import create_admin  # the running server has its own

            async with backend(data, app) as parts:
                await create_admin(parts.accounts, email, password)
    say(f"Made the administrator {email}. Log in with POST {path_of('admin.login')}.")
