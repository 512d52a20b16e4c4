"""The text of Server-sent events, read piece by piece (WHATWG HTML, "Server-sent events" §9.2.6)."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True):
    """One event: its name (`message` by default), data and the last id that was seen."""

    event: str
    data: str
    id: str


class EventStreamParser:
    """Turns bytes, cut anywhere, into messages.

    `retry` is the seconds that the server asks to wait before coming back, None unless it did; `last_id` the newest id.
    """

    def __init__(self) -> None:
        self.retry: float | None = None
        self.last_id = ""
        self._buffer = b""
        self._is_first = True
        self._event = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that `piece` completes."""
        lines = self._lines(piece)
        return [message for line in lines if (message := self._take(line)) is not None]

    def _lines(self, piece: bytes) -> list[str]:
        buffer = self._buffer + piece
        # A CR at the end may be half of a CRLF: it waits for what follows.
        held = b"\r" if buffer.endswith(b"\r") else b""
        text = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        self._buffer = rest + held
        if lines and self._is_first:
            self._is_first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        return [line.decode("utf-8", "replace") for line in lines]

    def _take(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> Message | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return Message(event, "\n".join(data), self.last_id) if data else None
