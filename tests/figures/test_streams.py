"""Many subscribers of live events, whose connections break and whose server is killed."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.figures.scale import figure, sized
from tests.figures.talk import APP, Line, Talk
from tests.figures.talk_by_sockets import GraphqlLine, SocketLine
from tests.support.server import ServerProcess

ROOMS = sized(3, 10)
SUBSCRIBERS = sized(60, 1_000)
EVENTS = sized(900, 100_000)
WAYS: dict[str, type[Line]] = {"SSE": Line, "socket": SocketLine, "GraphQL": GraphqlLine}


class Restarted:
    """A server that is ended by SIGTERM, so that it says goodbye, and started again."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def kill(self) -> None:
        """End it in order."""
        self._server.terminate()

    def start(self) -> None:
        """Start it again."""
        self._server.start()


@pytest.mark.parametrize("way", ["SSE", "socket", "GraphQL"])
async def test_subscribers(server_process: Callable[..., ServerProcess], tmp_path: Path, way: str) -> None:
    """1,000 subscribers, 100,000 events, a restart, random drops: no subscriber has a gap or a duplicate, whether it
    listens by Server-sent events, by `/v1/socket`, or by a GraphQL subscription over `graphql-transport-ws`.

    The server is killed; that of the sockets is ended in order. The small form has 60 subscribers and 900 events.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SUBSCRIBERS)), hard))
    app = tmp_path / "app.py"
    app.write_text(APP)
    server, line = server_process(app), WAYS[way]
    victims = [Restarted(server)] if way == "socket" else []
    talk = Talk([server], rooms=ROOMS, subscribers=SUBSCRIBERS, events=EVENTS, victims=victims, line=line)
    await talk.run()
    figure(
        f"{way}: {EVENTS:,} events in {ROOMS} rooms to {SUBSCRIBERS:,} subscribers: {talk.delivered:,} deliveries over"
        f" {talk.streams:,} streams, {talk.drops} drops, {talk.kills} restart: {len(talk.wrong)} gaps or duplicates"
        f" in {talk.progress.elapsed:.0f} s"
    )
    assert talk.wrong == []
