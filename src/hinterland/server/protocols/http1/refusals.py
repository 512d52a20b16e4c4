"""Requests that are refused before they reach the application's own code: what is wrong, and as whose request.

They are answered by the application's boundary like every other refusal: with a request id, and with CORS headers for a
page that may call.
"""

from __future__ import annotations

import re
from typing import Any

import httptools

from hinterland.contract.errors import Refusal
from hinterland.server.http import REFUSED, Headers

_VERSION = re.compile(rb"[A-Za-z]+/\d+(\.\d+)?")
_LATER = re.compile(rb"HTTP/1\.[2-9]")
_METHOD = re.compile(rb"[A-Z]{1,20}")
_KEPT = re.compile(rb"^(Origin|Host|X-Request-Id):[ \t]*([!-~]{1,1024})[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_KEPT_BYTES = 64 * 1024


def known_version(head: bytes) -> tuple[bytes, bool]:
    """A head that does not begin with a line of HTTP/1.1, as it is read, and whether it is of HTTP/1.0.

    A later minor version is read as 1.1 (RFC 9110 §2.5). Raises Refusal for other versions, and for none.
    """
    line = _request_line(head)
    before, _, version = line.rpartition(b" ")
    if not line or version == b"HTTP/1.1":  # line breaks alone or in front (RFC 9112 §2.2)
        return head, False
    if _LATER.fullmatch(version):
        return head.replace(line, before + b" HTTP/1.1", 1), False
    if _VERSION.fullmatch(version) is None:
        raise Refusal("invalid_request", "the request line is not valid; send a method, a URL and HTTP/1.1")
    if version != b"HTTP/1.0":
        raise Refusal("http_version", f"{version.decode()[:20]} is not supported; send HTTP/1.1")
    return head, True


def unreadable(error: httptools.HttpParserError, head: bytes) -> Refusal:
    """Why the parser does not take a head."""
    if isinstance(error.__context__, Refusal):
        return error.__context__
    method, _, rest = _request_line(head).partition(b" ")
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return unknown_method(method)
    if isinstance(error, httptools.HttpParserInvalidURLError) or b" " in rest.rpartition(b" ")[0].strip():
        return Refusal("invalid_request", "the URL has a character that no URL has; percent-encode it")
    return Refusal("invalid_request", f"the request is not valid HTTP/1.1: {error}")


def unknown_method(method: bytes) -> Refusal:
    """A method that the server does not implement (RFC 9110 §9.1)."""
    shown = ascii(method.decode("latin-1")[:20])
    return Refusal("not_implemented", f"unknown method {shown}; methods are case-sensitive, such as PATCH")


def mark_refused(scope: Any, head: bytes, refusal: Refusal) -> None:
    """Make ASGI's `scope` that of a refused request, as far as its head can be read."""
    method = _request_line(head).partition(b" ")[0]
    headers: Headers = [(name.lower(), value) for name, value in _KEPT.findall(head[:_KEPT_BYTES])]
    scope["method"] = method.decode() if _METHOD.fullmatch(method) else "GET"
    scope.update(path="/", raw_path=b"/", query_string=b"", headers=headers)
    scope[REFUSED] = refusal


def _request_line(head: bytes) -> bytes:
    return head.lstrip(b"\r\n").partition(b"\r\n")[0]
