"""How synchronisation is doing."""

from __future__ import annotations

from typing import Literal

import msgspec

from hinterland.client.errors import HinterlandError

Mode = Literal["stopped", "connecting", "online", "offline", "paused", "following"]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`stopped`; `connecting`: the first exchange is under way; `online`; `offline`: the server does not answer and is
    tried again; `paused`: it wants the user to sign in again, and the outbox waits; `following`: another process
    synchronises this store.

    `synced_at` is when the store last held all that the server had (seconds since 1970), `error` why it is offline or
    paused.
    """

    state: Mode = "stopped"
    synced_at: float | None = None
    error: HinterlandError | None = None
