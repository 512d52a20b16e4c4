"""Real data: the files that the package `vega_datasets` ships (its code is never imported; it would want pandas)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tests.support.required import require


def data_file(name: str) -> Path:
    """The path of a shipped file: `cars.json` has 406 rows, `airports.csv` 3,376. Skips where there is no package."""
    spec = find_spec("vega_datasets")
    require("vega_datasets", spec, "make test installs it")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "_data" / name
