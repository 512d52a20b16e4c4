"""`hinterland serve --workers N`: one parent that keeps N server processes alive on one port.

On Linux each worker has a listening socket of its own, between which the kernel distributes connections
(SO_REUSEPORT); elsewhere all accept from one. The parent holds the sockets as well: a connection that comes while a
worker is being replaced waits for the new one. Parent and worker are connected by a pair of sockets: the worker reports
that it is ready, the parent lets it accept, and whichever ends is noticed by the other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from hinterland.cli.output import error_boundary, fail
from hinterland.cli.serving import ENDING, Serving, listen, prepared
from hinterland.cli.worker import GO, GREET, READY, run
from hinterland.kit.clock import SystemClock

log = logging.getLogger("hinterland")
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0  # seconds before a worker that ended is replaced
_STEADY_SECONDS = 60.0  # after which its end counts as the first
_CODE = "import sys; sys.path[:] = {path!r}; from {module} import {name}; {name}(sys.argv[1])"


class Worker:
    """One of the processes, over all its starts. `listener` is the socket that it accepts from."""

    def __init__(self, number: int, listener: socket.socket, arguments: dict[str, Any]) -> None:
        self.number = number
        self.listener = listener
        self._arguments = arguments
        self.process: asyncio.subprocess.Process | None = None
        self._channel: socket.socket | None = None

    async def start(self) -> bool:
        """Start a process and wait until it is ready; False where it ended before."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        files = (self.listener.fileno(), theirs.fileno())
        given = {**self._arguments, "number": self.number, "listener": files[0], "channel": files[1]}
        code = _CODE.format(path=sys.path, module=run.__module__, name=run.__name__)
        self._channel = ours
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", code, json.dumps(given), stdin=subprocess.DEVNULL, pass_fds=files,
            process_group=0,  # Ctrl+C in a terminal reaches the parent alone, which ends the workers
        )  # fmt: skip
        theirs.close()
        with suppress(OSError):
            return await asyncio.get_running_loop().sock_recv(ours, 1) == READY
        return False

    async def let_accept(self, *, greets: bool = False) -> None:
        """Let the process accept connections. `greets`: it prints what the server is and where."""
        if self._channel is not None:
            with suppress(OSError):  # it has just ended
                await asyncio.get_running_loop().sock_sendall(self._channel, GREET if greets else GO)

    async def ended(self) -> int:
        """The code with which the process ended, negative for a signal."""
        assert self.process is not None
        code = await self.process.wait()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        return code

    def send(self, number: int) -> None:
        """Send a signal to the process."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


class Supervisor:
    """Starts the workers, replaces those that end, and ends them all."""

    def __init__(self, workers: list[Worker], ending: tuple[signal.Signals, ...]) -> None:
        self._workers = workers
        self._ending = ending
        self._clock = SystemClock()
        self._stopped = asyncio.Event()

    async def run(self) -> int:
        """Until a signal, or until the first start fails; the exit code."""
        loop = asyncio.get_running_loop()
        for number in self._ending:
            if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` keeps a server alive behind its terminal
                loop.add_signal_handler(number, self._stop, number)
        first, *others = self._workers
        # The first makes what the database lacks, and what prevents a start is printed once.
        is_ready = await first.start() and all(await asyncio.gather(*(worker.start() for worker in others)))
        if not is_ready:
            code = 0 if self._stopped.is_set() else 1
            self._stop(signal.SIGTERM)
            await self._all_ended()
            return code
        for worker in self._workers:
            await worker.let_accept(greets=worker is first)
        keepers = [asyncio.create_task(self._keep(worker)) for worker in self._workers]
        await self._stopped.wait()
        await self._all_ended()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        return 0

    async def _all_ended(self) -> None:
        await asyncio.gather(*(worker.ended() for worker in self._workers if worker.process is not None))

    def _stop(self, number: int) -> None:
        """End all workers; a second SIGINT does not wait for their requests."""
        self._stopped.set()
        for worker in self._workers:
            worker.send(number)

    async def _keep(self, worker: Worker) -> None:
        """Replace a worker's process whenever it ends, later and later where it does so again and again."""
        delay, since = _FIRST_DELAY, self._clock.monotonic()
        while True:
            code = await worker.ended()
            if self._stopped.is_set():
                return
            if self._clock.monotonic() - since > _STEADY_SECONDS:
                delay = _FIRST_DELAY
            how = f"signal {-code}" if code < 0 else f"code {code}"
            log.error("worker %d ended with %s; restarting it in %g s", worker.number, how, delay)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), delay)
                return
            delay, since = min(2 * delay, _LONGEST_DELAY), self._clock.monotonic()
            if await worker.start():
                await worker.let_accept()
            if self._stopped.is_set():
                worker.send(signal.SIGTERM)


def serve_workers(serving: Serving, host: str, port: int) -> None:
    """Serve with several processes until a signal. An error at the start is one line and exit code 1."""
    with error_boundary(serving.app, serving.data):
        _check(serving.workers, prepared(serving).settings.database_url, serving.data)
        code = _supervise(serving, host, port)
    if code:
        raise click.exceptions.Exit(code)


def _supervise(serving: Serving, host: str, port: int) -> int:
    """The exit code, when all have ended."""
    shares, count = sys.platform == "linux", serving.workers
    if shares:
        listen(host, port).close()  # reports a port that another program has, which SO_REUSEPORT would share with it
    listeners = [listen(host, port, True) for _ in range(count)] if shares else [listen(host, port)] * count
    arguments = msgspec.to_builtins(serving, enc_hook=str)
    workers = [Worker(number, listeners[number - 1], arguments) for number in range(1, count + 1)]
    try:
        return asyncio.run(Supervisor(workers, ENDING).run())
    finally:
        for listener in listeners:
            listener.close()


def _check(count: int, database_url: str, data: Path) -> None:
    """Fail where several processes can't serve."""
    if not database_url:
        fail(
            f"--workers {count} needs PostgreSQL: the SQLite file in {data} is written by one process alone; set "
            "HINTERLAND_DATABASE_URL, or omit --workers"
        )
    if sys.platform == "win32":
        fail("--workers is not supported on Windows; start several servers, each with a --port of its own")
