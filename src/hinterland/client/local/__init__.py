"""The local store: an app's records on the device, its outbox of unsent writes, and their synchronisation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hinterland.client.local.errors import OnItsWay as OnItsWay
    from hinterland.client.local.errors import StoreBusy as StoreBusy
    from hinterland.client.local.errors import StoreDamaged as StoreDamaged
    from hinterland.client.local.errors import StoreError as StoreError
    from hinterland.client.local.errors import StoreFull as StoreFull
    from hinterland.client.local.errors import StoreTooNew as StoreTooNew
    from hinterland.client.local.fates import Entry as Entry
    from hinterland.client.local.fates import Fate as Fate
    from hinterland.client.local.local import Local as Local
    from hinterland.client.local.outbox import Handle as Handle
    from hinterland.client.local.outbox import Outbox as Outbox
    from hinterland.client.local.repository import LocalRepository as LocalRepository
    from hinterland.client.local.repository import QueryState as QueryState
    from hinterland.client.local.repository import Written as Written
    from hinterland.client.local.status import Status as Status
    from hinterland.client.local.sync import Sync as Sync

_HOME = {
    "Entry": "fates",
    "Fate": "fates",
    "Handle": "outbox",
    "Local": "local",
    "LocalRepository": "repository",
    "OnItsWay": "errors",
    "Outbox": "outbox",
    "QueryState": "repository",
    "Status": "status",
    "StoreBusy": "errors",
    "StoreDamaged": "errors",
    "StoreError": "errors",
    "StoreFull": "errors",
    "StoreTooNew": "errors",
    "Sync": "sync",
    "Written": "repository",
}
__all__ = ["Entry", "Fate", "Handle", "Local", "LocalRepository", "OnItsWay", "Outbox", "QueryState", "Status",
           "StoreBusy", "StoreDamaged", "StoreError", "StoreFull", "StoreTooNew", "Sync", "Written"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
