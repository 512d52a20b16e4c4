"""The values that literals stand for: escapes in strings, bytes as base64, timestamps in their one written form."""

from __future__ import annotations

import re

from hinterland.kit.cel.errors import CelError

_ESCAPE = (
    r"\\(?:(?P<plain>[abfnrtv\\?\"'`])|[xX](?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})"
    r"|(?P<octal>[0-3][0-7]{2}))"
)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_TIMESTAMP = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)"
)


def unescape(raw: str, source: str, offset: int, *, is_raw: bool, is_bytes: bool) -> str:
    """The text (for bytes: base64) between the quotes at ``offset`` of ``source``."""
    pieces: list[str | int] = []
    at = 0
    while at < len(raw):
        step = 1 if is_raw or raw[at] != "\\" else _escape(raw, at, pieces, source, offset, is_bytes)
        if step == 1:
            pieces.append(raw[at])
        at += step
    if is_bytes:
        return _base64(pieces)
    text = "".join(piece if isinstance(piece, str) else chr(piece) for piece in pieces)
    for position, sign in enumerate(text):
        if sign == "\0" or "\ud800" <= sign <= "\udfff":
            at = min(offset + position, offset + len(raw))
            raise CelError("no stored text holds U+0000 or half a surrogate pair", source, at)
    return text


def _escape(raw: str, at: int, pieces: list[str | int], source: str, offset: int, is_bytes: bool) -> int:
    """Append the character that the escape at ``at`` denotes; returns its length."""
    match = re.compile(_ESCAPE).match(raw, at)
    if match is None or (is_bytes and (match["u"] or match["U"])):
        hint = r'write "\\" for a backslash, or a raw string r"…"'
        raise CelError("this escape is not known", source, offset + at, offset + at + 2, hint)
    if match["plain"]:
        pieces.append(_PLAIN.get(match["plain"], match["plain"]))
        return 2
    code = int(match["octal"], 8) if match["octal"] else int(match["x"] or match["u"] or match["U"], 16)
    if code > 0x10FFFF:
        raise CelError("no character has this number", source, offset + at, offset + match.end())
    pieces.append(code)
    return match.end() - at


def _base64(pieces: list[str | int]) -> str:
    from base64 import b64encode  # few expressions hold bytes

    octets = b"".join(bytes([piece]) if isinstance(piece, int) else piece.encode() for piece in pieces)
    return b64encode(octets).decode()


def timestamp(text: str) -> str | None:
    """An RFC 3339 §5.6 date-time in the fixed form ``2026-01-02T03:04:05.000006Z``; None if it is none.

    An offset may also be written ``+02`` and ``+0200`` (ISO 8601). Finer than a microsecond, a leap second, and a
    moment outside the years 1 to 9999 are none.
    """
    from datetime import UTC, datetime, timedelta, timezone  # few expressions hold a timestamp

    match = re.fullmatch(_TIMESTAMP, text)
    if match is None:
        return None
    fraction = (match[7] or "").ljust(6, "0")
    if fraction[6:].strip("0") or (match[8] and (int(match[9]) > 23 or int(match[10] or 0) > 59)):
        return None
    try:
        offset = timedelta(hours=int(match[9]), minutes=int(match[10] or 0)) if match[8] else timedelta()
        zone = timezone(-offset if match[8] == "-" else offset)
        year, month, day, hour, minute, second = (int(match[index]) for index in range(1, 7))
        moment = datetime(year, month, day, hour, minute, second, int(fraction[:6]), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z".rjust(27, "0")
