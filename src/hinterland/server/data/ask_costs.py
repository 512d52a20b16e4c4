"""How much work the answers to questions of rules may be in one request, which grows with what it writes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hinterland.contract.errors import Refusal
from hinterland.server.data.rules import Rule
from hinterland.server.data.staged_records import StagedRecords
from hinterland.server.data.state import Deferred
from hinterland.server.storage.protocol import StoredRecord

MOST_LOOKED_AT = 200_000
"""Records about to be written that are looked at: one or two seconds."""
_STEP_BYTES = 4 * 1024  # of a record, which are read as long as a small one
_AT_ONCE = 100  # small records, about a millisecond, before others get their turn on the loop


class AskCosts:
    """What the answers of one request have taken. `staged`: what is about to be written."""

    def __init__(self, staged: Callable[[str], Sequence[StagedRecords]]) -> None:
        self._staged = staged
        self._looked_at = 0
        self._rested = 0

    async def spend(self, rule: Rule, count: int, record: StoredRecord | None = None) -> None:
        """Count records that are looked at for `rule`, before it is done, a large one as several. Others get their turn
        on the loop after some. Raises `too_costly`, or `Deferred` where earlier requests of the group take part."""
        if record is not None:
            count += record.size // _STEP_BYTES
        self._looked_at += count
        if self._looked_at > MOST_LOOKED_AT:
            raise self._refusal(rule)
        if self._looked_at - self._rested >= _AT_ONCE:
            self._rested = self._looked_at
            await asyncio.sleep(0)

    def _refusal(self, rule: Rule) -> Exception:
        if any(part.is_of_group for name in rule.asked_names for part in self._staged(name)):
            return Deferred()  # others' writes are no reason to refuse this request
        asked = ", ".join(sorted(rule.asked_names))
        message = f"rules would look too often at what the same request writes to {asked}"
        return Refusal("too_costly", f"{message}; send fewer writes at once")
