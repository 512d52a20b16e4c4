"""The TypeScript client beside the Python client, on inputs that nobody has written."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.figures.scale import IS_FULL, SEED
from tests.support.npm import install
from tests.support.required import require_node
from tests.vectors.making import ROOT, drawn_inputs, texts

CLIENT = ROOT / "clients" / "typescript"
FILTERS, OTHERS = (100, 20) if IS_FULL else (5, 1)  # times as many as in the files of vectors


@pytest.mark.slow
def test_both_clients_do_the_same(tmp_path: Path) -> None:
    """On 1,000 drawn filters and records (in full, 20,000), and on drawn writes, merges and values, the TypeScript
    client's results are those of the Python client: 0 differences."""
    require_node()
    install(CLIENT)
    drawn = drawn_inputs(str(SEED), str(OTHERS)) | drawn_inputs(str(SEED + 1), str(FILTERS), "expressions")
    assert len(drawn["expressions"]) >= 900
    made = texts(drawn)
    for topic, text in made.items():
        (tmp_path / f"{topic}.json").write_text(text)
    done = subprocess.run(
        ["npx", "vitest", "run", "tests/contract/vectors.test.ts"],
        cwd=CLIENT,
        env={**os.environ, "VECTORS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    counts = {topic: len(json.loads(text)["cases"]) for topic, text in made.items()}
    print(f"seed {SEED}: {counts}")
    assert done.returncode == 0, f"{counts}\n{done.stdout}\n{done.stderr}"
