"""What callers can make a logger write is bounded."""

from __future__ import annotations

import logging

import pytest

from hinterland.kit.log_limit import LimitedLog


class Lines:
    """A bounded log, its clock turned by hand, and what is written of it."""

    def __init__(self, caplog: pytest.LogCaptureFixture, lines: int) -> None:
        self._caplog = caplog
        self._at = 0.0
        self._log = LimitedLog(logging.getLogger("test.lines"), lines, lambda: self._at)

    def written(self, *times: float) -> list[str]:
        """The messages that pass of those logged at these times, in seconds."""
        self._caplog.clear()
        for number, self._at in enumerate(times):
            self._log.warning("refused %d", number)
        return list(self._caplog.messages)


def test_lines_of_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """So many lines pass in a minute; the first after it says how many did not, and the count begins anew."""
    lines = Lines(caplog, 2)
    assert lines.written(0, 1, 2, 3, 59) == ["refused 0", "refused 1"]
    assert lines.written(60, 61, 62) == ["refused 0 (3 lines like this were left out before)", "refused 1"]
    assert lines.written(200) == ["refused 0 (1 lines like this were left out before)"]
    assert lines.written(260) == ["refused 0"]


def test_servers_of_one_process(caplog: pytest.LogCaptureFixture) -> None:
    """Two servers in a process have a bound each: what callers of one are refused hides nothing of the other's."""
    first, second = Lines(caplog, 1), Lines(caplog, 1)
    assert first.written(0, 1, 2) == second.written(0, 1, 2) == ["refused 0"]
