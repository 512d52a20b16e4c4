"""Runs a scenario of `run.mjs` and hears its steps, JSON lines, as they happen."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Timer
from typing import Any

from tests.journeys.page.host import WEB
from tests.support.required import require_chromium, require_node

_SCRIPT = Path(__file__).with_name("run.mjs")
_WITHIN = 180.0  # seconds for a whole scenario
PASSED = "passed"


def require_browser() -> tuple[Path, Path]:
    """Node and Chromium (`CHROMIUM` may name another one); skips the test where one is missing."""
    node = require_node()
    named = os.environ.get("CHROMIUM")
    return node, Path(named) if named else require_chromium()


def run_scenario(
    name: str, *, page: str, api: str, screenshots: Path, asked: Mapping[str, Callable[[], object]] | None = None
) -> dict[str, str]:
    """What became of each step, in order: "passed", or what went wrong (the steps after it did not run).

    `asked` holds what the scenario may ask for, such as stopping the server. `SCREENSHOTS` in the environment names
    a folder for pictures of every screen; without it there are only pictures of what failed.
    """
    node, chromium = require_browser()
    wanted = os.environ.get("SCREENSHOTS")
    folder = Path(wanted or screenshots) / name
    setting = {
        "page": page,
        "api": api,
        "web": WEB,
        "chromium": chromium,
        "screenshots": folder,
        "pictures": bool(wanted),
    }
    words = [str(node), str(_SCRIPT), name, json.dumps(setting, default=str)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        limit = Timer(_WITHIN, process.kill)
        limit.start()
        try:
            return _hear(process, name, asked or {})
        finally:
            limit.cancel()
            process.kill()


def _hear(process: subprocess.Popen[str], name: str, asked: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    assert process.stdin is not None
    assert process.stdout is not None
    outcomes: dict[str, str] = {}
    for line in process.stdout:
        said = json.loads(line)
        if "ask" in said:
            asked[said["ask"]]()
            process.stdin.write("done\n")
            process.stdin.flush()
        else:
            outcomes[said["step"]] = _outcome(said)
            print(f"{name}: {said['step']}: {outcomes[said['step']]}", flush=True)
    return outcomes


def _outcome(said: dict[str, Any]) -> str:
    return PASSED if said["ok"] else f"{said['detail']}\npictures: {', '.join(said['pictures'])}"
