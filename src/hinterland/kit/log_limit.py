"""A bound on what callers can make a logger write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any


class LimitedLog(logging.LoggerAdapter[logging.Logger]):
    """Writes to `logger` at most `lines` in each minute; the next line after that minute says how many were left out.

    Each has a count of its own, however many write to one logger. `now` is in seconds.
    """

    def __init__(self, logger: logging.Logger, lines: int, now: Callable[[], float] = time.time) -> None:
        super().__init__(logger, {})
        self._lines = lines
        self._now = now
        self._minute = -1
        self._count = 0

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Write a line, if it is still within the bound."""
        minute = int(self._now() // 60)
        if minute != self._minute:
            left_out = self._count - self._lines
            self._minute, self._count = minute, 0
            if left_out > 0:
                msg = f"{msg} ({left_out} lines like this were left out before)"
        self._count += 1
        if self._count <= self._lines:
            super().log(level, msg, *args, **kwargs)
