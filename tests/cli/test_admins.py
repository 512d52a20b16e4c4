"""`hinterland admin` with a running server and without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.command import Ended, hinterland, reported
from tests.support.server import ServerProcess

Serve = Callable[..., ServerProcess]
ONE, TWO = "one@example.org", "two@example.org"
PASSWORD, NEW = "correct horse 7", "another horse 8"


def admin(data: Path, *arguments: object, password: str = "") -> Ended:
    """The command, with a password as a script hands it over."""
    return hinterland("admin", *arguments, "--data", data, env={"HINTERLAND_ADMIN_PASSWORD": password})


def typed_on_a_terminal(data: Path, *answers: tuple[str, str]) -> tuple[int, str]:
    """The exit code of `admin create` and what its terminal showed; each answer is typed once its question is there."""
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "hinterland", "admin", "create", ONE, "--data", str(data)]
    process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    shown = ""
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        for question, answer in answers:
            asked = len(shown)
            while question not in shown[asked:]:
                shown += screen.read(1000).decode()
            os.write(terminal, f"{answer}\n".encode())
        try:
            while part := screen.read(1000):
                shown += part.decode()
        except OSError:  # Linux: the other end is closed
            pass
    return process.wait(), shown


@pytest.mark.parametrize("is_running", [False, True])
def test_administrators_from_beginning_to_end(server_process: Serve, tmp_path: Path, is_running: bool) -> None:
    """Administrators are made, listed, given another password and removed, whether or not the server runs; the last
    one goes only if that is forced."""
    data = tmp_path / "data"
    server = server_process(data=data)
    if not is_running:
        server.terminate()
    assert "No administrators" in admin(data, "list").out
    for email in (ONE, TWO):
        assert admin(data, "create", email, password=PASSWORD).code == 0
    listed = admin(data, "list")
    assert [line.split()[0] for line in listed.out.splitlines()] == [ONE, TWO]
    assert "sessions of this account have ended" in admin(data, "password", ONE, password=NEW).out
    assert "Removed" in admin(data, "remove", TWO).out
    assert "last administrator" in reported(admin(data, "remove", ONE))
    assert "--force" in reported(admin(data, "remove", ONE))
    assert "is not an administrator" in reported(admin(data, "remove", TWO))
    if not is_running:
        server.start()
    for password, status in ((PASSWORD, 401), (NEW, 200)):
        form = {"email": ONE, "password": password}
        assert httpx2.post(f"{server.url}/v1/admin/login", json=form).status_code == status
    assert admin(data, "remove", ONE, "--force").code == 0
    assert "No administrators" in admin(data, "list").out


def test_a_password_that_never_logs_in(tmp_path: Path, server_process: Serve) -> None:
    """A password of blanks, which nobody could log in with, is refused when it is given."""
    server_process(data=tmp_path / "data").terminate()
    assert "must not be blank" in reported(admin(tmp_path / "data", "create", ONE, password=" " * 12))
    assert "No administrators" in admin(tmp_path / "data", "list").out


def test_a_password_is_asked_for(tmp_path: Path, server_process: Serve) -> None:
    """On a terminal a password that is not given is asked for twice, until both are equal, and is not shown."""
    server_process(data=tmp_path / "data").terminate()
    first, again = ("Password", PASSWORD), ("Repeat", PASSWORD)
    code, shown = typed_on_a_terminal(tmp_path / "data", first, ("Repeat", NEW), first, again)
    assert code == 0
    assert "do not match" in shown
    assert f"Created administrator {ONE}" in shown
    assert PASSWORD not in shown
    assert NEW not in shown


def test_a_password_without_a_terminal(tmp_path: Path) -> None:
    """Where nobody can be asked, the message names the variable that passes a password."""
    assert "set HINTERLAND_ADMIN_PASSWORD" in reported(admin(tmp_path, "create", ONE))
