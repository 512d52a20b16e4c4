"""`hinterland serve`, from the app file to a clean end."""

from __future__ import annotations

import asyncio
import gc
import logging
import shlex
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import click
import msgspec
import uvicorn

from hinterland.cli.output import command, error_boundary, fail, print_result
from hinterland.cli.reaching import app_of
from hinterland.server.app import Server, storage_for
from hinterland.server.backend import Backend
from hinterland.server.declaration import App
from hinterland.server.middleware.requests import RequestLog
from hinterland.server.protocols.http1.support import connection_class
from hinterland.server.settings import unknown_variables

log = logging.getLogger("hinterland")
DRAIN_SECONDS = 10
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Uvicorn(uvicorn.Server):
    """Ends on SIGTERM, SIGINT or SIGHUP with code 0: streams are closed, and requests in flight finish."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self.hinterland = server

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        # A signal that is ignored stays ignored: `nohup` keeps a server alive behind its terminal.
        numbers = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.hinterland.close_streams()
        patience = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            patience.cancel()

    def _cut_off(self) -> None:
        """Close the remaining connections, also those that wait for the rest of a body."""
        connections = [*self.server_state.connections]
        log.warning("closed connections whose requests did not finish in time: %d", len(connections))
        for connection in connections:
            connection.transport.abort()


class Serving(msgspec.Struct, frozen=True):
    """What `hinterland serve` is asked for, beside the address: the app file and the data folder, the page's folder in
    place of the setting, and the number of processes."""

    app: Path | None
    data: Path
    static: str | None = None
    logs_requests: bool = False
    workers: int = 1


def serve(serving: Serving, host: str, port: int) -> None:
    """Serve in this process until a signal. An error at the start is one line and exit code 1."""
    with error_boundary(serving.app, serving.data):
        _run(prepared(serving), serving, listen(host, port))


def prepared(serving: Serving) -> App:
    """The app, in a process that is ready to serve it or to start others that do."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    app = _app(serving)
    for name in unknown_variables():
        log.warning("unknown setting %s ignored; check its spelling", name)
    _raise_file_limit()
    return app


def serve_on(listener: socket.socket, serving: Serving, wait: Callable[[], Awaitable[bool]]) -> None:
    """Serve as one of several processes on a socket that listens already. `wait` returns when this process may accept
    connections, and whether it greets."""
    with error_boundary(serving.app, serving.data):
        _run(_app(serving), serving, listener, wait)


def _run(
    app: App, serving: Serving, listener: socket.socket, wait: Callable[[], Awaitable[bool]] | None = None
) -> None:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(app, serving, listener, wait))


def _app(serving: Serving) -> App:
    app = app_of(serving.app)
    _take_static(app, serving.static, serving.app)
    return app


def _take_static(app: App, static: str | None, path: Path | None) -> None:
    """Check the page's folder before anything is opened: also that it does not publish the app file."""
    if static is not None:
        if not static:
            fail("--static is empty; give the folder of the built web page, or omit the option")
        app.settings = msgspec.structs.replace(app.settings, static=static)
    if app.settings.static:
        from hinterland.server.protocols.static.site import check_static  # which most servers don't need

        check_static(app.settings.static, [path] if path is not None else [])


def _raise_file_limit() -> None:
    """Let this process have as many files and connections as the machine allows it."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.warning("cannot raise the limit of open files from %d: %s; raise it with ulimit -n", soft, error)
    else:
        log.info("raised the limit of open files from %d to %d", soft, hard)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def listen(host: str, port: int, shares_port: bool = False) -> socket.socket:
    """A listening socket, which with `shares_port` lets others listen on the port too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shares_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        fail(f"cannot bind {host}:{port}: {cause}; choose another address with --port or --host")
    listener.setblocking(False)
    return listener


async def _serve(
    app: App, serving: Serving, listener: socket.socket, wait: Callable[[], Awaitable[bool]] | None
) -> None:
    storage = storage_for(app.settings, serving.data)
    server = Server(app, storage, is_local=ip_address(listener.getsockname()[0]).is_loopback)
    connection = connection_class()  # which makes WebSockets itself
    config = uvicorn.Config(
        RequestLog(server) if serving.logs_requests else server,
        lifespan="off", access_log=False, log_config=None, log_level="warning", server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS + 1, timeout_keep_alive=75, proxy_headers=False,
        h11_max_incomplete_event_size=64 * 1024, http=connection or "h11", ws="none" if connection else "auto",
    )  # fmt: skip
    async with server.running() as backend:
        storage.announce(url=_url(listener), control=backend.control.decode())
        if wait is None or await wait():
            _greet(backend, listener, serving)
        gc.freeze()  # what a start makes stays: collections need not look at it
        gc.set_threshold(50_000, 20, 100)
        await _Uvicorn(config, server).serve([listener])


def _url(listener: socket.socket) -> str:
    """Where this machine reaches it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _reaching(listener: socket.socket) -> list[tuple[str, str]]:
    """What is listened on, and by which address others reach it, where that is more than this machine's loopback."""
    host, port = listener.getsockname()[:2]
    address = ip_address(host)
    if address.is_loopback:
        return []
    shown = f"[{host}]:{port}" if address.version == 6 else f"{host}:{port}"
    if not address.is_unspecified:
        return [("listens on", shown)]
    lines = [("listens on", f"{shown}, every address of this machine")]
    own = _own_address(listener.family)
    return [*lines, ("from others", f"http://{f'[{own}]' if ':' in own else own}:{port}")] if own else lines


def _own_address(family: int) -> str:
    """The address that this machine has in its network; "" where it has none. No packet is sent."""
    documentation = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((documentation, 9))
        except OSError:
            return ""
        own = str(probe.getsockname()[0])
    return "" if ip_address(own.partition("%")[0]).is_loopback else own


def _greet(backend: Backend, listener: socket.socket, serving: Serving) -> None:
    url = _url(listener)
    place = "PostgreSQL" if backend.settings.database_url else f"SQLite in {serving.data}/"
    has_app = serving.app is not None and backend.settings.database_url
    where = ["--app", serving.app] if has_app else ["--data", serving.data]
    # In another terminal the command would make a database of its own.
    needed = "  # where HINTERLAND_DATABASE_URL is set as here" if backend.settings.database_url else ""
    print_result(f"{click.style(backend.app.name, bold=True)} is served at {click.style(url, bold=True)}")
    static = backend.settings.static
    for name, text in (
        *([("page", f"{url}/ (files of {static})")] if static else []),
        *_reaching(listener),
        *([("workers", str(serving.workers))] if serving.workers > 1 else []),
        ("data", f"{place} ({backend.storage.durability()})"),
        ("collections", ", ".join(backend.catalogue.entries)),
        *([("graphql", f"{url}/graphql")] if find_spec("graphql") is not None else []),
        ("try", shlex.join(["curl", f"{url}/openapi.json"])),
        ("administer", command("admin", "create", "you@example.org", *where) + needed),
        ("stop", "Ctrl+C"),
    ):
        print_result(f"  {name:<12} {text}")
