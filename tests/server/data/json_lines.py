"""A protocol of its own in one file: the events as JSON in lines, each with its cursor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.data.encoding import VisibleChange
from hinterland.server.data.feed import Feed
from hinterland.server.data.views import change_text


class JsonLines:
    """Encodes events as lines; `encoded` are the names of those so far."""

    silence = b"\n"

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def ready(self, cursor: str) -> bytes:
        return self._line("ready", cursor)

    def position(self, cursor: str) -> bytes:
        return self._line("position", cursor)

    def resync(self, cursor: str, reason: str) -> bytes:
        return self._line("resync", cursor, reason=reason)

    def end(self, cursor: str, refusal: Refusal) -> bytes:
        return self._line("end", cursor, code=refusal.code)

    def changes(self, revision: int, changes: Sequence[VisibleChange]) -> bytes:
        self.encoded.append("changes")
        texts = [change_text(seen, collection, delta) for collection, delta, seen in changes]
        return f'{{"revision":{revision},"changes":[{",".join(texts)}]}}}}\n'.encode()

    def commit_head(self, cursor: str, changes: bytes) -> bytes:
        self.encoded.append("commit")
        return f'{{"event":"commit","cursor":"{cursor}","size":{len(changes)},"data":'.encode()

    def _line(self, name: str, cursor: str, **more: Any) -> bytes:
        self.encoded.append(name)
        return msgspec.json.encode({"event": name, "cursor": cursor, **more}) + b"\n"


async def follow(
    feed: Feed, encoder: JsonLines, caller: Principal, *names: str, cursor: str = "", filter: str = ""
) -> AsyncGenerator[dict[str, Any], None]:
    """The events of a stream, decoded; {} for a sign of life."""
    subscription = await feed.subscribe(caller, names, encoder, cursor=cursor, filter=filter)
    try:
        rest = b""
        while data := await subscription.next():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line) if line else {}
    finally:
        subscription.end()
