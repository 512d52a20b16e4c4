"""Messages of a client as they are read, and what is wrong with one that can't be."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any, get_args

import msgspec

from hinterland.contract import socket as messages
from hinterland.contract.errors import Refusal, invalid
from hinterland.kit import strict_json, strict_msgpack
from hinterland.server.operations.unfitting import unfitting
from hinterland.server.protocols.socket.channels import ChannelRequest

AskedMessage = (
    messages.Authentication | messages.SocketCall | messages.SubscribeMessage | messages.Unsubscribe | ChannelRequest
)
_LARGE = 16 * 1024  # bytes of a message
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_BY_TYPE = {str(kind.__struct_config__.tag): kind for kind in get_args(AskedMessage)}
_KINDS = f"{', '.join(['ping', *_BY_TYPE][:-1])} or {[*_BY_TYPE][-1]}"
_EXAMPLE = '{"type": "ping"}'
# What other servers call these messages.
_OTHER_NAMES = {
    **dict.fromkeys(("authenticate", "authorization", "login"), "send auth"),
    **dict.fromkeys(("publish", "broadcast", "message", "emit"), "send join, then send"),
    **dict.fromkeys(("presence", "track", "untrack"), "presence comes with join, and state changes your own"),
    **dict.fromkeys(("connection_init", "start", "stop"), "GraphQL is at /graphql"),
    "history": "it comes with join",
}
_OF_LISTS = frozenset({"filter", "sort", "limit", "search", "fields", "expand", "total"})


class _Named(msgspec.Struct):
    id: str = ""


def id_in(data: str | bytes) -> str:
    """The id of a message that is not valid, so that its error reaches the call; "" where none can be read."""
    try:
        if isinstance(data, str):
            named = msgspec.json.decode(_SURROGATE.sub("?", data), type=_Named)
        else:
            named = msgspec.msgpack.decode(data, type=_Named)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    return named.id if len(named.id) <= messages.MAX_ID else ""


async def decoded(data: str | bytes) -> dict[str, Any]:
    """A message as an object; a large one is read in a thread. Raises `invalid_body`."""
    if isinstance(data, str):
        decode = partial(strict_json.decode, data.encode())
    else:
        decode = partial(strict_msgpack.decode, data)
    try:
        value = await asyncio.to_thread(decode) if len(data) > _LARGE else decode()
    except strict_json.StrictJsonError as error:
        raise Refusal("invalid_body", f"message: {error}; send an object such as {_EXAMPLE}") from None
    if not isinstance(value, dict):
        raise Refusal("invalid_body", f"message: it is not a JSON object; send one such as {_EXAMPLE}")
    return value


def converted(asked: dict[str, Any]) -> AskedMessage:
    """An object as the message of its type. Raises `validation`, which names the member that is wrong."""
    if (name := asked.get("type")) is None:
        raise invalid({"type": [f"is required; send {_KINDS}"]})
    if not isinstance(name, str) or (kind := _BY_TYPE.get(name)) is None:
        other = _OTHER_NAMES.get(name) if isinstance(name, str) else None
        raise invalid({"type": [f"unknown type {str(name)[:64]!a}; {other or f'send {_KINDS}'}"]})
    names = kind.__struct_encode_fields__
    for unknown in asked.keys() - {"type", *names}:
        raise invalid({unknown[:64]: [_unknown(name, unknown, names)]})
    try:
        message: AskedMessage = msgspec.convert(asked, kind)
        return message
    except msgspec.ValidationError as error:
        raise unfitting(error, "validation", kind) from None


def _unknown(name: str, member: str, names: tuple[str, ...]) -> str:
    if name == "subscribe" and member in _OF_LISTS:
        return f'is a parameter of the list; send "query": {{"{member}": …}}'
    if name == "subscribe" and member == "channel":
        return "subscribe follows a collection; send join for a channel"
    return f"unknown member of {name}; allowed: {', '.join(names)}"


def checked_id(given: object) -> str:
    """The id of a message. Raises `validation`."""
    if not isinstance(given, str) or not 1 <= len(given) <= messages.MAX_ID:
        raise invalid({"id": [f"must be a text of 1 to {messages.MAX_ID} characters"]})
    return given
