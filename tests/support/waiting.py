"""Waiting until something is so, in tests of processes that tell nobody when it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.support.server import POLL_EVERY

_WITHIN = 20.0  # seconds


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until it is so; polls, and fails after a while, saying `what`."""
    deadline = time.monotonic() + _WITHIN
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, what
        pause.wait(POLL_EVERY)
