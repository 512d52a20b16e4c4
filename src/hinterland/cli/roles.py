"""`hinterland users`: grants and revokes roles, and lists them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hinterland.cli.output import error_boundary, print_result
from hinterland.cli.reaching import operations


async def change(
    user: str, data: Path, app: Path | None, *, grant: Sequence[str] = (), revoke: Sequence[str] = ()
) -> None:
    """Grant roles and revoke others."""
    with error_boundary(app, data):
        async with operations(data, app) as ask:
            after = await ask("admin.roles.change", {"user": user, "grant": grant, "revoke": revoke})
    print_result(f"Roles of {user}: {', '.join(after['roles']) or 'none'}")


async def show(data: Path, app: Path | None) -> None:
    """List the accounts that have roles."""
    after, count = "", 0
    with error_boundary(app, data):
        async with operations(data, app) as ask:
            while True:
                page = await ask("admin.roles", {"after": after})
                for item in page["items"]:
                    print_result(f"{item['email'] or item['id']}  {', '.join(item['roles'])}")
                count += len(page["items"])
                if not (after := page["next"]):
                    break
    if not count:
        print_result("Nobody has roles; grant one with: hinterland users grant EMAIL ROLE")
