"""The shop, on a server whose clock a test can put forward: by the seconds that the file `SHOP_CLOCK_AHEAD` holds."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hinterland.kit.clock import SystemClock
from hinterland.server.declaration import load

_AHEAD = Path(os.environ["SHOP_CLOCK_AHEAD"])


def _ahead() -> float:
    return float(_AHEAD.read_text() or 0)


def _now(_: SystemClock) -> float:
    return time.time() + _ahead()


def _monotonic(_: SystemClock) -> float:
    return time.monotonic() + _ahead()


SystemClock.now = _now  # type: ignore[method-assign, assignment]
SystemClock.monotonic = _monotonic  # type: ignore[assignment]

app = load(Path(__file__).parents[3] / "examples" / "shop" / "app.py")
