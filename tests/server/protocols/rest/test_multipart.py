"""The texts of a multipart form."""

from __future__ import annotations

import pytest

from hinterland.contract.errors import Refusal
from hinterland.server.protocols.rest.multipart import multipart_fields

TYPE = b"multipart/form-data; boundary=x"
NAME = b'form-data; name="a"'


def part(disposition: bytes = NAME, value: bytes = b"v", more: bytes = b"") -> bytes:
    """One part after its boundary, with `more` headers."""
    return b"--x\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + value + b"\r\n"


READ: list[tuple[bytes, bytes, list[tuple[str, str]]]] = [
    (TYPE, part() + b"--x--\r\n", [("a", "v")]),
    (TYPE, part() + b"--x--", [("a", "v")]),
    (TYPE, b"before\r\n" + part() + b"--x--\r\nafter", [("a", "v")]),
    (TYPE, part(value=b"") + part(b"Form-Data;name=b") + b"--x--\r\n", [("a", ""), ("b", "v")]),
    (TYPE, part(value=b"1\r\n\r\n--2\r\n-x--") + b"--x--\r\n", [("a", "1\r\n\r\n--2\r\n-x--")]),
    (TYPE, part('form-data; name="é;\\"\\\\%22"'.encode(), "ü".encode()) + b"--x--\r\n", [('é;"\\%22', "ü")]),
    (TYPE, part(more=b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8BIT\r\n") + b"--x--", [("a", "v")]),
    (b'Multipart/Form-Data ; a=b; Boundary="x"', part() + b"--x \t\r\n" + part()[5:] + b"--x--", [("a", "v")] * 2),
    (TYPE, b"--x--\r\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "fields"), READ)
def test_what_a_form_has(kind: bytes, body: bytes, fields: list[tuple[str, str]]) -> None:
    """Names and values are read as browsers and clients write them, in order and unchanged."""
    assert multipart_fields(body, kind, 100) == fields


TORN: list[tuple[bytes, bytes]] = [
    (b"multipart/form-data", part() + b"--x--"),
    (b"multipart/form-data; boundary=", part() + b"--x--"),
    (b"multipart/form-data; boundary=" + b"x" * 71, part() + b"--x--"),
    (b"multipart/form-data; boundary=x; boundary=y", part() + b"--x--"),
    (b"multipart/form-data; boundary*=utf-8''x", part() + b"--x--"),
    (TYPE, part()),
    (TYPE, b"--xy" + part()[3:] + b"--x--"),
    (TYPE, part().replace(b"\r\n", b"\n") + b"--x--"),
    (TYPE, b"--x\r\n\r\nv\r\n--x--"),
    (TYPE, part(b"form-data") + b"--x--"),
    (TYPE, part(b"attachment; name=a") + b"--x--"),
    (TYPE, part(b"form-data; name*") + b"--x--"),
    (TYPE, part(b"form-data; name=\xff") + b"--x--"),
    (TYPE, part(b"form-data; name=a; name=b") + b"--x--"),
    (TYPE, part(more=b"Content-Transfer-Encoding: base64\r\n") + b"--x--"),
    (TYPE, part(value=b"\xff") + b"--x--"),
    (TYPE, part() * 101 + b"--x--"),
]


@pytest.mark.parametrize(("kind", "body"), TORN)
def test_what_is_no_form(kind: bytes, body: bytes) -> None:
    """What is torn, encoded otherwise, without names or of too many fields is not read in part."""
    with pytest.raises(ValueError, match=r"form|utf-8"):
        multipart_fields(body, kind, 100)


@pytest.mark.parametrize("named", [b"; filename=f", b'; filename=""', b"; filename*=utf-8''f"])
def test_a_file_in_a_form(named: bytes) -> None:
    """A file is refused by its field's name, whatever the file is called."""
    with pytest.raises(Refusal, match="field 'a' is a file"):
        multipart_fields(part(NAME + named) + b"--x--", TYPE, 100)


@pytest.mark.parametrize(
    "body",
    [
        part(b"form-data" + b"(a)" * 15_000 + b"; name=a"),
        part(b"(" * 60_000),
        part(b'form-data; name="' + b'\\"' * 30_000),
        part(b"form-data" + b"; a=b" * 10_000),
        part(more=b"Content-Type: " + b"(" * 60_000 + b"\r\n"),
        part(more=b"Content-Type: message/delivery-status\r\n", value=b"\r\n" * 20_000),
        b"--x\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 1_900,
        b"--x\r\n\r\n\r\n" * 6_000,
        b"\r\n--x" * 12_000,
    ],
)
def test_a_form_that_is_made_to_cost(body: bytes) -> None:
    """A form as large as one may be is refused by its own fault, however it nests comments, messages and parts: never
    with an internal error, and in one pass over it."""
    with pytest.raises(ValueError, match=r"form|utf-8"):
        multipart_fields(body, TYPE, 100)
