"""The outside suites run, and what they find is reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.cel_databases import databases, stored_forms
from conformance.tally import Tally
from hinterland.kit.cel.types import INT64, STRING, Environment, ListType
from tests.house.tree import ROOT
from tests.support.postgres import PostgresCluster
from tests.support.required import require_node

LEAST = {
    "cel-spec simple": 960,
    "cel-spec simple on SQLite": 790,
    "cel-spec simple on PostgreSQL": 790,
    "httplint": 48,
    "Autobahn": 230,
    "Autobahn, the client": 230,
}


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
    assert {name: row["failures"] for name, row in rows.items()} == {name: [] for name in LEAST}
    assert {name: row["passed"] for name, row in rows.items() if row["passed"] < LEAST[name]} == {}


def test_values_become_columns(postgres_cluster: PostgresCluster) -> None:
    """What databases are asked has the values of an expression in columns: all together, and each alone; a pattern,
    which must be a literal, stays. Both databases find what is wrong."""
    environment = Environment({"x": INT64, "names": ListType(STRING)})
    variables = {"x": "3", "names": ["abc"]}
    text = "x + 2 == 5 && names.exists(name, name.matches('^a') && size(name) == x)"
    found = [*stored_forms(text, environment, variables)]
    assert [each.columns for each in found[:2]] == [{"c0": (INT64, "3")}, {"c1": (INT64, 2)}]
    assert len(found[-1].columns) == 5
    with postgres_cluster.database() as dsn, databases(dsn) as asked:
        assert [database.answer(found[-1]) for database in asked] == [(True, True)] * 2
        for wrong in ("x + 2 == 6", "x / 0 == 5"):
            [*_, form] = stored_forms(wrong, environment, variables)
            answer = None if "/" in wrong else False
            assert [database.answer(form) for database in asked] == [(answer, False)] * 2


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
