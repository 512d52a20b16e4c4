"""The JDK's standard client against the server, with nothing set."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.marks import calling, marks, marks_app
from tests.support.required import require_jdk
from tests.support.server import ServerProcess

CLIENT = Path(__file__).parent / "UpgradingClient.java"


def test_a_client_that_offers_http_2(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """The JDK's client offers h2c with each first request: what it writes arrives with its body, whatever its framing,
    and all is answered as HTTP/1.1."""
    java = require_jdk()
    server = server_process(marks_app(tmp_path))
    done = subprocess.run(
        [str(java), str(CLIENT), server.url], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.split("\n") == [*["201 HTTP_1_1"] * 4, "200 HTTP_1_1", ""], done.stderr
    with calling(server.url) as client:
        assert marks(client) == {"java 0", "java 1", "java 2", "java in chunks"}
