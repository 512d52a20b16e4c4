"""`python -m conformance [--out file.json]`: every suite, a line for each, and the report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from conformance import cel_simple, http_lint, websocket

SUITES = (cel_simple.run, http_lint.run, websocket.run)
"""Every suite. A further one is a module beside these, and its `run` stands here."""
LONG_SUITES = (websocket.run_compressed,)


def main() -> int:
    """Runs the suites. 0 where no case failed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description="Run the outside suites that apply.")
    parser.add_argument("--out", type=Path, help="the file that keeps the report, as JSON")
    parser.add_argument("--long", action="store_true", help="run those that take minutes, too")
    options = parser.parse_args()
    out: Path | None = options.out
    rows = [tally.as_row() for run in (*SUITES, *(LONG_SUITES if options.long else ())) for tally in run()]
    for row in rows:
        print("{suite}: {passed} of {total} passed, {failed} failed, {refused} refused with a reason".format(**row))
        for failure in row["failures"]:
            print(f"  failed: {failure}")
    print("A refused case is one that the project says it does not support; OUT=file.json keeps the reasons.")
    if out is not None:
        out.write_text(json.dumps(rows, indent=1))
    return 1 if any(row["failed"] for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
