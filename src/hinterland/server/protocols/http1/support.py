"""Whether the installed uvicorn has what `HttpConnection` is built on, which uvicorn may rename at any release."""

from __future__ import annotations

import asyncio
import logging
from inspect import signature
from typing import Any

log = logging.getLogger("hinterland")
_METHODS = frozenset({
    "connection_lost", "connection_made", "data_received", "eof_received", "on_body", "on_message_begin",
    "on_message_complete", "on_response_complete", "on_url", "pause_writing", "resume_writing", "shutdown",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "access_logger", "app", "cycle", "expect_100_continue", "flow", "headers", "logger", "loop", "parser", "pipeline",
    "scheme", "scope", "server_state", "tasks", "timeout_keep_alive", "transport",
})  # fmt: skip
_ARGUMENTS = frozenset({
    "access_log", "access_logger", "default_headers", "expect_100_continue", "flow", "keep_alive", "logger",
    "message_event", "on_response", "scope", "transport",
})  # fmt: skip
_STATE = frozenset({
    "body", "chunked_encoding", "disconnected", "expected_content_length", "more_body", "response_complete",
    "response_started", "waiting_for_100_continue",
})  # fmt: skip


def connection_class() -> type[asyncio.Protocol] | None:
    """`HttpConnection`; None where httptools is missing, or uvicorn lacks a private name that it uses, which is logged
    as a warning."""
    try:
        import httptools  # noqa: F401
    except ImportError:
        return None
    try:
        from uvicorn.protocols.http import httptools_impl as uvicorns

        missing = missing_names(uvicorns)
        if not missing:
            from hinterland.server.protocols.http1.connection import HttpConnection

            return HttpConnection
    except ImportError as error:
        missing = [str(error)]
    from importlib.metadata import version  # 5 ms that a server whose uvicorn fits does not need

    log.warning(
        "uvicorn %s lacks what Hinterland's HTTP/1.1 is built on (%s); uvicorn's own HTTP/1.1 is used, which is slower "
        "and has fewer limits; install a version that Hinterland is tested with: pip install 'hinterland[server]'",
        version("uvicorn"),
        ", ".join(missing),
    )
    return None


def missing_names(uvicorns: Any) -> list[str]:
    """The names that `HttpConnection` uses and uvicorn's module of HTTP/1.1 does not have."""
    missing = {"STATUS_LINE", "HttpToolsProtocol", "RequestResponseCycle"} - vars(uvicorns).keys()
    if missing:
        return sorted(missing)
    protocol, cycle = uvicorns.HttpToolsProtocol, uvicorns.RequestResponseCycle
    missing |= _METHODS - set(dir(protocol))
    missing |= _ATTRIBUTES - set(protocol.__init__.__code__.co_names)
    missing |= {"run_asgi", "receive", "send"} - set(dir(cycle))
    missing |= _ARGUMENTS ^ (signature(cycle).parameters.keys() - {"self"})
    missing |= _STATE - set(cycle.__init__.__code__.co_names)
    return sorted(missing)
