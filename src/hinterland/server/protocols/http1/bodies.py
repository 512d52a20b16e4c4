"""The framing of a request's body: where it ends (RFC 9112 §6). No I/O.

What is not content is bounded and dropped: chunk extensions, and trailer fields, which never become headers
(RFC 9110 §6.5.1).
"""

from __future__ import annotations

import re

from hinterland.contract.errors import Refusal

EXTENSION_BYTES = 4 * 1024  # of one body
TRAILER_BYTES = 16 * 1024
LINES_AT_ONCE = 1_000  # some milliseconds, in which others wait
_LINE_BYTES = 1024  # of a chunk's size with its extensions
_SIZE = re.compile(rb"([\dA-Fa-f]{1,16})(;[\t -~\x80-\xff]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~\dA-Za-z-]+:[\t -~\x80-\xff]*\r\n")


class ChunkedBody:
    """A body in chunks (RFC 9112 §7.1), read as it comes."""

    __slots__ = ("_dropped", "_due", "_line", "_lines", "is_in_trailers", "is_whole")

    def __init__(self) -> None:
        self.is_whole = False
        self.is_in_trailers = False
        self._due = 0  # bytes of the current chunk that are still to come, with the line break behind them
        self._lines = 0
        self._line = b""  # the beginning of a line whose end is still to come
        self._dropped = 0  # bytes of extensions, then of trailers

    def read(self, data: bytes, at: int) -> tuple[bytes, int]:
        """The content in `data` from `at` on, and where the rest begins: in `LINES_AT_ONCE` at most, since very small
        chunks cost much more than their bytes. Raises Refusal for one that is not chunked."""
        content: list[bytes] = []
        self._lines = 0
        while at < len(data) and not self.is_whole and self._lines < LINES_AT_ONCE:
            if self._due > 2:
                content.append(data[at : at + self._due - 2])
                self._due -= len(content[-1])
                at += len(content[-1])
                continue
            end = data.find(b"\n", at) + 1 or len(data)
            self._line += data[at:end]
            at = end
            self._lines += 1
            self._read_line()
        return b"".join(content), at

    def _read_line(self) -> None:
        """Take the line that was read, if it is whole."""
        limit = 2 if self._due else TRAILER_BYTES if self.is_in_trailers else _LINE_BYTES
        if not self._line.endswith(b"\n") and len(self._line) < limit:
            return
        line, self._line = self._line, b""
        if self._due:
            self._end_chunk(line)
        elif self.is_in_trailers:
            self._drop_trailer(line)
        else:
            self._begin_chunk(line)

    def _end_chunk(self, line: bytes) -> None:
        if line != b"\r\n":
            raise Refusal("invalid_request", "a chunk is longer than its size; end it with CR LF (RFC 9112 §7.1)")
        self._due = 0

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise Refusal("invalid_request", "a chunk has no valid size; send it as hexadecimal digits, CR LF")
        self._dropped += len(match[2] or b"")
        if self._dropped > EXTENSION_BYTES:
            raise Refusal("invalid_request", f"the chunk extensions are larger than {EXTENSION_BYTES:,} bytes")
        size = int(match[1], 16)
        if size:
            self._due = size + 2
        else:
            self.is_in_trailers = True
            self._dropped = 0

    def _drop_trailer(self, line: bytes) -> None:
        self._dropped += len(line)
        if self._dropped > TRAILER_BYTES:
            raise Refusal("headers_too_large", f"the trailer fields are larger than {TRAILER_BYTES:,} bytes")
        if line == b"\r\n":
            self.is_whole = True
        elif _TRAILER.fullmatch(line) is None:
            raise Refusal("invalid_request", "a trailer field is not valid (RFC 9110 §5)")
