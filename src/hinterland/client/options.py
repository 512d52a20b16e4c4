"""The settings of a client."""

from __future__ import annotations

import math

import msgspec


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
                raise ValueError(f"Options.{name} must be a number of seconds above 0, is {value!r}")
        if self.retries < 0 or self.max_connections < 1:
            raise ValueError("Options.retries must be 0 or more, Options.max_connections 1 or more")
