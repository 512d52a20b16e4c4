"""The code on the page about clients of GraphQL is run as it is shown."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.support.dart import dart_blocks, mistakes
from tests.support.npm import install
from tests.support.pages import ROOT, blocks, run_python
from tests.support.required import require_node
from tests.support.server import ServerProcess

PAGE = "docs/graphql-clients.md"
PACKAGES = ROOT / "tests" / "server" / "protocols" / "graphql" / "packages"
WITHIN = 60.0  # seconds
STEPS = (
    "signing up shows the user's notes",
    "a mutation adds to the list, and a refused one shows its message",
    "a change is shown at once",
    "what another program writes is shown",
    "the next page is added",
    "the page threw no error of its own",
)
ADA = {"email": "ada@example.org", "password": "7 lean oysters"}

# What a component does, in Node: which has neither the address of a page nor, in version 20, a WebSocket.
USE_URQL = """
import WebSocket from "ws";
globalThis.location = { href: process.argv[2] };
globalThis.WebSocket = WebSocket;
const { client, signIn } = await import("./page.js");
const form = 'email: "ada@example.org", password: "7 lean oysters", profile: {name: "Ada"}';
const signedUp = await client.mutation(`mutation { signUp(${form}) { access_token } }`, {});
signIn(signedUp.data.signUp.access_token);
let isHeard;
const heard = new Promise((resolve) => (isHeard = resolve));
const follow = "subscription { notes { kind record { title } } }";
client.subscription(follow, {}).subscribe(({ data }) => isHeard(data.notes[0]));
let isOver = false;
void heard.then(() => (isOver = true));
while (!isOver) await client.mutation('mutation { createNote(input: {title: "By urql"}) { id } }', {});
console.log(JSON.stringify(await heard));
process.exit(0);
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The README's notes."""
    file = tmp_path / "app.py"
    file.write_text(blocks("README.md", "python")[0].text)
    return file


def files() -> dict[str, str]:
    """The files that the page shows, by their names."""
    found = re.findall(r"^```tsx? file=(\S+)\n(.*?)^```$", (ROOT / PAGE).read_text(), re.M | re.S)
    return dict(found)


def bundled(page: Path, name: str) -> None:
    """Build one of the page's files for a browser."""
    for file, text in files().items():
        (page / file).write_text(text)
    (page / "node_modules").symlink_to(PACKAGES / "node_modules")
    words = [str(PACKAGES / "node_modules" / ".bin" / "esbuild"), name, "--outfile=page.js", "--bundle"]
    options = ["--jsx=automatic", "--format=esm", "--target=es2022", "--log-level=warning"]
    subprocess.run([*words, *options], cwd=page, timeout=WITHIN, check=True)


@pytest.mark.slow
def test_apollo(app: Path, tmp_path: Path) -> None:
    """In a browser, the page's app with @apollo/client signs up, lists, adds, changes, follows and pages."""
    require_browser()
    install(PACKAGES)
    page = tmp_path / "page"
    page.mkdir()
    bundled(page, "main.tsx")
    (page / "node_modules").unlink()
    head = "<!doctype html><title>notes</title><link rel=icon href=data:,>"
    (page / "index.html").write_text(f'{head}<div id="root"></div><script type="module" src="page.js"></script>')
    with ServerProcess(app, tmp_path / "data", env={"HINTERLAND_STATIC": str(page)}) as server:

        def write(title: str) -> None:
            token = httpx2.post(f"{server.url}/v1/auth/login", json=ADA).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            httpx2.post(f"{server.url}/v1/records/notes", json={"title": title}, headers=headers).raise_for_status()

        asked = {"write c": lambda: write("c"), "write d": lambda: write("d")}
        outcomes = run_scenario("graphqlPage", page=server.url, api=server.url, screenshots=tmp_path, asked=asked)
    assert outcomes == dict.fromkeys(STEPS, PASSED), server.log


@pytest.mark.slow
def test_urql(app: Path, tmp_path: Path) -> None:
    """The page's client of urql writes as the user who has signed in, and hears of what is written."""
    install(PACKAGES)
    page = tmp_path / "page"
    page.mkdir()
    bundled(page, "urql.ts")
    (page / "use.mjs").write_text(USE_URQL)
    with ServerProcess(app, tmp_path / "data") as server:
        words = [str(require_node()), "use.mjs", server.url]
        done = subprocess.run(words, cwd=page, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert json.loads(done.stdout or "null") == {"kind": "create", "record": {"title": "By urql"}}, done.stderr


async def test_python(app: Path, tmp_path: Path) -> None:
    """The page's program with PyPI's gql writes, and hears of what it has written."""
    (program,) = blocks(PAGE, "python")
    names: dict[str, Any] = {"__name__": "page"}
    with ServerProcess(app, tmp_path / "data") as server:
        grant = httpx2.post(f"{server.url}/v1/auth/signup", json={"name": "Ada", **ADA}).json()
        text = program.text.replace("ws://127.0.0.1:8001", server.url.replace("http", "ws"))
        await run_python(program._replace(text=text), names, server.url)
        assert await names["main"](grant["access_token"]) == ["By gql"]


def test_dart() -> None:
    """The syntax of the page's Dart is valid."""
    (code,) = dart_blocks(PAGE)
    assert mistakes(code) == []
