"""The page, built and served as any static server would, from another origin than the backend's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.required import require_program

ROOT = Path(__file__).parents[3]
WEB = ROOT / "examples" / "shop" / "web"
_BUILD_WITHIN = 300.0  # seconds; the first time npm fetches what the lock file names


def build_page(target: Path) -> Path:
    """Builds the page into `target`, after installing exactly what its lock file names; answers `target`."""
    npm = require_program("npm", "install Node and npm")
    if not _is_installed():
        _run(npm, "ci")
    _run(npm, "run", "build", "--", "--outDir", str(target), "--emptyOutDir", "--logLevel", "warn")
    return target


def _is_installed() -> bool:
    installed = WEB / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= (WEB / "package-lock.json").stat().st_mtime


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=WEB, capture_output=True, text=True, timeout=_BUILD_WITHIN, check=False)
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"


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
