"""The settings of a client."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import msgspec

from hinterland.client.errors import InvalidSetting


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """All times are in seconds.

    `connect`, `read`, `write` and `pool` limit one attempt: making a connection, waiting for the next piece of the
    answer, sending the next piece, waiting for a free connection. `deadline` limits the call with all its attempts.

    `retries` are made after the first attempt, `retry_base` (`retry_base_busy` after 429 and 503) and `retry_cap` shape
    the waits between them; a Retry-After over `retry_cap` is not waited for. `headers` go with every
    request to the backend, and to no other server.
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 30.0
    pool: float = 10.0
    deadline: float = 60.0
    retries: int = 3
    retry_base: float = 0.1
    retry_base_busy: float = 1.0
    retry_cap: float = 30.0
    max_connections: int = 100
    http2: bool = False
    headers: dict[str, str] = {}

    def __post_init__(self) -> None:
        for name in ("connect", "read", "write", "pool", "deadline", "retry_base", "retry_base_busy", "retry_cap"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InvalidSetting(f"Options.{name} must be a number of seconds above 0, is {value!r}.")
        if self.retries < 0 or self.max_connections < 1:
            raise InvalidSetting("Options.retries must be 0 or more, Options.max_connections 1 or more.")
        if wrong := wrong_header(self.headers):
            raise InvalidSetting(f"Options.headers: {wrong}.")
        if self.http2 and find_spec("h2") is None:
            raise InvalidSetting(
                "Options.http2=True needs the package h2, which is missing.",
                advice="Install it with pip install h2, or leave http2 out.",
            )


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?|")


def wrong_header(headers: Mapping[Any, Any]) -> str:
    """What is wrong with the first header that can't be sent (RFC 9110 §5.1, §5.5); "": nothing."""
    for name, value in headers.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            return f"{name!r} is not the name of a header"
        if not isinstance(value, str) or _VALUE.fullmatch(value) is None:
            return f"the value of {name} must be ASCII text without control characters and outer blanks"
    return ""
