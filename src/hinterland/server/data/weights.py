"""How large a record may be, and how much of records one request may keep in memory until they are written.

Private text counts in steps, so that no refusal reveals its length.
"""

from __future__ import annotations

from typing import Literal

from hinterland.contract.errors import Refusal
from hinterland.server.storage.protocol import StoredRecord, octets

MAX_BYTES = 64 * 1024 * 1024
"""Of all versions of records that one request makes or deletes."""
_MIB = 1024 * 1024
_SMALL = 64 * 1024  # bytes of private text, up to which each counts the same: no refusal tells their length
_SMALL_COUNTS = 16 * 1024
_MADE = 4 * 1024  # the steps of a record that the request makes: its caller knows all of it but what hooks set
_DELETED_BYTES = 1024  # of memory that a deletion takes beside its record's texts: there may be very many


Dependence = Literal["below", "that refer to"]


class Weights:
    """What the changes of one request weigh together: `size`, in bytes. A record has at most `max_record_bytes`."""

    def __init__(self, max_record_bytes: int) -> None:
        self.max_record_bytes = max_record_bytes
        self.size = 0

    def add(self, before: StoredRecord | None, after: StoredRecord | None) -> None:
        """Count a change by its larger record: a small request makes many versions of a large one, and each is as large
        as that. Raises `too_large`."""
        size = 0 if before is None else weight(before)
        if after is not None:
            self._check_growth(before, after)
            size = max(size, weight(after, is_made=before is None))
        self._add(size, "the records that this writes take", "write fewer at once")

    def add_dependent(self, record: StoredRecord, how: Dependence, path: str) -> None:
        """Count a record that is deleted or changed with the one at `path`. Raises `too_large`."""
        size = weight(record) + _DELETED_BYTES
        self._add(size, f"the records {how} {path} take", f"delete some of those {how} {path} first")

    def _add(self, size: int, what: str, hint: str) -> None:
        self.size += size
        if self.size > MAX_BYTES:
            raise Refusal("too_large", f"{what} more than {MAX_BYTES // _MIB} MiB together; {hint}")

    def _check_growth(self, before: StoredRecord | None, after: StoredRecord) -> None:
        """What is too large already, by an earlier setting, may be changed as long as it does not grow."""
        size = _length(after)
        if size > self.max_record_bytes and (before is None or size > _length(before)):
            what = f"the record would be larger than {self.max_record_bytes:,} bytes"
            raise Refusal("too_large", f"{what}; keep less in it, or raise the setting max_record_bytes")


def weight(record: StoredRecord, *, is_made: bool = False) -> int:
    """How much of `MAX_BYTES` a record takes, which the request itself makes or which is there already."""
    if not record.private:
        return octets(record.body)
    private = octets(record.private)
    if is_made:
        private = -(-private // _MADE) * _MADE
    else:
        private = _SMALL_COUNTS if private <= _SMALL else -(-private // _MIB) * _MIB
    return octets(record.body) + private


def _length(record: StoredRecord) -> int:
    """How much of `max_record_bytes` a record takes, its private text rounded down."""
    return octets(record.body) + (octets(record.private) // _MIB * _MIB if record.private else 0)
