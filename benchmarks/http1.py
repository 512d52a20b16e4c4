"""As much of HTTP/1.1 as a load generator needs: requests as bytes, and answers taken apart afterwards (RFC 9112)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request on a connection that stays open."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_whole(data: bytes) -> bool:
    """Whether `data`, all that came since the request was sent, is a whole answer."""
    end = data.find(_END)
    if end < 0:
        return False
    length = content_length(data[:end])
    return data.endswith(_LAST_CHUNK) if length is None else len(data) >= end + 4 + length


def content_length(head: bytes) -> int | None:
    """What the head of an answer says about the length of its body; None where it comes in chunks."""
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return None
    stop = lower.find(b"\r\n", start + 2)
    return int(lower[start + 17 : stop if stop >= 0 else len(lower)])


def split(answer: bytes) -> tuple[int, bytes]:
    """Status and body of a whole answer."""
    head, _, body = answer.partition(_END)
    status = int(head[9:12])
    return status, body if content_length(head) is not None else dechunked(body)


def dechunked(data: bytes) -> bytes:
    """The content of the whole chunks in `data` (RFC 9112 §7.1)."""
    return take_chunks(data)[0]


def take_chunks(data: bytes) -> tuple[bytes, bytes]:
    """The content of the whole chunks in `data`, and the bytes of a chunk that is not whole yet."""
    parts, at = [], 0
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].partition(b";")[0], 16)
        if len(data) < line + size + 4:
            break
        parts.append(data[line + 2 : line + 2 + size])
        at = line + size + 4
    return b"".join(parts), data[at:]


def call(port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """One request outside of the measurement: the decoded answer. Raises RuntimeError on a status from 400."""
    status, answer = ask(port, method, path, body, headers)
    if status >= 400:
        raise RuntimeError(f"{method} {path} answered {status}: {answer}")
    return answer


def ask(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """The status and the decoded answer of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data else None
    finally:
        connection.close()
