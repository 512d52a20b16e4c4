"""Autobahn's cases (PyPI `kosoku`) against the server's and the Python client's WebSockets, those of compression among
them; those that measure speed apart."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from conformance.tally import Tally
from tests.support.ports import free_port

_KOSOKU = str(Path(sys.executable).with_name("kosoku"))
_RIGHT = frozenset({"OK", "INFORMATIONAL"})
_NOT_STRICT = (
    "the standard allows it: what is wrong ends the connection before what came with it is answered, and a text is "
    "checked when it is whole"
)
_NOT_OFFERED = "the parameters of compression that the case needs are not offered, so the connection goes without it"
_WITHIN = 20.0  # seconds for the server to start
_PLAIN = ("-x", "9.*", "-x", "12.*", "-x", "13.*")
_COMPRESSED = ("-i", "12.*", "-i", "13.*")


def run() -> list[Tally]:
    """The cases without compression, against a server that is started for them, and against the client."""
    return [_run("Autobahn", *_PLAIN), _run_client("Autobahn, the client", *_PLAIN)]


def run_compressed() -> list[Tally]:
    """Those with compression (RFC 7692), which take minutes."""
    suite = "Autobahn with compression"
    return [_run(suite, *_COMPRESSED), _run_client(f"{suite}, the client", *_COMPRESSED)]


def _run(suite: str, *wanted: str) -> Tally:
    with _echo() as port, tempfile.TemporaryDirectory(prefix="hinterland-autobahn-") as folder:
        command = [_KOSOKU, "-m", "fuzzingclient", *wanted, "-o", folder]
        subprocess.run([*command, f"ws://127.0.0.1:{port}"], check=True, capture_output=True)
        return _tally(suite, Path(folder))


def _run_client(suite: str, *wanted: str) -> Tally:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hinterland-autobahn-") as folder:
        command = [_KOSOKU, "-m", "fuzzingserver", *wanted, "-o", folder, f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            server.stderr.readline()  # it listens
            client = [sys.executable, "-m", "conformance.websocket_client", f"http://127.0.0.1:{port}"]
            subprocess.run(client, check=True, capture_output=True)
            server.communicate(timeout=_WITHIN)  # it ends by itself when it has written its reports
        finally:
            server.kill()
            server.wait()
        return _tally(suite, Path(folder))


def _tally(suite: str, folder: Path) -> Tally:
    tally = Tally(suite)
    (results,) = json.loads((folder / "index.json").read_text()).values()
    for case, result in results.items():
        behaviours = {result["behavior"], result["behaviorClose"]}
        if behaviours <= _RIGHT:
            tally.passes()
        elif behaviours <= {*_RIGHT, "NON-STRICT"}:
            tally.refuses(_NOT_STRICT)
        elif behaviours <= {*_RIGHT, "UNIMPLEMENTED"}:
            tally.refuses(_NOT_OFFERED)
        else:
            tally.fails(f"{case}: {result['behavior']}, at the end {result['behaviorClose']}")
    return tally


@contextmanager
def _echo() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "conformance.websocket_echo", str(port)])
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait(_WITHIN)


def _await(port: int) -> None:
    deadline = time.monotonic() + _WITHIN
    while True:
        try:
            urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
        except OSError as error:
            if getattr(error, "code", None) == 426:
                return
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
