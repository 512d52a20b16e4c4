"""What subscriptions deliver, as messages of a socket."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.events import Resync
from hinterland.server.data.delivery import END
from hinterland.server.data.encoding import VisibleChange
from hinterland.server.data.views import change_head
from hinterland.server.websocket import SocketMessage

_encode = msgspec.json.encode


class SocketEncoder:
    """Events as the members of a message, without its `id`, which is the subscriber's own."""

    silence = END  # the protocol's pings keep the connection alive

    def ready(self, cursor: str) -> bytes:
        """The `ready` event."""
        return _event("ready", cursor)

    def position(self, cursor: str) -> bytes:
        """The `position` event."""
        return _event("position", cursor)

    def resync(self, cursor: str, reason: str) -> bytes:
        """The `resync` event."""
        return _event("resync", cursor, b',"reason":%b' % _encode(Resync(reason=reason).reason))

    def end(self, cursor: str, refusal: Refusal) -> bytes:
        """The `end` event."""
        return _event("end", cursor, b',"error":%b' % _encode(refusal.problem()))

    def changes(self, revision: int, changes: Sequence[VisibleChange]) -> bytes:
        """The rest of a `commit` event."""
        return b'"revision":%d,"changes":[%b]}\n' % (revision, b",".join(map(_change, changes)))

    def commit_head(self, cursor: str, changes: bytes) -> bytes:
        """The beginning of a `commit` event."""
        return b'"type":"commit","cursor":"%b",' % cursor.encode()


ENCODER = SocketEncoder()


def _event(kind: str, cursor: str, rest: bytes = b"") -> bytes:
    return b'"type":"%b","cursor":"%b"%b}\n' % (kind.encode(), cursor.encode(), rest)


def _change(change: VisibleChange) -> bytes:
    head, record = change_head(change.seen.kind, change.collection, change.delta), change.seen.record
    if record is None:
        return f"{head}}}".encode()
    return b'%b,"record":%b}' % (head.encode(), record.encoded())


def messages_of(data: bytes, id: str, *, is_packed: bool) -> list[SocketMessage]:
    """The messages of whole events to a subscription."""
    head = b'{"id":%b,' % _encode(id)
    return [message_of(head + event, is_packed=is_packed) for event in data.split(END) if event]


def message_of(text: bytes, *, is_packed: bool) -> SocketMessage:
    """A JSON text as a message; the same in MessagePack where that is spoken."""
    return (
        SocketMessage(msgspec.msgpack.encode(msgspec.json.decode(text))) if is_packed else SocketMessage.of_text(text)
    )
