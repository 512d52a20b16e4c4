"""The field trip that people watch, without the colours."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

from examples.shop.field_trip import Screen, trip
from tests.house.tree import ROOT
from tests.support.data import data_file


async def test_the_field_trip(tmp_path: Path) -> None:
    """Real data, a killed server, 200 edits and 50 new records offline: all arrive exactly once and in order, a second
    client sees each live without a gap, and what the rules refuse is held and holds nothing up."""
    assert data_file("cars.json").exists()
    screen = Screen(Console(file=StringIO(), width=160))
    await trip(tmp_path, screen)
    assert [(rule, seen) for rule, holds, seen in screen.checks if not holds] == []
    assert len(screen.checks) == 10


def test_the_field_trip_says_how_it_went() -> None:
    """Without its data the script starts nothing, ends with a code that is not 0, and says what to install."""
    code = "import sys; sys.modules['vega_datasets'] = None; sys.argv = ['field_trip.py']; import runpy;"
    code += "runpy.run_path('examples/shop/field_trip.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "vega-datasets" in done.stderr
    assert "A server starts" not in done.stdout
