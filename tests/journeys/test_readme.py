"""What the README shows is run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.server import ServerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


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


def test_the_client_of_the_readme_works_with_its_server(
    tmp_path: Path, server_process: Callable[..., ServerProcess]
) -> None:
    """The README's server starts, and its client signs up, keeps a note, hands it in and shows it."""
    app = tmp_path / "app.py"
    app.write_text(block("server"))
    client = tmp_path / "client.py"
    client.write_text(block("client"))
    server = server_process(app, tmp_path / "data")
    environment = {**os.environ, "API_URL": server.url}
    run = subprocess.run(
        [sys.executable, str(client)], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 0, run.stderr
    assert "applied" in run.stdout
    assert "['Works without a network']" in run.stdout
