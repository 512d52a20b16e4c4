"""The code on the pages about GraphQL in the Python client is run as it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.client import Client
from tests.support.pages import blocks, run_python, run_shell
from tests.support.required import require_program
from tests.support.server import ServerProcess

LONGEST = 60.0  # seconds


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of the README's notes, where Ada has signed up."""
    app = tmp_path / "app.py"
    app.write_text(blocks("README.md", "python")[0].text)
    with ServerProcess(app, tmp_path / "data") as server:
        async with Client(server.url, store=tmp_path / "app.db") as client:
            await client.auth.sign_up(name="Ada", email="ada@example.org", password="7 lean oysters")
            yield client


async def test_the_page_on_graphql_in_the_client(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks of docs/client-graphql.md run, one after another."""
    names: dict[str, Any] = {"__name__": "page", "client": client}
    printed = ""
    async with asyncio.timeout(LONGEST):
        for block in blocks("docs/client-graphql.md", "python"):
            running = asyncio.create_task(run_python(block, names, client.url))
            while "stream" in block.marks and not running.done() and "Seen create" not in printed:
                await client.collection("notes").create({"title": "Seen"})
                printed += capsys.readouterr().out
            if "stream" in block.marks:
                running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.result()
            printed += capsys.readouterr().out
    assert "By GraphQL " in printed
    assert "1 False None\n" in printed
    assert "Seen create" in printed


async def test_the_page_on_mutations_without_a_network(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks of docs/graphql-offline.md run, one after another."""
    names: dict[str, Any] = {"__name__": "page", "client": client}
    async with asyncio.timeout(LONGEST):
        for block in blocks("docs/graphql-offline.md", "python"):
            await run_python(block, names, client.url)
    printed = capsys.readouterr().out
    assert "On the train\n" in printed
    assert "True applied\n" in printed
    assert "{'title': ['is required']} ('createNote',)\n" in printed
    assert "refused validation {'title': ''}\n" in printed
    assert printed.endswith("applied\n")


async def test_the_commands_of_the_page_on_graphql(client: Client, tmp_path: Path) -> None:
    """The commands of docs/graphql.md sign up, write a note and read it, as the one who signed up."""
    require_program("curl", "install curl")
    shown = [block for block in blocks("docs/graphql.md", "sh") if block.is_run]
    [printed] = await asyncio.to_thread(run_shell, shown, tmp_path, client.url)
    assert '"createNote":{' in printed
    assert printed.endswith('{"data":{"me":{"name":"Gil"},"notes":[{"title":"By curl"}]}}')
