"""What happens in channels, in one order for all processes, and the texts that members are sent of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, cast

import msgspec

from hinterland.contract.socket import ChannelMember, ChannelMessage, Presence

RelayedKind = Literal["message", "joined", "changed", "left"]
_encode = msgspec.json.encode


class RelayedEvent(NamedTuple):
    """Something that happens in a channel, by a `member`. `body` is JSON: of a message what members are sent, but for
    its number; of who joined or changed the entry of the member.

    `keep` is how many messages the channel keeps, where this is one of them: then it has a `seq`, is of an `account`
    ("": of nobody), and deleted at `until` (seconds since 1970).
    """

    kind: RelayedKind
    channel: str
    member: str
    body: str = ""
    keep: int = 0
    account: str = ""
    until: float = 0.0
    seq: int = 0

    @property
    def text(self) -> bytes:
        """What members are sent of a message."""
        return numbered(self.body, self.seq).encode()


class PlacedEvents(NamedTuple):
    """Events in their order: the position of the first, which the others follow, and a revision of the log that all of
    them come after (0: not known)."""

    first: int
    events: list[RelayedEvent]
    revision: int = 0


def message_body(channel: str, event: str, data: object, user: str, member: str, at: str) -> str:
    """The body of a message; `user` is JSON."""
    message = ChannelMessage(channel=channel, event=event, data=data, user=_raw(user), member=member, at=at)
    return _encode(message).decode()


def numbered(body: str, seq: int) -> str:
    """A message with its number (0: it has none), as JSON."""
    return f'{body[:-1]},"seq":{seq}}}' if seq else body


def member_entry(member: str, user: str, state: str) -> str:
    """The entry of a member; `user` and `state` are JSON."""
    return _encode(ChannelMember(member=member, user=cast("Any", _raw(user)), state=_raw(state))).decode()


def presence_text(channel: str, joined: Iterable[str], changed: Iterable[str], left: Iterable[str]) -> bytes:
    """What members are sent of who came, changed and left; `joined` and `changed` are JSON."""
    lists = [[_raw(entry) for entry in entries] for entries in (joined, changed)]
    return _encode(Presence(channel=channel, joined=lists[0], changed=lists[1], left=[*left]))


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())
