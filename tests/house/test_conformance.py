"""The outside suites run, and what they find is reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.tally import Tally
from tests.house.tree import ROOT
from tests.support.required import require_node


@pytest.mark.slow
def test_no_outside_suite_fails(tmp_path: Path) -> None:
    """`python -m conformance --out FILE` runs every suite and reports each; none has a case with a wrong result, and
    what is refused has a reason."""
    require_node()
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "conformance", "--out", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows: dict[str, dict[str, Any]] = {row["suite"]: row for row in json.loads(file.read_text())}
    assert all(row["passed"] + row["failed"] + row["refused"] == row["total"] for row in rows.values())
    assert {name: row["failures"] for name, row in rows.items()} == {"cel-spec simple": [], "httplint": []}
    assert rows["cel-spec simple"]["passed"] >= 900
    assert rows["httplint"]["passed"] >= 48


def test_a_failure_is_reported() -> None:
    """A case with a wrong result counts as failed, and is named; one that is refused counts apart."""
    tally = Tally("some")
    tally.passes()
    tally.fails("1 + 1 is 3")
    tally.refuses("no maps")
    tally.refuses("no maps")
    row = tally.as_row()
    assert (row["passed"], row["failed"], row["refused"], row["total"]) == (1, 1, 2, 4)
    assert (row["failures"], row["refusals"]) == (["1 + 1 is 3"], {"no maps": 2})
