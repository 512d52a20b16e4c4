"""Synchronisation, and the streams of events."""

from __future__ import annotations

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.events import StreamQuery, Ticket
from hinterland.contract.sync import MAX_COLLECTIONS, Pull, Push, PushResult
from hinterland.server.backend import Backend
from hinterland.server.data.encoding import Encoder
from hinterland.server.data.subscription import Subscription
from hinterland.server.operations.call import Call


async def push(backend: Backend, call: Call[Push]) -> PushResult:
    """Settle a device's mutations."""
    return await backend.pusher.push(call.caller, call.input)


async def pull(backend: Backend, call: Call[Pull]) -> msgspec.Raw:
    """What changed since a cursor."""
    return msgspec.Raw(await backend.puller.pull(call.caller, call.input, call.asker))


async def issue_ticket(backend: Backend, call: Call[None]) -> Ticket:
    """A ticket that opens one stream."""
    return await backend.tickets.issue(call.caller)


async def subscribe(backend: Backend, call: Call[StreamQuery], encoder: Encoder) -> Subscription:
    """A stream of the visible changes, as `encoder` says them. Raises `invalid_query`."""
    wanted = call.input
    if not 1 <= len(wanted.collection) <= MAX_COLLECTIONS:
        message = f"name the collections to follow: collection=posts, 1 to {MAX_COLLECTIONS} of them"
        raise Refusal("invalid_query", message)
    if wanted.filter and len(wanted.collection) > 1:
        raise Refusal("invalid_query", "filter: open one stream for each collection that is filtered")
    return await backend.feed.subscribe(
        call.caller,
        wanted.collection,
        encoder,
        filter=wanted.filter,
        cursor=wanted.lastEventId or wanted.cursor,
        asker=call.asker,
    )
