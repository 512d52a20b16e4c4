"""What callers can make a logger write is bounded."""

from __future__ import annotations

import logging

from hinterland.kit.log_limit import LogLimit


def written(limit: LogLimit, *times: float) -> list[str]:
    """The messages that pass of those logged at these times, in seconds."""
    messages = []
    for number, at in enumerate(times):
        record = logging.LogRecord("name", logging.WARNING, __file__, 1, "refused %d", (number,), None)
        record.created = at
        if limit.filter(record):
            messages.append(record.getMessage())
    return messages


def test_lines_of_a_minute() -> None:
    """So many lines pass in a minute; the first after it says how many did not, and the count begins anew."""
    limit = LogLimit(2)
    assert written(limit, 0, 1, 2, 3, 59) == ["refused 0", "refused 1"]
    assert written(limit, 60, 61, 62) == ["refused 0 (3 lines like this were left out before)", "refused 1"]
    assert written(limit, 200) == ["refused 0 (1 lines like this were left out before)"]
    assert written(limit, 260) == ["refused 0"]
