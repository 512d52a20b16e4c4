"""`hinterland admin`."""

from __future__ import annotations

from pathlib import Path

from hinterland.cli.output import say, troubles
from hinterland.cli.reaching import backend, control, running
from hinterland.contract.operations import path_of


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
