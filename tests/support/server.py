"""`hinterland serve` as a real process: started, asked, terminated, killed and started again."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import free_port

READY_WITHIN = 20.0  # seconds; a start takes well under one, but two cores may be busy
POLL_EVERY = 0.02


class NotReady(AssertionError):
    """The server ended, or did not answer /readyz in time; the message carries its log."""


class ServerProcess:
    """One `hinterland serve APP --data DIR --port PORT` on 127.0.0.1. As a context it starts, and ends by SIGTERM.

    `app` is the app file, or None for an empty backend; `env` is added to the environment of this process; `arguments`
    follow the usual ones. The port stays the same over a restart. `log` is all that was printed so far, over restarts.
    """

    def __init__(
        self,
        app: Path | None,
        data: Path,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.app = app
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = data.with_name(f"{data.name}-{self.port}.log")
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """The command line, run by the interpreter of the tests."""
        app = [] if self.app is None else [str(self.app)]
        place = ["--data", str(self.data), "--port", str(self.port)]
        return [sys.executable, "-m", "hinterland", "serve", *app, *place, *self._arguments]

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the last start."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything that the server has printed, over all its starts."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        assert not self.is_running, "the server runs already"
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._env
            )

    def start(self, within: float = READY_WITHIN) -> Self:
        """Starts the process and returns as soon as /readyz answers 200. `within`: seconds."""
        self.launch()
        deadline = time.monotonic() + within
        while not self.is_ready():
            if self._has_ended_within(POLL_EVERY):
                raise NotReady(f"the server ended with code {self.process.returncode}:\n{self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise NotReady(f"the server was not ready within {within} s:\n{self.log}")
        return self

    def is_ready(self) -> bool:
        """Whether /readyz answers 200 now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait(self, within: float = READY_WITHIN) -> int:
        """Waits until the process has ended by itself; answers its exit code."""
        return self.process.wait(within)

    def terminate(self, within: float = READY_WITHIN) -> int:
        """SIGTERM, then waits for the clean end; answers the exit code. One that hangs is killed: an error."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9, and waits until the process is gone."""
        self.process.kill()
        self.process.wait()

    def restart(self, within: float = READY_WITHIN) -> Self:
        """Starts it again on the same data and port; one that still runs is terminated first."""
        if self.is_running:
            self.terminate()
        return self.start(within)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running:
            self.terminate()

    def _has_ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True
