"""What the local store can raise.

HinterlandError
└── StoreError               the local store can't do this
    ├── StoreFull            the device has no room left; nothing was kept
    ├── StoreBusy            another process holds the store
    ├── StoreDamaged         the file is not a store, or is broken
    ├── StoreTooNew          the file was written by a newer version of the app
    └── AlreadySending       a write that is being sent can no longer be changed
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hinterland.client.errors import HinterlandError
from hinterland.kit.sqlite import TooNew


class StoreError(HinterlandError):
    """The local store can't do this; nothing was changed."""

    code = "store"
    message = "This can't be kept on this device."
    advice = "Check the app's data folder."


class StoreFull(StoreError):
    """The device has no room left; nothing was kept, and what was kept before can be read."""

    code = "store_full"
    message = "This device has no room left, so nothing was kept."
    advice = "Free some space and try again."


class StoreBusy(StoreError):
    """Another process of this app holds the store."""

    code = "store_busy"
    message = "Another window of this app is using its data."
    advice = "Try again, or close the other one."


class StoreDamaged(StoreError):
    """The file is not a store, or is broken."""

    code = "store_damaged"
    message = "The app's data on this device can't be read."
    advice = "Start the app again: it sets the file aside, keeps the unsent writes and fetches the rest again."


class StoreTooNew(StoreError):
    """The file was written by a newer version of the app."""

    code = "store_too_new"
    message = "The app's data was written by a newer version."
    advice = "Update the app."


class AlreadySending(StoreError):
    """A write that is being sent can no longer be changed."""

    code = "already_sending"
    message = "This change is being sent."
    advice = "Wait for its outcome, then change the record again."


# By primary result code (sqlite.org: "Result and Error Codes").
_BY_CODE: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
    sqlite3.SQLITE_NOTADB: StoreDamaged,
}


def translated(error: sqlite3.Error | TooNew, path: Path) -> StoreError:
    """The client's error for one of SQLite's or of the migrations, about the store at `path`."""
    if isinstance(error, TooNew):
        return StoreTooNew(detail=f"{error} ({path})")
    return _kind(error)(detail=f"{type(error).__name__}: {error} ({path})")


def is_damage(error: Exception) -> bool:
    """Whether an error of SQLite's says that the file is not a database, or is broken."""
    return isinstance(error, sqlite3.Error) and _kind(error) is StoreDamaged


def _kind(error: sqlite3.Error) -> type[StoreError]:
    code = getattr(error, "sqlite_errorcode", None)
    return StoreError if code is None else _BY_CODE.get(code & 0xFF, StoreError)
