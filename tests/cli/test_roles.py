"""`hinterland users` with a running server and without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.command import hinterland, reported
from tests.support.server import ServerProcess

ADA = "ada@example.org"


@pytest.mark.parametrize("is_running", [False, True])
def test_roles_from_beginning_to_end(
    server_process: Callable[..., ServerProcess], tmp_path: Path, is_running: bool
) -> None:
    """Roles are granted, listed and revoked, whether or not the server runs."""
    data = tmp_path / "data"
    server = server_process(data=data)
    form = {"name": "Ada", "email": ADA, "password": "correct horse"}
    assert httpx2.post(f"{server.url}/v1/auth/signup", json=form).status_code == 201
    if not is_running:
        server.terminate()
    assert "Nobody has roles" in hinterland("users", "roles", "--data", data).out
    assert hinterland("users", "grant", ADA, "editor", "--data", data).out == f"Roles of {ADA}: editor\n"
    assert hinterland("users", "grant", ADA, "author", "--data", data).out == f"Roles of {ADA}: author, editor\n"
    assert hinterland("users", "roles", "--data", data).out == f"{ADA}  author, editor\n"
    assert hinterland("users", "revoke", ADA, "editor", "--data", data).out == f"Roles of {ADA}: author\n"
    assert "no account has" in reported(hinterland("users", "grant", "nobody", "editor", "--data", data))
    assert "is not a role" in reported(hinterland("users", "grant", ADA, "a b", "--data", data))


def test_an_app_whose_rules_read_fields_of_the_caller(tmp_path: Path) -> None:
    """Without a server, an app that the stored declarations do not describe as a whole is opened by its file."""
    app, data = tmp_path / "app.py", tmp_path / "data"
    app.write_text(
        "from hinterland import App, Collection, Rules, Text, users\n"
        'people = users(fields={"plan": Text(write="admin")})\n'
        'guides = Collection(name="guides", fields={}, rules=Rules(list="auth.plan == \'pro\'"))\n'
        'app = App(collections=[people, guides], auth_fields=["plan"])\n'
    )
    assert "Nobody has roles" in hinterland("users", "roles", "--data", data, "--app", app).out
    assert "give it with --app" in reported(hinterland("users", "roles", "--data", data))
