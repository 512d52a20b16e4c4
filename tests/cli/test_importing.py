"""What `hinterland import` prints of rows that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from hinterland.cli.importing import ImportOptions, RowImport
from hinterland.cli.rows import RowFile
from hinterland.contract.imports import ImportResult, RefusedRow


async def refuse_all(rows: list[Any]) -> ImportResult:
    """Refuse every row for what it says."""
    return ImportResult(created=0, refused=[RefusedRow(row=n, message=row["why"]) for n, row in enumerate(rows)])


async def test_equal_reasons_are_listed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of rows that are refused for one reason the first three are listed and the others counted, so that a wrong name
    in the heading hides no other reason; beyond twenty reasons rows are only counted."""
    reasons = ["colour"] * 60 + ["name"] + [f"other {n}" for n in range(30)]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(f'{{"why": "{reason}"}}' for reason in reasons))
    run = RowImport(ImportOptions("things", file), RowFile(file))
    await run.run(refuse_all)
    with pytest.raises(click.exceptions.Exit):
        run.report()
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if "importing" not in line]
    assert lines[:4] == [*(f"line {n}: colour" for n in (1, 2, 3)), "line 61: name"]
    assert lines[4:22] == [f"line {62 + n}: other {n}" for n in range(18)]
    assert lines[22:24] == ["… and 57 more: colour", "… and 12 for other reasons"]
    assert "refused 91" in out
