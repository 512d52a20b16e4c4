"""Which hosts a request may name (RFC 9110 §7.2), so that no page reaches this server by a name that it made up.

A page of a foreign name whose address becomes this machine's (DNS rebinding) is of the same origin for its browser, so
CORS does not apply. Its requests still carry the foreign name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.kit.log_limit import LimitedLog
from hinterland.server.http import REFUSED
from hinterland.server.middleware.boundary import LOG_LINES
from hinterland.server.middleware.cors import Cors

log = logging.getLogger("hinterland.hosts")
_LOOPBACK = re.compile(r"([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\]")
_PORT = re.compile(rb":\d*$")
_MOST_KNOWN = 1_000
_LONGEST = 300  # characters: a name has 253 at most (RFC 1035 §2.3.4), and each domain above it is looked for


class Hosts:
    """Refuses requests for hosts that are neither loopback nor in `allowed`, the setting `allowed_hosts`."""

    def __init__(self, app: Cors, allowed: Sequence[str]) -> None:
        self.app = app  # behind it the boundary, which answers what is refused here
        self._log = LimitedLog(log, LOG_LINES)  # anybody can be refused, as often as they like
        self._allowed = frozenset(name.lower() for name in allowed)
        self._known: set[bytes] = set()  # as the header spells them; most requests name one of few

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host":
                    if value not in self._known and not self._learn(value):
                        scope.setdefault(REFUSED, self._misdirected(value))
                    break
        await self.app(scope, receive, send)

    def allows(self, host: bytes) -> bool:
        """Whether a Host header names an allowed host, whatever its port."""
        if len(host) > _LONGEST:
            return False
        name = _PORT.sub(b"", host.strip()).decode("latin-1").lower().removesuffix(".")
        if _LOOPBACK.fullmatch(name) or name in self._allowed or "*" in self._allowed:
            return True
        return any(f"*.{above}" in self._allowed for above in _domains_above(name))

    def knows(self, host: bytes) -> bool:
        """Whether a request was allowed to name the host, spelt like this."""
        return host in self._known

    def _learn(self, host: bytes) -> bool:
        is_allowed = self.allows(host)
        if is_allowed and len(self._known) < _MOST_KNOWN:
            self._known.add(host)
        return is_allowed

    def _misdirected(self, host: bytes) -> Refusal:
        shown = "".join(char if char.isprintable() else "?" for char in host.decode("latin-1"))[:200]
        self._log.warning(
            "refused a request for the host %s: it is not in the setting allowed_hosts. If this server is reached by "
            "that name, add it to allowed_hosts in the app file or to HINTERLAND_ALLOWED_HOSTS",
            shown,
        )
        return Refusal(
            "misdirected",
            f"this server does not accept the host {shown!r}; add it to the setting allowed_hosts",
        )


def _domains_above(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels))]
