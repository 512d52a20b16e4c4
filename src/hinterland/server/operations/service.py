"""What a server reports of itself: liveness, readiness, and its public keys."""

from __future__ import annotations

from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.service import Health, Readiness
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call, Reply


async def health(backend: Backend, call: Call[None]) -> Health:
    """Liveness of the process."""
    return Health()


async def ready(backend: Backend, call: Call[None]) -> Readiness:
    """Readiness: the database answers."""
    try:
        head = await backend.storage.head()
    except Exception as error:
        raise Refusal("unavailable", "the database does not respond", retry_after=1) from error
    return Readiness(database=backend.storage.dialect, revision=head.revision)


async def jwks(backend: Backend, call: Call[None]) -> Reply:
    """The keys that verify access tokens (RFC 7517 §5)."""
    keys: dict[str, Any] = backend.keys.jwks()
    return Reply(keys, max_age=300)
