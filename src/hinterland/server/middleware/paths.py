"""The path that routes are found by: below the mount prefix, its segments decoded after they were split.

A slash that is percent-encoded is part of its segment and not a delimiter (RFC 3986 §2.2): a proxy's rule for a path
and this server read the same segments. It becomes NUL, which no name and no id has.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiScope
from hinterland.server.http import REFUSED

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def routed(scope: AsgiScope) -> AsgiScope:
    """The scope with the path that its routes are found by; a server that gives no `raw_path` has decoded it already.

    Answers one that is refused where the path is not percent-encoded UTF-8.
    """
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw:
        try:
            path = _decoded(raw)
        except ValueError:
            message = "the path is not percent-encoded UTF-8; send % only before two hexadecimal digits"
            return {**scope, REFUSED: scope.get(REFUSED) or Refusal("invalid_request", message)}
    prefix: str = scope.get("root_path") or ""
    outer: str = scope.get("app_root_path") or ""
    if not _is_below(path, prefix) and outer and prefix.startswith(outer):
        # Mounted in an application behind a proxy that strips a prefix and reports it (ASGI's root_path).
        prefix = prefix[len(outer) :]
    if prefix and _is_below(path, prefix):
        path = path[len(prefix) :]
    return {**scope, "path": path or "/", "root_path": "", "path_params": {}}


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _decoded(raw: bytes) -> str:
    if _BAD_ESCAPE.search(raw):
        raise ValueError
    segments = [unquote_to_bytes(segment).decode() for segment in raw.split(b"/")]
    return "/".join([segment.replace("/", "\0") for segment in segments])
