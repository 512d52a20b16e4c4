"""The page, built and served as any static server would, from another origin than the backend's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.npm import install, run_npm

ROOT = Path(__file__).parents[3]
WEB = ROOT / "examples" / "shop" / "web"


def build_page(target: Path) -> Path:
    """Builds the page into `target`, after installing exactly what its lock file names; answers `target`."""
    install(WEB)
    run_npm(WEB, "run", "build", "--", "--outDir", str(target), "--emptyOutDir", "--logLevel", "warn")
    return target


class _PageFiles(SimpleHTTPRequestHandler):
    """The built files; only config.js is written here, to say where this test's backend listens."""

    def __init__(self, *arguments: Any, api: str, **named: Any) -> None:
        self._api = api
        super().__init__(*arguments, **named)

    def do_GET(self) -> None:
        if self.path != "/config.js":
            super().do_GET()
            return
        body = f"window.SHOP_CONFIG = {json.dumps({'apiUrl': self._api})};".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A page's requests are not worth a line."""


@contextmanager
def served_page(built: Path, api: str) -> Iterator[str]:
    """The origin of the page, on a loopback port of its own, for a backend at `api`."""
    handler = partial(_PageFiles, directory=str(built), api=api)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
