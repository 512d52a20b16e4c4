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
MOST_ASKED_AGAIN = 5_000
"""Records of which another question is asked, each with a statement of its own."""
_ASKED_AGAIN = 5  # as long as so many that are only looked at
_STEP_BYTES = 4 * 1024  # of a record, which are read as long as a small one
_AT_ONCE = 100  # small records, about a millisecond, before others get their turn on the loop


class AskCosts:
    """What the answers of one request have taken. `staged`: what is about to be written."""

    def __init__(self, staged: Callable[[str], Sequence[StagedRecords]]) -> None:
        self._staged = staged
        self._looked_at = 0
        self._asked_again = 0
        self._unrested = 0

    async def spend(
        self, rule: Rule, count: int, record: StoredRecord | None = None, *, asks_again: bool = False
    ) -> None:
        """Count records that are looked at for `rule`, before it is done, a large one as several; `asks_again`: another
        question is asked of each. Others get their turn on the loop after some. Raises `too_costly`, or `Deferred`
        where earlier requests of the group take part."""
        if record is not None:
            count += record.size // _STEP_BYTES
        self._looked_at += count
        self._asked_again += asks_again
        if self._looked_at > MOST_LOOKED_AT or self._asked_again > MOST_ASKED_AGAIN:
            raise self._refusal(rule)
        self._unrested += count * _ASKED_AGAIN if asks_again else count
        if self._unrested >= _AT_ONCE:
            self._unrested = 0
            await asyncio.sleep(0)

    def check_again(self, rule: Rule, count: int) -> None:
        """Raises as `spend` does where `count` records are more than may still be asked another question of."""
        if self._asked_again + count > MOST_ASKED_AGAIN:
            raise self._refusal(rule)

    def left_again(self) -> int:
        """Of how many records another question may still be asked."""
        return max(MOST_ASKED_AGAIN - self._asked_again, 0)

    def _refusal(self, rule: Rule) -> Exception:
        if any(part.is_of_group for name in rule.asked_names for part in self._staged(name)):
            return Deferred()  # others' writes are no reason to refuse this request
        asked = ", ".join(sorted(rule.asked_names))
        message = f"rules would look too often at what the same request writes to {asked}"
        return Refusal("too_costly", f"{message}; send fewer writes at once")
