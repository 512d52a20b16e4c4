"""The texts of a multipart form (RFC 7578), as browsers and HTTP clients write them.

Parsers of e-mail accept much more, and need seconds for a small body that is made for it; the time of this one grows
with the length of the body alone.
"""

from __future__ import annotations

import re

from hinterland.contract.errors import Refusal

_TYPE = re.compile(rb"multipart/form-data\s*", re.IGNORECASE)
_DISPOSITION = re.compile(rb"form-data\s*", re.IGNORECASE)
_PARAMETER = re.compile(rb""";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_AS_IT_IS = frozenset({b"7bit", b"8bit", b"binary"})  # transfer encodings that change nothing
_LONGEST_BOUNDARY = 70  # RFC 2046 §5.1.1


def multipart_fields(data: bytes, content_type: bytes, most: int) -> list[tuple[str, str]]:
    """The names and values of a form's fields, in order. Raises ValueError for what is no form or has over `most`
    fields, and `invalid_body` for a file."""
    boundary = _parameters(content_type, _TYPE).get(b"boundary", b"")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise ValueError("the form names no boundary")
    _, *parts = (b"\r\n" + data).split(b"\r\n--" + boundary, most + 2)
    fields: list[tuple[str, str]] = []
    for part in parts:
        if part.startswith(b"--"):
            return fields
        padding, _, rest = part.partition(b"\r\n")
        if padding.strip(b" \t") or len(fields) == most:
            raise ValueError("the form has too many fields, or a torn boundary")
        fields.append(_field(rest))
    raise ValueError("the form has no end")


def _field(part: bytes) -> tuple[str, str]:
    head, ended, value = part.partition(b"\r\n\r\n")
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(b":") for line in head.split(b"\r\n"))}
    given = _parameters(headers.get(b"content-disposition", b""), _DISPOSITION)
    coding = headers.get(b"content-transfer-encoding", b"binary").lower()
    if not ended or b"name" not in given or coding not in _AS_IT_IS:
        raise ValueError("not the field of a form")
    name = _ESCAPED.sub(r"\1", given[b"name"].decode())
    if b"filename" in given or b"filename*" in given:
        raise Refusal("invalid_body", f"field {name[:64]!r} is a file; send text")
    return name, value.decode()


def _parameters(header: bytes, value: re.Pattern[bytes]) -> dict[bytes, bytes]:
    """The parameters of a header whose value is matched by `value`. Raises ValueError."""
    match = value.match(header)
    found: dict[bytes, bytes] = {}
    while match is not None and match.end() < len(header):
        match = _PARAMETER.match(header, match.end())
        if match is not None and match[1].lower() not in found:
            found[match[1].lower()] = match[2] or match[3] or b""
        else:
            match = None
    if match is None:
        raise ValueError("not the header of a form")
    return found
