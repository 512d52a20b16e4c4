"""Messages of the WebSocket at `/v1/socket`: JSON objects, or the same in MessagePack, which `type` tells apart.

The server begins with `hello`. A client may say who it is (`auth`) and ask whether the server is there (`ping`, which
is answered with `pong` and whatever else it had). It calls operations of the table (`call`) and follows collections
(`subscribe`); `id`, which the client chooses, connects an answer with its question. What a subscription delivers is
what a stream of `contract.events` does. It also joins channels (`join`), whose members send each other messages.
"""

from __future__ import annotations

from typing import Any

import msgspec

VERSION = 1
SUBPROTOCOL = "hinterland.v1"
MAX_ID = 64
"""The characters of the id of a call or a subscription."""

# Close codes (RFC 6455 §7.4): those of the protocol, and of 4000–4999 those that its relatives use.
GOING_AWAY = 1001
TOO_BIG = 1009
RESTART = 1012
TRY_AGAIN = 1013
UNAUTHORIZED = 4401
CLOSE_CODES = {
    1000: "it was closed as planned",
    GOING_AWAY: "the server or the page goes away",
    1002: "a frame is not valid (RFC 6455)",
    1007: "a text is not UTF-8",
    TOO_BIG: "a message is larger than the setting `socket_message_bytes`",
    1011: "an error of the server, which its log explains",
    RESTART: "the server restarts; come back with your cursors",
    TRY_AGAIN: "what was sent was not read in time; come back with your cursors",
    UNAUTHORIZED: "the session has ended; sign in again",
}
"""What the server closes a socket with, and why."""


class SocketQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a socket is opened with: a single-use `ticket` of a browser, which sends no header Authorization, and the
    `format` of the server's messages, "json" or "msgpack"."""

    ticket: str | None = None
    format: str = "json"


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    pass


class _FromClient(_Message, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


# ---------------------------------------------------------------- from the client


class Authentication(_FromClient, frozen=True, kw_only=True, tag="auth"):
    """Who the client is, by an access `token` or a single-use `ticket`; again before the token expires."""

    token: str = ""
    ticket: str = ""


class SocketCall(_FromClient, frozen=True, kw_only=True, tag="call"):
    """A call of an `operation` of the table. `path` has the segments of its path, where `collection` may be that of
    records below others ("posts/42/comments"); `query` and `body` are those of the request, `if_match`,
    `if_none_match` and `key` its headers If-Match, If-None-Match and Idempotency-Key."""

    id: str
    operation: str
    path: dict[str, str | int] = {}
    query: dict[str, str | int | float | bool | list[str]] = {}
    body: Any = msgspec.UNSET
    if_match: str = ""
    if_none_match: str = ""
    key: str = ""


class SubscribeMessage(_FromClient, frozen=True, kw_only=True, tag="subscribe"):
    """Follow one `collection`, or several by name. With `cursor` it goes on from there; otherwise a single collection
    begins with a snapshot, unless `snapshot` is false: the page that `query` asks for, as `records.list` takes it. Its
    `filter` holds for what follows too. A collection below a record is named by its path, "posts/42/comments"."""

    id: str
    collection: str = ""
    collections: list[str] = []
    query: dict[str, str | int | float | bool | list[str]] = {}
    cursor: str = ""
    snapshot: bool = True


class Unsubscribe(_FromClient, frozen=True, kw_only=True, tag="unsubscribe"):
    """End a subscription."""

    id: str


class JoinChannel(_FromClient, frozen=True, kw_only=True, tag="join"):
    """Join a channel. `state` is what its members see of this one (any JSON; null: nothing); `history` is how many of
    the last messages come with the answer, by default all that are kept."""

    id: str = ""
    channel: str
    state: Any = None
    history: int | None = None


class SendToChannel(_FromClient, frozen=True, kw_only=True, tag="send"):
    """Send a message to the other members of a channel: what it is (`event`) with its `data`. It is kept where the
    channel keeps messages, unless `keep` is false. With an `id` it is answered."""

    id: str = ""
    channel: str
    event: str
    data: Any = None
    keep: bool = True


class ChangeState(_FromClient, frozen=True, kw_only=True, tag="state"):
    """Change what the members of a channel see of this one. With an `id` it is answered."""

    id: str = ""
    channel: str
    state: Any


class LeaveChannel(_FromClient, frozen=True, kw_only=True, tag="leave"):
    """Leave a channel."""

    id: str = ""
    channel: str


# ---------------------------------------------------------------- from the server


class Hello(_Message, frozen=True, kw_only=True, tag="hello"):
    """The first message: the `version` of these messages, whose socket it is (`user_id`; null: the caller is signed
    out), the seconds between two pings of the protocol (RFC 6455 §5.5.2), and the bytes of the largest message that the
    server takes."""

    version: int
    user_id: str | int | None
    ping_seconds: float
    max_message_bytes: int


class Authenticated(_Message, frozen=True, kw_only=True, tag="authenticated"):
    """The answer to `auth`: whose socket it is now."""

    user_id: str | int | None


class SocketResult(_Message, frozen=True, kw_only=True, tag="result"):
    """The answer to a call: the response's `status`, its `body` and its ETag."""

    id: str
    status: int
    body: Any
    etag: str = ""


class SocketError(_Message, frozen=True, kw_only=True, tag="error"):
    """Why a message is refused: `error` is a `Problem`. Without `id`, it answers a message that has none."""

    id: str = ""
    error: Any


class ChannelMember(msgspec.Struct, frozen=True, kw_only=True):
    """One who is in a channel: `member` names this join of it, `user` has the `id` of its user and the fields that the
    channel shows (null: signed out), `state` is its own."""

    member: str
    user: dict[str, Any] | None
    state: Any


class Joined(_Message, frozen=True, kw_only=True, tag="joined"):
    """The answer to `join`: which `member` this is, who is there, and the last messages, oldest first, each a
    `ChannelMessage`."""

    id: str = ""
    channel: str
    member: str
    members: list[Any]
    history: list[Any]


class ChannelSent(_Message, frozen=True, kw_only=True, tag="sent"):
    """The answer to `send`: the others are sent it. `seq`: the number of a message that is kept."""

    id: str
    seq: int = 0


class StateChanged(_Message, frozen=True, kw_only=True, tag="changed"):
    """The answer to `state`: the others are sent it."""

    id: str


class ChannelMessage(_Message, frozen=True, kw_only=True, tag="message"):
    """A message of another member: its `user` and its join (`member`), as its entry has them, and the instant `at`
    which it came. Those that are kept are numbered within their channel (`seq`), without gaps."""

    channel: str
    event: str
    data: Any
    user: Any
    member: str
    at: str
    seq: int = 0


class Presence(_Message, frozen=True, kw_only=True, tag="presence"):
    """Who came, who has another state, and who left (their `member`). One may be named again who is known already."""

    channel: str
    joined: list[Any] = []
    changed: list[Any] = []
    left: list[str] = []


class LeftChannel(_Message, frozen=True, kw_only=True, tag="left"):
    """A channel is left: the answer to `leave`; with `error`, a `Problem`, because the right to be there has ended, or
    messages were missed."""

    id: str = ""
    channel: str
    error: Any = None
