"""Two `hinterland serve` on one PostgreSQL, whose users meet in a channel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.server import ServerProcess

APP = """
from hinterland import App, Channel

app = App(channels=[Channel("hall/{id}", join="true", send="true", history=10)])
"""
LEASE = 2.0  # seconds
JOIN = {"type": "join", "id": "j", "channel": "hall/h"}


def asked(socket: ClientConnection, kind: str, message: dict[str, Any] | None = None) -> dict[str, Any]:
    """The next message of a kind, after another was sent."""
    if message is not None:
        socket.send(json.dumps(message))
    while (came := json.loads(socket.recv(timeout=30)))["type"] != kind:
        pass
    found: dict[str, Any] = came
    return found


def test_a_server_that_is_killed(
    server_process: Callable[..., ServerProcess], tmp_path: Path, postgres_dsn: str
) -> None:
    """Members at two servers see each other and each other's messages; after kill -9 of one server, its members have
    left within the lease, and the others go on."""
    (app := tmp_path / "app.py").write_text(APP)
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn, "HINTERLAND_CHANNEL_LEASE_SECONDS": f"{LEASE}"}
    one, two = [server_process(app, tmp_path / f"data{number}", env=env) for number in range(2)]
    address = one.url.replace("http", "ws") + "/v1/socket"
    with (
        connect(address) as first,
        connect(address) as other,
        connect(two.url.replace("http", "ws") + "/v1/socket") as far,
    ):
        mine = asked(first, "joined", JOIN)
        theirs = asked(far, "joined", JOIN)
        assert [entry["member"] for entry in theirs["members"]] == [mine["member"], theirs["member"]]
        send = {"type": "send", "id": "s", "channel": "hall/h", "event": "said"}
        for number in range(20):
            asked(far, "sent", {**send, "data": number})
            assert asked(first, "message")["data"] == number
        two.kill()
        while theirs["member"] not in asked(first, "presence").get("left", ()):
            pass
        again = asked(other, "joined", JOIN)
        assert [entry["member"] for entry in again["members"]] == [mine["member"], again["member"]]
        assert [item["data"] for item in again["history"]] == [*range(10, 20)]
        assert asked(first, "sent", send)["seq"] == 21
