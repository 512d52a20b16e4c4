"""The writes of a request that are refused: what becomes of the request, and what its caller is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.server.data.requests import OnRefusal
from hinterland.server.data.state import RecordKey, key_of
from hinterland.server.storage.protocol import Change, StoredRecord

MOST = 100
"""The refusals after which a request that collects them tries no more of its writes."""


class RefusedWrites:
    """The refusals of a request's writes, `by_index`."""

    def __init__(self, on_refusal: OnRefusal) -> None:
        self.by_index: dict[int, Refusal] = {}
        self._on_refusal = on_refusal

    def add(self, index: int, refusal: Refusal) -> None:
        """Take the refusal of a write. Raises what ends the request now; an error of the server always does."""
        if self._on_refusal == "end":
            raise refusal
        if self._on_refusal == "place" or refusal.status >= 500:
            raise placed(index, refusal)
        self.by_index[index] = refusal
        if self._on_refusal == "collect" and len(self.by_index) == MOST:
            self.finish()

    def finish(self) -> None:
        """Raises what ends the request after its last write."""
        if self.by_index and self._on_refusal == "collect":
            raise _joined(self.by_index)


def undo(
    changes: Sequence[Change], records: dict[RecordKey, StoredRecord | None], created: Mapping[str, list[RecordKey]]
) -> None:
    """Take the changes of a refused write back from a plan's records, and from those that it creates."""
    for change in reversed(changes):
        records[key_of(change)] = change.before
        if change.before is None:
            created[change.collection].remove(key_of(change))


def placed(index: int, refusal: Refusal) -> Refusal:
    """The refusal with the place of its write."""
    place = f"writes[{index}]"
    return Refusal(
        refusal.code,
        f"{place}: {refusal.message}",
        errors={f"{place}.{name}": messages for name, messages in refusal.errors.items()},
        retry_after=refusal.retry_after,
        details={**refusal.details, "index": index},
        headers=refusal.headers,
    )


def report(index: int, refusal: Refusal) -> dict[str, Any]:
    """A refused row as its caller gets it."""
    shown = {"row": index, "code": refusal.code, "message": refusal.message, "errors": refusal.errors}
    return {name: value for name, value in shown.items() if value != {}}


def _joined(refused: Mapping[int, Refusal]) -> Refusal:
    index, first = next(iter(refused.items()))
    count = f"{len(refused)} rows are" if len(refused) > 1 else "a row is"
    count = "many rows are" if len(refused) == MOST else count
    return Refusal(
        first.code,
        f"nothing was written, since {count} refused; [{index}]: {first.message}",
        errors={f"[{at}].{name}": texts for at, one in refused.items() for name, texts in one.errors.items()},
        details={"refused": [report(at, one) for at, one in refused.items()]},
        headers=first.headers,
    )
