"""How large a run is: a small form within `make test`, the whole figure with `make figures`, where a person watches."""

from __future__ import annotations

import os
import random
import time
from typing import TypeVar

T = TypeVar("T")

IS_FULL = os.environ.get("FIGURES", "") not in ("", "0")
# The small form is the same each time, so that a failure says something of the change; the whole one looks further.
SEED = int(os.environ.get("SEED", "0")) or (random.SystemRandom().randrange(1, 2**31) if IS_FULL else 1)
SEEDS = int(os.environ.get("SEEDS", "20"))
_SAID_EVERY = 5.0  # seconds


def sized(quick: T, full: T) -> T:
    """`full` with `make figures`, else `quick`."""
    return full if IS_FULL else quick


def figure(line: str) -> None:
    """Print what a run has shown."""
    print(f"\n  = {line}", flush=True)


class Progress:
    """Says every few seconds how far a run has come; `done` of `total` of whatever `what` names."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._began = self._said = time.monotonic()
        print(f"\n  {what}: {total:,} (SEED={SEED})", flush=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def at(self, done: int, more: str = "") -> None:
        """Say it, unless it was said a moment ago."""
        if time.monotonic() - self._said >= _SAID_EVERY:
            self._said = time.monotonic()
            print(f"  {self._what}: {done:,} of {self._total:,} after {self.elapsed:.0f} s {more}", flush=True)
