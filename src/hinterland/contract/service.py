"""What a server reports of itself."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process is alive."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The `database`, "sqlite" or "postgres", answers; `revision` is that of the last change."""

    status: str = "ready"
    database: str
    revision: int
