"""`hinterland` as a process that runs to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.support.required import REQUIRE_ALL

LONGEST = 60.0  # seconds


class Ended:
    """How a command ended: its exit code, and what it said on both outputs."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __repr__(self) -> str:
        return f"code {self.code}\n{self.out}\n{self.err}"


def hinterland(*arguments: object, env: Mapping[str, str] | None = None, typed: str = "") -> Ended:
    """Run `hinterland` with the arguments; `typed` is what it reads."""
    command = [sys.executable, "-m", "hinterland", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200", **(env or {})}
    environment.pop(REQUIRE_ALL, None)  # ours, of which the program would warn
    return Ended(
        subprocess.run(
            command, input=typed, capture_output=True, text=True, check=False, timeout=LONGEST, env=environment
        )
    )


def reported(ended: Ended) -> str:
    """The one clear message of a command that could not do its work: no trace of the program, a code that is not 0."""
    assert ended.code not in (0, None), ended
    assert "Traceback" not in ended.out + ended.err, ended
    return ended.err
