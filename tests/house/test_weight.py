"""What an app carries when it imports the client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT, is_module
from tests.support.required import require

LIMIT = 0.150  # seconds of CPU
SERVER_MODULES = {"apsw", "argon2", "asyncpg", "click", "joserfc", "starlette", "uvicorn", "uvloop", "httptools"}
UNUSED_AT_START = {"html", "httpx2", "importlib.metadata", "pydantic", "rich", "zxcvbn"}
COMMAND_MODULES = {"click", "httptools", "rich", "uvicorn", "uvloop"}
FACES = ["hinterland", *(f"hinterland.{floor}" for floor in ("kit", "contract", "client", "server", "testing", "cli"))]
MEASURE = "import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
LOADED = "import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"


def run(code: str, **settings: str) -> str:
    """What a fresh interpreter, unmeasured by coverage and with these settings, prints for the code."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | settings
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after the statement."""
    return set(json.loads(run(LOADED.format(statement=statement))))


@pytest.fixture
def client_statement() -> str:
    """The import that every app makes."""
    require("the client", is_module("hinterland.client.client"))
    return "from hinterland.client import Client"


def test_the_client_is_imported_fast(client_statement: str, tmp_path: Path) -> None:
    """Importing the client takes under 150 ms of CPU, the best of six starts, of which all but the first find the
    bytecode that Python keeps, as an app's starts do."""
    kept = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    best = min(float(run(MEASURE.format(statement=client_statement), **kept)) for _ in range(6))
    assert best < LIMIT


def test_the_client_loads_no_server_module(client_statement: str) -> None:
    """Importing the client loads no module of the server and no library of it."""
    loaded = loaded_by(client_statement)
    assert SERVER_MODULES & {name.partition(".")[0] for name in loaded} == set()
    assert {name for name in loaded if name.startswith("hinterland.server")} == set()


def test_the_server_runs_under_any_web_server() -> None:
    """The application of the server loads no web server, nor what only commands need, and needs none installed."""
    absent = f"import sys; sys.modules.update(dict.fromkeys({sorted(COMMAND_MODULES)}))"
    loaded = loaded_by(f"{absent}; from hinterland.server import App, Server; import hinterland.server.operations")
    assert "hinterland.server.app" in loaded


def test_a_server_starts_with_what_it_uses() -> None:
    """`hinterland serve` loads no library that only other commands, rare requests or its errors need."""
    loaded = loaded_by("import hinterland.cli.serving")
    assert UNUSED_AT_START & loaded == set()


@pytest.mark.parametrize("face", FACES)
def test_a_face_loads_lazily(face: str) -> None:
    """Importing a package alone loads none of its modules: its names are fetched when they are first used."""
    inner = {name for name in loaded_by(f"import {face}") if name.startswith("hinterland.")}
    assert inner <= {face, "hinterland.kit", "hinterland.kit.lazy_face"}  # the last is what makes it lazy
