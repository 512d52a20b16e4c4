"""The page docs/first-offline-app.md, as a reader follows it: commands and files in an empty folder, and a browser."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.journeys.page.host import WEB
from tests.support.npm import building, install
from tests.support.pages import ROOT, Block, blocks
from tests.support.ports import free_port
from tests.support.required import require_program
from tests.support.server import READY_WITHIN
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PAGE = "docs/first-offline-app.md"
CLIENT = ROOT / "clients" / "typescript"
COPY = "/path/to/hinterland"
WITHIN = 600.0  # seconds; the first installation fetches what the lock files name


def run(block: Block, folder: Path) -> None:
    """Run a block's commands in the folder, with this repository as the reader's copy."""
    text = block.text.replace(COPY, str(ROOT)).replace("python3 -m venv", f"{shlex.quote(sys.executable)} -m venv")
    done = subprocess.run(["sh", "-euc", text], cwd=folder, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def save_files(folder: Path) -> None:
    """Write the files that the page shows."""
    [app] = blocks(PAGE, "python")
    (folder / "app.py").write_text(app.text)
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", (ROOT / PAGE).read_text(), re.M | re.S):
        (folder / name).write_text(text)


class PageServer:
    """The page's command as a process, on a free port; Ctrl+C stops it."""

    def __init__(self, command: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = [*shlex.split(command), "--port", str(self.port)]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(self._words, cwd=self._folder, stdout=log, stderr=log)
        until(lambda: is_ready(self.url), f"the server did not start: {(self._folder / 'log').read_text()}")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(READY_WITHIN)
            self._process = None


def is_ready(url: str) -> bool:
    """Whether a server answers at the address."""
    try:
        return httpx2.get(f"{url}/readyz").is_success
    except httpx2.TransportError:
        return False


def test_the_app_file_has_fifteen_lines() -> None:
    """The server of the page has at most 15 lines, blank ones aside."""
    [app] = blocks(PAGE, "python")
    assert len([line for line in app.text.splitlines() if line.strip()]) <= 15


def test_the_page_in_an_empty_folder(tmp_path: Path) -> None:
    """What the page says comes true in an empty folder: notes are added without the server, and arrive. Printed are the
    seconds that its commands and its steps took."""
    require_browser()
    require_program("make")
    install(WEB)
    install(CLIENT)
    installing, serving = blocks(PAGE, "sh")
    started = time.monotonic()
    with building(CLIENT):
        run(installing, tmp_path)
    save_files(tmp_path)
    installed = time.monotonic()
    server = PageServer(serving.text, tmp_path)
    server.start()

    def stop_watch() -> None:
        took, whole = installed - started, time.monotonic() - started
        print(f"stopwatch: installed in {took:.0f} s, synchronised after {whole:.0f} s")

    asked = {"stop the server": server.stop, "start the server": server.start, "stop the watch": stop_watch}
    try:
        outcomes = run_scenario("firstApp", page=server.url, api=server.url, screenshots=tmp_path, asked=asked)
    finally:
        server.stop()
    assert set(outcomes.values()) == {PASSED}, outcomes
    assert len(outcomes) == 5
