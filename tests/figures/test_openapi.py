"""Everything that `/openapi.json` says, asked of a real server by schemathesis."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.figures.scale import SEED, figure, sized
from tests.house.tree import ROOT
from tests.support.command import hinterland
from tests.support.required import require
from tests.support.server import ServerProcess

EXAMPLES = sized(1, 90)  # of each operation and way to make them
PHASES = sized("coverage", "examples,coverage,fuzzing,stateful")
PATHS = sized("records/posts|auth/me|sync/pull", ".")
LEAST = sized({"tutorial": 200}, {"tutorial": 4_000, "shop": 6_000})  # 10,000 together
LONGEST = 1_800.0  # seconds
PASSWORD = "a long walk outside"
# So that most are not refused with a time to retry.
PATIENT = {f"HINTERLAND_AUTH_{name}": "1000000" for name in ("ACCOUNT_GUESSES", "ADDRESS_GUESSES", "ADDRESS_SIGNUPS")}


def tokens(server: ServerProcess) -> dict[str, str]:
    """The access tokens of a member and of an administrator."""
    made = hinterland("admin", "create", "ada@example.org", "--password", PASSWORD, "--data", server.data)
    assert made.code == 0, made
    with httpx2.Client(base_url=server.url) as client:
        member: Any = {"name": "Bob", "email": "member@example.org", "password": PASSWORD}
        admin = {"email": "ada@example.org", "password": PASSWORD}
        return {
            "MEMBER": client.post("/v1/auth/signup", json=member).json()["token"],
            "ADMIN": client.post("/v1/admin/login", json=admin).json()["token"],
        }


@pytest.mark.parametrize("name", sized(["tutorial"], ["tutorial", "shop"]))
def test_openapi(server_process: Callable[..., ServerProcess], tmp_path: Path, name: str) -> None:
    """schemathesis, every check, ≥ 10,000 cases: no failure. The stream of events, which does not end, is left out.

    The small form makes ≥ 200 cases, of three paths of one app and in one way.
    """
    program = Path(sys.executable).with_name("schemathesis")
    require("schemathesis", program.exists(), "make test installs it")
    server = server_process(ROOT / "examples" / name / "app.py", env=PATIENT)
    env = {**os.environ, **tokens(server), "API": server.url, "PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)}
    command = [
        str(program), "--config-file", str(ROOT / "tests" / "figures" / "schemathesis.toml"), "run",
        f"{server.url}/openapi.json", "--exclude-path", "/v1/events", "--include-path-regex", PATHS, "--no-color",
        "--phases", PHASES, "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--request-timeout", "20",
        "--output-sanitize", "false",
    ]  # fmt: skip
    env["SCHEMATHESIS_HOOKS"] = "tests.figures.openapi_hooks"
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=LONGEST)
    cases = re.search(r"(\d+) generated", done.stdout)
    figure(f"{name}, {PHASES}, seed {SEED}: {done.stdout.strip().splitlines()[-1].strip('= ')}, {cases and cases[0]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cases is not None
    assert int(cases[1]) >= LEAST[name]
    assert server.is_running
    assert "Traceback" not in server.log
