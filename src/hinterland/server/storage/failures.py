"""What the errors of both databases become: refusals, in the caller's words."""

from __future__ import annotations

from pathlib import Path

from hinterland.contract.errors import Refusal
from hinterland.server.storage.protocol import ROW_BYTES


class StorageError(Exception):
    """The storage can't be opened; the message says why and what to do."""


class Deadlock(Exception):
    """Two writers waited for each other; this one was undone and may run again."""


class SchemaOutdated(Refusal):
    """Another process has declared collections or fields since this one read the declarations; nothing was written."""

    def __init__(self) -> None:
        super().__init__("unavailable", "the declared collections are changing; retry shortly", retry_after=1.0)


class Unreachable(Refusal):
    """The connection to the database can't be opened, or was lost; nothing was written."""

    def __init__(self) -> None:
        super().__init__("unavailable", "the database is unavailable; nothing was written", retry_after=1.0)


class OutcomeUnknown(Refusal):
    """The connection was lost during the commit: the write may have happened, so it must not be repeated blindly."""

    def __init__(self) -> None:
        super().__init__(
            "unavailable",
            "the connection to the database was lost during the write; check whether it was made before you repeat it",
            retry_after=1.0,
        )


class TooMuch(Refusal):
    """A text that a statement puts together is longer than one may be, such as a record with what comes with it."""

    def __init__(self) -> None:
        mib, advice = ROW_BYTES // 1024**2, "expand less, or set lower limits"
        super().__init__("invalid_query", f"a record with all that comes with it is larger than {mib} MiB; {advice}")


def unique(field: str) -> Refusal:
    """The refusal of a value that another record has; "" for the id."""
    if field in ("", "id"):
        return Refusal("conflict", "a record with this id already exists")
    return Refusal("conflict", f"{field} is already in use", errors={field: ["is already in use"]})


def too_long(field: str) -> Refusal:
    """The refusal of a value that an index can't hold."""
    if not field:
        return Refusal("validation", "a value is too long for its index")
    return Refusal("validation", f"{field} is too long for its index", errors={field: ["is too long for its index"]})


def unfit() -> Refusal:
    """The refusal of a value that the database can't hold or compare: NUL in a text, a number out of range."""
    return Refusal("validation", "the database can't hold or compare one of these values")


def beyond() -> Refusal:
    """The refusal of a question whose answer has a sum that the database can't hold."""
    message = "a sum is beyond 64 bits, or beyond a double; use smaller groups or a filter"
    return Refusal("invalid_query", message)


def too_costly() -> Refusal:
    """The refusal of a list that takes more work than one caller may ask for."""
    return Refusal(
        "too_costly",
        "the list takes too much work; narrow it by a field with an index, shorten the filter, or leave total out",
    )


def too_many() -> Refusal:
    """The refusal of a costly list while many others of the same caller wait."""
    return Refusal("rate_limited", "too many costly lists at once; wait for their answers", retry_after=1.0)


def full() -> Refusal:
    """The refusal of a write for which the disk has no space."""
    return Refusal("storage_full", "the server's disk is full; nothing was written")


def unavailable() -> Refusal:
    """The refusal while the database does not answer, or reports that it can't."""
    return Refusal("unavailable", "the database is unavailable; nothing was written", retry_after=1.0)


def moved(path: Path) -> Refusal:
    """The refusal once the database's file was deleted, renamed or replaced: what is written now would be lost."""
    return Refusal("unavailable", f"the server's database file {path.name} was deleted or replaced; restart the server")
