"""What the README shows is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.required import require_program
from tests.support.server import ServerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NOTES_ADDRESS = "http://127.0.0.1:8001"


def block(name: str) -> str:
    """The README's code block of that name."""
    found = re.search(rf"```python {name}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", ["server", "client"])
def test_the_examples_are_about_fifteen_lines(name: str) -> None:
    """An example that is called 15 lines has no more, blank lines and its imports aside."""
    lines = [line for line in block(name).splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 15


def run_client(folder: Path, server: ServerProcess) -> str:
    """Run the README's client against `server`; what it prints."""
    client = folder / "client.py"
    client.write_text(block("client").replace(NOTES_ADDRESS, server.url))
    run = subprocess.run([sys.executable, str(client)], cwd=folder, capture_output=True, text=True, timeout=30)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def test_the_readme_in_its_own_order(tmp_path: Path, server_process: Callable[..., ServerProcess]) -> None:
    """The README's server runs beside the shop, on the port that its client names; the client works with it, without
    it, and with it again, when everything has arrived."""
    assert f"serve app.py --port {NOTES_ADDRESS.rpartition(':')[2]}" in README
    server_process(ROOT / "examples" / "shop" / "app.py", tmp_path / "shop")
    app = tmp_path / "app.py"
    app.write_text(block("server"))
    server = server_process(app, tmp_path / "data")
    note = "'Works without a network'"
    first = run_client(tmp_path, server)
    assert f"[{note}]" in first
    assert "applied" in first
    server.terminate()
    second = run_client(tmp_path, server)
    assert f"[{note}, {note}]" in second
    assert "applied" not in second
    server.start()
    third = run_client(tmp_path, server)
    assert f"[{note}, {note}, {note}]" in third
    assert "applied" in third
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        form = {"email": "ada@example.org", "password": "7 lean oysters"}
        token = http.post("/v1/auth/login", json=form).json()["access_token"]
        listed = http.get("/v1/records/notes", headers={"Authorization": f"Bearer {token}"}).json()
    assert len(listed["items"]) == 3


@pytest.mark.parametrize("page", ["client.md", "http.md"])
def test_the_pages_call_the_notes_of_the_readme(page: str) -> None:
    """A page whose examples use the README's notes calls the port that the README serves them on, not the shop's."""
    text = (ROOT / "docs" / page).read_text()
    called = re.findall(r'(?:Client\("|^B=)(http://[^"\s]+)', text, re.MULTILINE)
    assert {address for address in called if address != "http://127.0.0.1"} == {NOTES_ADDRESS}


def test_the_data_folder_ignores_itself(tmp_path: Path, server_process: Callable[..., ServerProcess]) -> None:
    """A data folder inside a project is no change for git: nobody commits people's data and keys by mistake."""
    git = require_program("git", "install git")
    app = tmp_path / "app.py"
    app.write_text(block("server"))
    subprocess.run([git, "init", "--quiet", str(tmp_path)], check=True)
    server_process(app, tmp_path / "data")
    command = [str(git), "status", "--porcelain", "--", "app.py", "data"]
    reported = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (tmp_path / "data" / "data.db").exists()
    assert reported.stdout == "?? app.py\n"
