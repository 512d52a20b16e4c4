"""A bound on what callers can make a logger write."""

from __future__ import annotations

import logging


class LogLimit(logging.Filter):
    """Lets `lines` of a logger through in each minute; the next line after that minute says how many were left out."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self._minute = -1
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        minute = int(record.created // 60)
        if minute != self._minute:
            left_out = self._count - self._lines
            self._minute, self._count = minute, 0
            if left_out > 0:
                record.msg = f"{record.msg} ({left_out} lines like this were left out before)"
        self._count += 1
        return self._count <= self._lines
