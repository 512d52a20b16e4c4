"""The code on the page about channels is run as it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from tests.support.pages import blocks, run_python
from tests.support.server import ServerProcess


async def test_the_page(tmp_path: Path) -> None:
    """The page's app is served, and its client sends a message that those who join later find."""
    app, broadcast, client = blocks("docs/channels.md", "python")
    made: dict[str, Any] = {"__name__": "builtins"}
    await run_python(broadcast, made, "")
    assert callable(made["close_room"])
    file = tmp_path / "chat.py"
    file.write_text(app.text)
    names: dict[str, Any] = {"__name__": "page"}
    with ServerProcess(file, tmp_path / "data") as server, httpx2.Client(base_url=server.url) as http:
        body = {"name": "Ada", "email": "ada@example.org", "password": "7 lean oysters"}
        grant = http.post("/v1/auth/signup", json=body).json()
        http.headers["authorization"] = f"Bearer {grant['access_token']}"
        member = {"room": "42", "user": grant["user"]["id"]}
        assert http.post("/v1/records/members", json=member).status_code == 201
        text = client._replace(text=client.text.replace("ws://127.0.0.1:8001", server.url.replace("http", "ws")))
        await run_python(text, names, server.url)
        assert await names["say"](grant["access_token"], "42", "Hello") == ["Ada"]
        assert await names["say"](grant["access_token"], "42", "Hello again") == ["Ada"]
