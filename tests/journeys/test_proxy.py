"""Event streams behind a proxy that compresses, a real one in its own process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from hinterland.kit.event_stream import EventStreamParser, Message
from tests.support.marks import calling, marks_app
from tests.support.npm import install
from tests.support.required import require_node
from tests.support.server import ServerProcess

PROXY = Path(__file__).parent / "proxy"
PATIENCE = 60.0  # seconds without a byte, after which it is held back

pytestmark = pytest.mark.slow


@contextmanager
def express(port: int) -> Iterator[str]:
    """The address of Express with `compression()` in front of the server on `port`."""
    node = require_node()
    install(PROXY)
    words = [str(node), str(PROXY / "proxy.mjs"), "127.0.0.1", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def events(answer: httpx2.Response) -> Iterator[Message]:
    """The events of a stream as they come."""
    parser = EventStreamParser()
    for piece in answer.iter_bytes():
        yield from parser.feed(piece)


def test_a_stream_through_express_compression(tmp_path: Path) -> None:
    """Behind Express `compression()` a stream is there at once and its events come when they happen, though the client
    takes gzip; other answers are compressed."""
    server = ServerProcess(marks_app(tmp_path), tmp_path / "data")
    with server, express(server.port) as url, calling(server.url) as direct:
        headers = {"accept-encoding": "gzip"}
        with (
            httpx2.Client(base_url=url, timeout=PATIENCE, headers=headers) as client,
            client.stream("GET", "/v1/events?collection=marks") as stream,
        ):
            assert (stream.status_code, stream.headers.get("content-encoding")) == (200, None)
            reported = events(stream)
            assert next(reported).event == "ready"
            for mark in ("one", "two"):
                direct.post("/v1/records/marks", json={"mark": mark * 1_000}).raise_for_status()
                assert mark in next(reported).data
        with httpx2.Client(base_url=url, headers=headers) as client:
            assert client.get("/v1/records/marks").headers["content-encoding"] == "gzip"
