"""A server as a process: started until it is ready, watched through /proc, and ended by its id."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
READY_WITHIN = 30.0  # seconds
STOPPED_WITHIN = 15.0


class ServerProcess:
    """A server that listens on `port` of 127.0.0.1 and answers 200 on `ready_path` as soon as it can work."""

    def __init__(
        self,
        command: list[str],
        port: int,
        ready_path: str,
        log: Path,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._command = command
        self._environment = os.environ | environment
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a start is measured with bytecode, as an installed one
        self._port = port
        self._ready_path = ready_path
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> float:
        """Starts it; answers the seconds until it was ready. Raises RuntimeError with its log where it never is."""
        began = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )
        while not self._is_ready():
            if self._process.poll() is not None or time.perf_counter() - began > READY_WITHIN:
                self.stop()
                raise RuntimeError(f"{self._command[0]} did not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.002)
        return time.perf_counter() - began

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough. Does nothing to one that does not run."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu_seconds(self) -> float:
        """User and system time that the process, its threads and its children have used since the start."""
        return sum(_ticks(pid) for pid in _family(self.pid)) * _TICK

    def resident_mib(self) -> float:
        """Resident memory of the process and its children now."""
        return sum(_resident_kib(pid) for pid in _family(self.pid)) / 1024

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", self._ready_path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(pid: int) -> list[int]:
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(member for child in children for member in _family(child))]


def _ticks(pid: int) -> int:
    # Fields 14 to 17 of stat(5); the name in field 2 may hold blanks, so the fields are counted from its end.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
