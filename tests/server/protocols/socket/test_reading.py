"""What is wrong with messages of a client."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.server.app import Server
from tests.server.protocols.socket.speaking import opened

KINDS = "ping, auth, call, subscribe, unsubscribe, join, send, state or leave"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("hello", 'message: invalid JSON at byte 0: invalid character; send an object such as {"type": "ping"}'),
        ("[]", 'message: it is not a JSON object; send one such as {"type": "ping"}'),
        (
            {"event": "phx_join", "topic": "realtime:room", "payload": {}, "ref": "1"},
            f"type: is required; send {KINDS}",
        ),
        ({"type": "what"}, f"type: unknown type 'what'; send {KINDS}"),
        ({"type": ["ping"]}, f"type: unknown type \"['ping']\"; send {KINDS}"),
        ({"type": "broadcast", "event": "x"}, "type: unknown type 'broadcast'; send join, then send"),
        ({"type": "connection_init"}, "type: unknown type 'connection_init'; GraphQL is at /graphql"),
        (
            {"type": "subscribe", "id": "1", "collection": "posts", "filter": "true"},
            'filter: is a parameter of the list; send "query": {"filter": …}',
        ),
        (
            {"type": "subscribe", "id": "1", "channel": "room/1"},
            "channel: subscribe follows a collection; send join for a channel",
        ),
        ({"type": "unsubscribe", "id": "1", "more": 1}, "more: unknown member of unsubscribe; allowed: id"),
        ({"type": "subscribe", "collection": "posts"}, "id: is required"),
        ({"type": "send", "channel": 7, "event": "x"}, "channel: must be text, is a whole number"),
    ],
)
async def test_bad_messages_say_what_to_send(server: Server, message: Any, reason: str) -> None:
    """The error of a message that is not valid names the member that is wrong and says what to send, also to those who
    send what another server takes."""
    error = (await (await opened(server)).asked(message))["error"]
    assert error["message"] == reason
    assert list(error.get("errors", {})) == ([reason.split(":")[0]] if error["code"] == "validation" else [])
