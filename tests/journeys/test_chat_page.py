"""The code on the page about a chat is run as it is shown: its server, its bot, and its app in a browser."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.support.dart import dart_blocks, mistakes
from tests.support.npm import install
from tests.support.pages import README_ADDRESS, ROOT, blocks
from tests.support.server import ServerProcess

PAGE = "docs/chat.md"
PACKAGES = ROOT / "tests" / "server" / "protocols" / "graphql" / "packages"
CLIENT = ROOT / "clients" / "typescript" / "src"
WITHIN = 60.0  # seconds
STEPS = (
    "who is there is shown",
    "a message is answered by the bot, which is seen typing",
    "who comes later has the history, and is seen",
    "who types is shown to the others, until it is sent",
    "who leaves is gone",
    "the page threw no error of its own",
)


def built(folder: Path) -> None:
    """Build the page's files for a browser, with the client of this tree."""
    for name, text in re.findall(r"^```tsx? file=(\S+)\n(.*?)^```$", (ROOT / PAGE).read_text(), re.M | re.S):
        (folder / name).write_text(text)
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    entries = {"hinterland": "index.ts", "hinterland/react": "react/index.ts", "hinterland/socket": "socket/index.ts"}
    react = {name: PACKAGES / "node_modules" / name for name in ("react", "react-dom")}
    places = {name: CLIENT / file for name, file in entries.items()} | react
    aliases = [f"--alias:{name}={place}" for name, place in places.items()]
    options = ["--outfile=page.js", "--bundle", "--jsx=automatic", "--format=esm", "--target=es2022"]
    words = [str(PACKAGES / "node_modules" / ".bin" / "esbuild"), "main.tsx", "--log-level=warning"]
    subprocess.run([*words, *options, *aliases], cwd=folder, timeout=WITHIN, check=True)
    (folder / "node_modules").unlink()
    head = "<!doctype html><title>chat</title><link rel=icon href=data:,>"
    (folder / "index.html").write_text(f'{head}<div id="root"></div><script type="module" src="page.js"></script>')


@pytest.mark.slow
def test_the_chat(tmp_path: Path) -> None:
    """In a browser, the page's app shows who is there and who types, the history, and what the page's bot answers."""
    require_browser()
    install(PACKAGES)
    page = tmp_path / "page"
    page.mkdir()
    built(page)
    app, bot = blocks(PAGE, "python")
    (tmp_path / "chat.py").write_text(app.text)
    with ServerProcess(tmp_path / "chat.py", tmp_path / "data", env={"HINTERLAND_STATIC": str(page)}) as server:
        (tmp_path / "bot.py").write_text(bot.text.replace(README_ADDRESS, server.url))
        running = subprocess.Popen([sys.executable, str(tmp_path / "bot.py")])
        try:
            outcomes = run_scenario("chatPage", page=server.url, api=server.url, screenshots=tmp_path)
        finally:
            running.terminate()
            running.wait(WITHIN)
    assert outcomes == dict.fromkeys(STEPS, PASSED), server.log


def test_dart() -> None:
    """The syntax of the page's Dart is valid."""
    (code,) = dart_blocks(PAGE)
    assert mistakes(code) == []
