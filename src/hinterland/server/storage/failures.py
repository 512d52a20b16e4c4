"""What both storages' own errors become: the words for the caller."""

from __future__ import annotations

from hinterland.contract.errors import Refusal


class StorageError(Exception):
    """The storage can't be opened; the message says why and what to do."""


class Deadlock(Exception):
    """Two writers waited for each other; this one was undone and may run again."""


def unique(field: str) -> Refusal:
    """The refusal of a value that another record has already; "" for the id."""
    if field in ("", "id", "_parent"):
        return Refusal("conflict", "a record with this id exists already")
    return Refusal("conflict", f"{field} is taken already", errors={field: ["is taken already"]})


def full() -> Refusal:
    """The refusal of a write that found no room."""
    return Refusal("storage_full", "the server's disk is full; nothing was written")


def unavailable() -> Refusal:
    """The refusal while the database does not answer, or answers that it can't."""
    return Refusal("unavailable", "the database can't be used now; nothing was written", retry_after=1.0)
