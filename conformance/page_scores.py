"""`python -m conformance.page_scores`: Lighthouse on every screen of the example shop; at least 95 each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.npm import install
from tests.support.required import require_chromium, require_node
from tests.support.server import ServerProcess

LEAST = 95
_SHOP = Path(__file__).parents[1] / "examples" / "shop"
_RUNNER = Path(__file__).with_name("lighthouse")


def main() -> int:
    """Prints a line for each screen. 0 where no category is below the least, else 1."""
    install(_RUNNER)
    with tempfile.TemporaryDirectory() as folder:
        page = ("--static", str(_SHOP / "page"))
        with ServerProcess(_SHOP / "app.py", Path(folder) / "data", arguments=page) as server:
            _fill_shelves(server)
            return _measure(server.url)


def _fill_shelves(server: ServerProcess) -> None:
    place = ("--data", str(server.data), "--app", str(server.app))
    words = [sys.executable, "-m", "hinterland", "import", "products", str(_SHOP / "products.json"), *place]
    subprocess.run(words, check=True, capture_output=True)


def _measure(url: str) -> int:
    words = [str(require_node()), str(_RUNNER / "run.mjs"), url, str(require_chromium())]
    is_good = True
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            row = json.loads(line)
            scores = ", ".join(f"{name} {score}" for name, score in row["scores"].items())
            print(f"{row['screen']} ({row['visitor']}, {row['device']}): {scores}", flush=True)
            if min(row["scores"].values()) < LEAST:
                is_good = False
                print(*(f"  {fault}" for fault in row["faults"]), sep="\n", flush=True)
    return 0 if is_good and process.returncode == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
