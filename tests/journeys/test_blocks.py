"""The blocks of code on the pages of the documentation are run as they are shown, against a server process."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland.client import Client
from tests.support.pages import blocks, run_python, run_shell
from tests.support.required import require_program
from tests.support.server import ServerProcess

ADA = {"name": "Ada", "email": "ada@example.org", "password": "7 lean oysters"}
LONGEST = 30.0  # seconds


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The README's notes, where Ada has signed up."""
    folder = tmp_path_factory.mktemp("notes")
    app = folder / "app.py"
    app.write_text(blocks("README.md", "python")[0].text)
    with ServerProcess(app, folder / "data") as server:
        httpx2.post(f"{server.url}/v1/auth/signup", json=ADA, timeout=LONGEST).raise_for_status()
        yield server


async def test_the_page_on_the_client(
    notes: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The programs of the client's page run, and after them its other blocks in one client, in the page's order."""
    monkeypatch.chdir(tmp_path)
    whole, blocking, *rest = [block for block in blocks("docs/client.md", "python") if block.is_run]
    for program in (whole, blocking):
        await run_python(program, {"__name__": "__main__"}, notes.url)
    names: dict[str, Any] = {"__name__": "page"}
    printed = []
    async with asyncio.timeout(LONGEST), Client(notes.url, store="app.db") as names["client"]:
        capsys.readouterr()
        for block in rest:
            running = asyncio.create_task(run_python(block, names, notes.url))
            if "stream" in block.marks:
                printed.append(await seen(running, names["client"], capsys))
            else:
                await running
                printed.append(capsys.readouterr().out)
    assert [text for text in printed if "create" in text and "Seen" in text]
    assert "{'title': ['is required']}\n" in printed
    assert [text for text in printed if text.endswith("applied None []\n['Without a network']\n")]


async def seen(stream: asyncio.Task[None], client: Client, capsys: pytest.CaptureFixture[str]) -> str:
    """What a block that follows live events prints of the notes that are made meanwhile."""
    printed = ""
    while not printed and not stream.done():
        await client.collection("notes").create({"title": "Seen"})
        printed = capsys.readouterr().out
    if stream.done():
        stream.result()
    stream.cancel()
    await asyncio.wait([stream])
    return printed


async def test_the_tests_that_the_client_page_shows(tmp_path: Path) -> None:
    """The tests on the client's page pass."""
    shown = [block for block in blocks("docs/client.md", "python") if "test" in block.marks]
    names: dict[str, Any] = {"__name__": "page"}
    for block in shown:
        await run_python(block, names, "")
    tests = [made for name, made in names.items() if name.startswith("test_")]
    for test in tests:
        await (test(tmp_path) if inspect.signature(test).parameters else test())
    assert len(tests) == 2


def test_the_page_on_http(notes: ServerProcess, tmp_path: Path) -> None:
    """Each command of the page on HTTP succeeds, one after another in one shell."""
    require_program("curl", "install curl")
    shown = [block for block in blocks("docs/http.md", "sh", "console") if block.is_run]
    printed = run_shell(shown, tmp_path, notes.url)
    assert json.loads(printed[1])["user"]["name"] == "Grace"
    assert [text for text in printed if "\nevent: ready\n" in text]
    assert [text for text in printed if "idempotency-replayed: true" in text.lower()]
    outcome, _, pulled = printed[-1].partition("}{")
    assert '"status":"applied"' in outcome
    assert "From afar" in pulled
