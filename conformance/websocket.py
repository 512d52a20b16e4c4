"""Autobahn's cases (PyPI `kosoku`) against the server's WebSockets, those of compression among them; those that measure
speed apart."""

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

_RIGHT = frozenset({"OK", "INFORMATIONAL"})
_NOT_STRICT = (
    "the standard allows it: what is wrong ends the connection before what came with it is answered, and a text is "
    "checked when it is whole"
)
_WITHIN = 20.0  # seconds for the server to start


def run() -> list[Tally]:
    """The cases without compression, against a server that is started for them."""
    return _run("Autobahn", "-x", "9.*", "-x", "12.*", "-x", "13.*")


def run_compressed() -> list[Tally]:
    """Those with compression (RFC 7692), which take minutes."""
    return _run("Autobahn with compression", "-i", "12.*", "-i", "13.*")


def _run(suite: str, *wanted: str) -> list[Tally]:
    tally = Tally(suite)
    with _echo() as port, tempfile.TemporaryDirectory(prefix="hinterland-autobahn-") as folder:
        command = [str(Path(sys.executable).with_name("kosoku")), "-m", "fuzzingclient", *wanted, "-o", folder]
        subprocess.run([*command, f"ws://127.0.0.1:{port}"], check=True, capture_output=True)
        (results,) = json.loads((Path(folder) / "index.json").read_text()).values()
    for case, result in results.items():
        behaviours = {result["behavior"], result["behaviorClose"]}
        if behaviours <= _RIGHT:
            tally.passes()
        elif behaviours <= {*_RIGHT, "NON-STRICT"}:
            tally.refuses(_NOT_STRICT)
        else:
            tally.fails(f"{case}: {result['behavior']}, at the end {result['behaviorClose']}")
    return [tally]


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
