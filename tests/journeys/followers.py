"""Clients that follow a collection, each by another protocol, and keep what they hear as the contract says."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from hinterland.contract.socket import RESTART
from hinterland.kit.event_stream import Message
from hinterland.server.app import Server
from tests.server.protocols.asgi import Socket, Stream, ask, bearer

CursorRevision = Callable[[str], int]
"""The revision at which a cursor is."""


class HasEnded(Exception):
    """The server has ended the connection, for its client to come back."""


async def next_event(stream: Stream) -> Message:
    """The next event of a stream. Raises `HasEnded`."""
    event = await stream.next_if_any()
    if event is None:
        raise HasEnded
    return event


async def next_message(socket: Socket) -> dict[str, Any]:
    """The next message of a socket. Raises `HasEnded`."""
    data = await socket.raw()
    if not data:
        assert socket.close is not None
        assert socket.close[0] == RESTART, socket.close
        raise HasEnded
    message: dict[str, Any] = json.loads(data)
    return message


class Follower(ABC):
    """Follows `collection` by the fields `selected`. `rows` are the records by their ids; `cursor` is behind what was
    read."""

    def __init__(self, server: Server, token: str, collection: str, selected: str) -> None:
        self.rows: dict[str, Any] = {}
        self.cursor = ""
        self.server = server
        self.headers = bearer(token) if token else {}
        self.collection = collection
        self.document = f"subscription {{ changes: {collection} {{ kind id record {{ {selected} }} }} }}"

    @abstractmethod
    async def open(self) -> None:
        """Begin, or go on behind the cursor."""

    @abstractmethod
    async def leave(self) -> None:
        """Go away, with whatever was not read."""

    @abstractmethod
    async def read(self) -> None:
        """Read one event. Raises `HasEnded`."""

    async def read_until(self, revision: int, revision_of: CursorRevision) -> None:
        """Read what there is up to a revision."""
        while not self.cursor or revision_of(self.cursor) < revision:
            try:
                await self.read()
            except HasEnded:  # which a client takes for a lost connection
                await self.open()

    async def read_again(self) -> None:
        """Have what there is now: the cursor can't be continued. What follows may be older, but is all that changed."""
        path = f"/v1/records/{self.collection}"
        self.rows = {row["id"]: row for row in (await ask(self.server, "GET", path, None, self.headers)).json["items"]}

    def apply(self, change: Mapping[str, Any]) -> None:
        """Keep what a change says."""
        if change.get("record") is None:
            self.rows.pop(change["id"], None)
        else:
            self.rows[change["id"]] = change["record"]

    async def respond(self, response: Mapping[str, Any]) -> None:
        """Keep what a response of GraphQL says."""
        self.cursor = response["extensions"]["cursor"]
        if errors := response.get("errors"):
            assert [error["extensions"]["code"] for error in errors] == ["resync"], response
            await self.read_again()
            return
        for change in response["data"]["changes"]:
            assert (change["record"] is None) == (change["kind"] in ("delete", "left")), change
            self.apply(change)


class ByEvents(Follower):
    """`/v1/events`."""

    async def open(self) -> None:
        query = [("collection", self.collection), *([("cursor", self.cursor)] if self.cursor else [])]
        self.stream = Stream(self.server, "/v1/events", *query, headers=self.headers)
        await self.read()

    async def leave(self) -> None:
        self.stream.leave()
        await self.stream.task

    async def read(self) -> None:
        event = await next_event(self.stream)
        assert event.event in ("ready", "commit", "position", "resync"), event
        if event.event == "resync":
            await self.read_again()
        self.cursor = event.id or self.cursor
        if event.event == "commit":
            for change in json.loads(event.data)["changes"]:
                self.apply(change)


class BySocket(Follower):
    """A subscription of `/v1/socket`, which begins with a snapshot, each second time anew."""

    has_cursor = True

    async def open(self) -> None:
        self.has_cursor = not self.has_cursor
        self.cursor = self.cursor if self.has_cursor else ""
        self.socket = Socket(self.server, "/v1/socket", headers=self.headers)
        assert (await self.socket.next())["type"] == "hello"
        begun = {"query": {"limit": 1_000}} if not self.cursor else {"cursor": self.cursor}
        self.socket.send(type="subscribe", id="s", collection=self.collection, **begun)
        while not self.cursor:
            await self.read()

    async def leave(self) -> None:
        await self.socket.leave()

    async def read(self) -> None:
        message = await next_message(self.socket)
        if message["type"] == "end":
            assert "error" not in message, message
            raise HasEnded
        assert message["type"] in ("snapshot", "ready", "commit", "position", "resync"), message
        if message["type"] == "resync":
            await self.read_again()
        if message["type"] == "snapshot":
            self.rows = {item["id"]: item for item in message["items"]}
        else:
            self.cursor = message["cursor"]
        for change in message.get("changes", ()):
            self.apply(change)


class ByGraphQLSocket(Follower):
    """A subscription of GraphQL over graphql-transport-ws."""

    async def open(self) -> None:
        self.socket = Socket(self.server, "/graphql", subprotocol="graphql-transport-ws")
        payload = {"authorization": self.headers["Authorization"]} if self.headers else {}
        assert (await self.socket.asked(type="connection_init", payload=payload))["type"] == "connection_ack"
        asked = {"query": self.document, "extensions": {"cursor": self.cursor}}
        self.socket.send(type="subscribe", id="s", payload=asked)
        await self.read()

    async def leave(self) -> None:
        await self.socket.leave()

    async def read(self) -> None:
        message = await next_message(self.socket)
        assert message["type"] == "next", message
        await self.respond(message["payload"])


class ByGraphQLStream(Follower):
    """A subscription of GraphQL over Server-sent events."""

    async def open(self) -> None:
        body = json.dumps({"query": self.document, "extensions": {"cursor": self.cursor}}).encode()
        headers = {**self.headers, "Accept": "text/event-stream", "Content-Type": "application/json"}
        headers["Content-Length"] = str(len(body))
        self.stream = Stream(self.server, "/graphql", headers=headers, method="POST", body=body)
        await self.read()

    async def leave(self) -> None:
        self.stream.leave()
        await self.stream.task

    async def read(self) -> None:
        event = await next_event(self.stream)
        assert event.event == "next", event
        await self.respond(json.loads(event.data))


FOLLOWERS: dict[str, Callable[[Server, str, str, str], Follower]] = {
    "events": ByEvents, "socket": BySocket,
    "GraphQL over WebSocket": ByGraphQLSocket, "GraphQL over events": ByGraphQLStream,
}  # fmt: skip
