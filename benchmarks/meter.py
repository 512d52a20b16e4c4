"""What a measurement used: the server's CPU and memory, and the CPU that others took from the machine meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import ServerProcess

CORES = os.cpu_count() or 1
_TICK = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """`elapsed` seconds; `server` and `others` are CPU seconds, `resident_mib` the server's memory at the end.

    `others` is what neither the server nor this process used: much of it means that the figures are too high.
    """

    elapsed: float
    server: float
    others: float
    resident_mib: float


class Meter:
    """Counts from when it is made until `stop`."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process
        self._began = time.perf_counter()
        self._before = self._now()

    def stop(self, elapsed: float | None = None) -> Usage:
        """What was used; `elapsed` where the work's own time is shorter than the meter's."""
        server, machine, own = (now - before for now, before in zip(self._now(), self._before, strict=True))
        passed = elapsed if elapsed is not None else time.perf_counter() - self._began
        return Usage(passed, server, max(0.0, machine - server - own), self._process.resident_mib())

    def _now(self) -> tuple[float, float, float]:
        return self._process.cpu_seconds(), _busy_seconds(), time.process_time()


def _busy_seconds() -> float:
    # user, nice, system, idle, iowait, irq, softirq (proc(5)); a guest's time is part of user's already.
    user, nice, system, _, _, irq, soft = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    return sum(map(int, (user, nice, system, irq, soft))) * _TICK
