"""Connections of subscribers over WebSocket: the messages of `/v1/socket`, and GraphQL's `graphql-transport-ws`."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from benchmarks.frames import CLOSE, PING, PONG, TEXT, frame, handshake, take_frames
from tests.figures.talk import NUMBER, Line

_CURSOR = re.compile(rb'"cursor":"([^"]*)"')


class SocketLine(Line):
    """One connection to `/v1/socket` with one subscription."""

    answer = b"HTTP/1.1 101"

    def request(self) -> bytes:
        """The handshake."""
        return handshake("/v1/socket")

    def begin(self) -> None:
        """Subscribe where the last connection ended."""
        query = {"filter": f'record.room == "{self.subscriber.room}"'}
        cursor = self.subscriber.cursor.decode()
        self.send(type="subscribe", id="t", collection="talk", query=query, snapshot=False, cursor=cursor)

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.transport.write(frame(msgspec.json.encode(message)))

    def read(self) -> None:
        """Take the whole frames of what came."""
        frames, self.raw = take_frames(self.raw)
        for opcode, data in frames:
            if opcode == TEXT:
                self.take(data)
            elif opcode == PING:
                self.transport.write(frame(data, PONG))
            elif opcode == CLOSE:
                self.transport.close()

    def take(self, data: bytes) -> None:
        """One message."""
        if data.startswith(b'{"type":"hello"'):
            return
        assert b'"error"' not in data, data
        self.subscriber.opened += b'"type":"ready"' in data
        self.take_event(data, is_resync=b'"type":"resync"' in data)

    def take_event(self, data: bytes, *, is_resync: bool) -> None:
        """One event."""
        cursor = _CURSOR.search(data)
        self.subscriber.take(cursor[1] if cursor else b"", NUMBER.findall(data), is_resync=is_resync)


class GraphqlLine(SocketLine):
    """One connection to `/graphql` with one subscription."""

    def request(self) -> bytes:
        """The handshake."""
        return handshake("/graphql", "graphql-transport-ws")

    def begin(self) -> None:
        """Introduce itself."""
        self.send(type="connection_init")

    def take(self, data: bytes) -> None:
        """One message."""
        if data.startswith(b'{"type":"connection_ack"'):
            query = "subscription Talk($room: String) { talk(where: {room: {eq: $room}}) { record { number } } }"
            extensions = {"cursor": self.subscriber.cursor.decode()}
            payload = {"query": query, "variables": {"room": str(self.subscriber.room)}, "extensions": extensions}
            self.send(type="subscribe", id="t", payload=payload)
            self.subscriber.opened += 1
            return
        assert b'"type":"error"' not in data, data
        self.take_event(data, is_resync=b'"code":"resync"' in data)
