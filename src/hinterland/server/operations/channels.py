"""Channels for the code of apps."""

from __future__ import annotations

from hinterland.server.backend import Backend


async def broadcast(backend: Backend, channel: str, event: str, data: object = None, *, keep: bool = True) -> int:
    """Send a message to all members of a channel, on whichever server, as of nobody; no rule is asked. Returns its
    number where the channel keeps it, else 0. `data` is what JSON can hold.

    Raises `Refusal`: `not_found` for a channel that is not declared, `too_large` and `unavailable`.
    """
    return await backend.channels.broadcast(channel, event, data, keep=keep)
