"""The TypeScript client, by its own tools: its tests against real servers, its types, and what is published."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.support.npm import building, install
from tests.support.required import require_node

CLIENT = ROOT / "clients" / "typescript"
REFERENCE = ROOT / "docs" / "typescript-reference"
WITHIN = 900.0  # seconds; two cores may be busy


@pytest.mark.slow
@pytest.mark.parametrize("script", ["test", "test:sqlite", "typecheck", "package"])
def test_the_package(script: str) -> None:
    """The package passes its tests and strict type checks, and what is published is read by Node and bundlers alike;
    its tests in Chromium are run by `tests/journeys`."""
    require_node()
    env = {**os.environ, "PYTHON": sys.executable}
    install(CLIENT)
    with building(CLIENT) if script == "package" else nullcontext():
        done = subprocess.run(
            ["npm", "run", script],
            cwd=CLIENT,
            env=env,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_the_reference(tmp_path: Path) -> None:
    """Everything that the package exports has a comment, and the committed reference is what `make reference` makes of
    them."""
    require_node()
    install(CLIENT)
    install(CLIENT / "reference")
    done = subprocess.run(
        ["node_modules/.bin/typedoc", "--out", str(tmp_path)],
        cwd=CLIENT / "reference",
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_text() for file in REFERENCE.iterdir()}, "run: make reference"
