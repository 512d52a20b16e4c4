"""The process's limit of open files, each connection being one: what comes near it is refused, not reset."""

from __future__ import annotations

import logging
import math
import resource

log = logging.getLogger("hinterland")
WARN_SECONDS = 60.0


class Ceiling:
    """Keeps some files back for databases and logs, and for connections that are refused."""

    def __init__(self) -> None:
        self._warned = -math.inf

    def is_reached(self, number: int, now: float) -> bool:
        """Whether a connection whose file has this number is too many: a process gives out the lowest number first.
        The log says so once in `WARN_SECONDS`."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY or number < limit - min(64, limit // 4):
            return False
        if now - self._warned >= WARN_SECONDS:
            self._warned = now
            log.warning(
                "refusing connections: this process may have %d open files and connections, and nearly all are in use; "
                "raise the hard limit (ulimit -Hn, or LimitNOFILE= of its systemd unit)",
                limit,
            )
        return True
