"""As much of WebSocket as a load generator needs: a handshake as bytes, masked frames, and frames taken apart
(RFC 6455)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.http1 import request

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_MASK = b"\0\0\0\0"  # which changes nothing: what is sent need not be hidden from a proxy (RFC 6455 §10.3)


def handshake(path: str, subprotocol: str = "", headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """The request that opens a WebSocket."""
    words = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": _KEY}
    words |= {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else {}
    return request("GET", path, {**words, **headers})


def frame(data: bytes, opcode: int = TEXT, *, is_last: bool = True) -> bytes:
    """A client's frame. `is_last`: no further fragment of its message follows."""
    first, size = opcode | (0x80 if is_last else 0), len(data)
    if size < 126:
        return bytes((first, 0x80 | size)) + _MASK + data
    if size < 1 << 16:
        return bytes((first, 0xFE)) + size.to_bytes(2, "big") + _MASK + data
    return bytes((first, 0xFF)) + size.to_bytes(8, "big") + _MASK + data


def take_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames of a server in `data` as (opcode, content), and the bytes of one that is not whole yet."""
    frames, at = [], 0
    while len(data) >= at + 2:
        size, start = data[at + 1], at + 2
        if size > 125:
            start += 2 if size == 126 else 8
            if len(data) < start:
                break
            size = int.from_bytes(data[at + 2 : start], "big")
        if len(data) < start + size:
            break
        frames.append((data[at] & 0x0F, data[start : start + size]))
        at = start + size
    return frames, data[at:]
