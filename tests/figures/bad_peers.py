"""Peers that send what no client should over WebSocket, again and again; beside them a flood and half-open peers.

`python -m tests.figures.bad_peers PORT SECONDS PACE` prints, as JSON, how each attack ended and how often.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.frames import BINARY, CLOSE, PING, TEXT, frame, handshake, take_frames
from hinterland.kit.clock import SystemClock

CLOCK = SystemClock()
PATIENCE = 30.0  # seconds until an attack counts as unanswered
CONTINUATION = 0
HALF_OPEN = 20
MESSAGE_BYTES = 1024 * 1024
_FRAGMENTS = frame(b"x", is_last=False) + frame(b"x", CONTINUATION, is_last=False) * 10_100
_DEEP = b'{"type":"call","id":"1","operation":"records.create","body":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
_ACK = frame(b'{"type":"connection_init"}')
_TWICE = frame(b'{"type":"subscribe","id":"1","payload":{"query":"subscription { notes { id } }"}}') * 2
_TRANSPORT = "graphql-transport-ws"


@dataclass(frozen=True)
class Attack:
    """What is sent behind the handshake, and how the server is to end it: a close code, or another response than 101;
    0: not at all, it answers with an error and goes on."""

    data: bytes
    right: int
    path: str = "/v1/socket"
    subprotocol: str = ""
    header: tuple[str, str] | None = None


ATTACKS = {
    "a reserved opcode": Attack(frame(b"x", 3), 1002),
    "a reserved bit": Attack(bytes((0xA1,)) + frame(b"x")[1:], 1002),
    "a frame without a mask": Attack(b"\x81\x01x", 1002),
    "a long ping": Attack(frame(b"x" * 126, PING), 1002),
    "a ping in fragments": Attack(frame(b"x", PING, is_last=False), 1002),
    "a continuation of nothing": Attack(frame(b"x", CONTINUATION), 1002),
    "a close code that is none": Attack(frame(b"\x03\xed", CLOSE), 1002),
    "a text that is not UTF-8": Attack(frame(b"\xff\xfe"), 1007),
    "a huge message": Attack(frame(b"x" * (MESSAGE_BYTES + 1)), 1009),
    "the head of a frame of an exabyte": Attack(b"\x82\xff" + (1 << 60).to_bytes(8, "big") + b"\0\0\0\0", 1009),
    "a huge message in fragments": Attack(
        frame(b"x" * 60_000, BINARY, is_last=False) + frame(b"x" * 60_000, CONTINUATION, is_last=False) * 18, 1009
    ),
    "10,100 fragments of a byte": Attack(_FRAGMENTS, 1009),
    "no JSON": Attack(frame(b"{"), 0),
    "JSON that is deep": Attack(frame(_DEEP), 0),
    "an unknown subprotocol": Attack(frame(b"hello"), 0, subprotocol="soap, mqtt"),
    "an unknown subprotocol of GraphQL": Attack(b"", 400, "/graphql", "soap"),
    "no JSON in GraphQL": Attack(frame(b"{"), 4400, "/graphql", _TRANSPORT),
    "GraphQL without an introduction": Attack(_TWICE, 4401, "/graphql", _TRANSPORT),
    "GraphQL introduced twice": Attack(_ACK * 2, 4429, "/graphql", _TRANSPORT),
    "GraphQL with an id twice": Attack(_ACK + _TWICE, 4409, "/graphql", _TRANSPORT),
    "an unknown version": Attack(b"", 426, header=("Sec-WebSocket-Version", "7")),
    "another origin": Attack(b"", 403, header=("Origin", "https://evil.example")),
}


async def ending(port: int, attack: Attack) -> int:
    """How the server ends an attack: a status, a close code, 0 for an error message, 1006 for a cut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(handshake(attack.path, attack.subprotocol, dict([attack.header] if attack.header else ())))
        head = await reader.readuntil(b"\r\n\r\n")
        if (status := int(head[9:12])) != 101:
            return status
        writer.write(attack.data)
        rest = b""
        while data := await reader.read(65_536):
            frames, rest = take_frames(rest + data)
            for opcode, content in frames:
                if opcode == CLOSE:
                    return int.from_bytes(content[:2], "big")
                if opcode == TEXT and b'"type":"error"' in content:
                    return 0
        return 1006
    except (ConnectionError, asyncio.IncompleteReadError):
        return 1006
    finally:
        writer.close()


class BadPeers:
    """All of them at a server. `endings`: how each attack ended, and how often."""

    def __init__(self, port: int, seconds: float, pace: float) -> None:
        self._port = port
        self._until = CLOCK.monotonic() + seconds
        self._pace = pace
        self.endings: dict[str, Counter[int]] = {name: Counter() for name in ATTACKS}
        self.flooded = self.answered = self.abandoned = 0

    async def run(self) -> None:
        """Until the time is over, and every attack has ended."""
        half_open = [asyncio.create_task(self._stay_silent()) for _ in range(HALF_OPEN)]
        running = [asyncio.create_task(self._flood()), *half_open]
        for name in self._names():
            running.append(asyncio.create_task(self._attack(name)))
            await CLOCK.sleep(1 / self._pace)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*running)

    def _names(self) -> Iterator[str]:
        """Each attack once, and then all of them again for as long as there is time."""
        yield from ATTACKS
        while True:
            for name in ATTACKS:
                if CLOCK.monotonic() >= self._until:
                    return
                yield name

    async def _attack(self, name: str) -> None:
        self.endings[name][await ending(self._port, ATTACKS[name])] += 1

    async def _flood(self) -> None:
        """Send pings and calls as fast as the connection takes them, and read what comes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(handshake("/v1/socket"))
        listing = {"type": "call", "id": "1", "operation": "records.list", "path": {"collection": "articles"}}
        messages = (frame(b'{"type":"ping"}') + frame(json.dumps(listing).encode())) * 50
        await reader.readuntil(b"\r\n\r\n")
        reading = asyncio.create_task(self._read(reader))
        while CLOCK.monotonic() < self._until and not reading.done():
            writer.write(messages)
            self.flooded += 100
            await asyncio.wait(
                {asyncio.create_task(writer.drain())}, timeout=max(0.01, self._until - CLOCK.monotonic())
            )
        writer.transport.abort()
        await reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        rest = b""
        try:
            while data := await reader.read(65_536):
                frames, rest = take_frames(rest + data)
                self.answered += len(frames)
        except ConnectionError:
            return

    async def _stay_silent(self) -> None:
        """Answer no ping: the server gives the connection up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(handshake("/v1/socket"))
        try:
            while await reader.read(65_536):
                pass
        except ConnectionError:
            pass
        self.abandoned += 1
        writer.close()


async def main() -> None:
    """Run them, and print what became of them."""
    peers = BadPeers(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
    await peers.run()
    numbers = {"flooded": peers.flooded, "answered": peers.answered, "abandoned": peers.abandoned}
    print(json.dumps({"endings": {name: [*ends.items()] for name, ends in peers.endings.items()}, **numbers}))


if __name__ == "__main__":
    asyncio.run(main())
