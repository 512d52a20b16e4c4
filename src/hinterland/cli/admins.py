"""`hinterland admin`."""

from __future__ import annotations

from pathlib import Path

from hinterland.cli.output import fail, out
from hinterland.cli.reaching import TROUBLES, backend, control, running
from hinterland.contract.errors import Refusal
from hinterland.contract.operations import path_of
from hinterland.server.auth.admin_login import create_admin


async def create(email: str, password: str, data: Path, app: Path | None) -> None:
    """Make an administrator through the running server, or directly where none runs."""
    server = running(data)
    try:
        if server is not None:
            async with control(*server) as post:
                await post(path_of("admin.create"), {"email": email, "password": password})
        else:
            async with backend(data, app) as parts:
                await create_admin(parts.accounts, email, password)
    except Refusal as error:
        fail(error.message)
    except TROUBLES as error:
        fail(str(error))
    out.print(f"Made the administrator {email}. Log in with POST /v1/admin/login.")
