"""The local store: an app's records on the device, its outbox of unsent writes, and their synchronisation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hinterland.client.local.errors import OnItsWay as OnItsWay
    from hinterland.client.local.errors import StoreBusy as StoreBusy
    from hinterland.client.local.errors import StoreDamaged as StoreDamaged
    from hinterland.client.local.errors import StoreError as StoreError
    from hinterland.client.local.errors import StoreFull as StoreFull
    from hinterland.client.local.errors import StoreTooNew as StoreTooNew
    from hinterland.client.local.fates import Counts as Counts
    from hinterland.client.local.fates import Entry as Entry
    from hinterland.client.local.fates import Fate as Fate
    from hinterland.client.local.local import Local as Local
    from hinterland.client.local.outbox import Handle as Handle
    from hinterland.client.local.outbox import Outbox as Outbox
    from hinterland.client.local.queries import QueryState as QueryState
    from hinterland.client.local.queries import Rows as Rows
    from hinterland.client.local.repository import LocalRepository as LocalRepository
    from hinterland.client.local.repository import Written as Written
    from hinterland.client.local.status import Status as Status
    from hinterland.client.local.sync import Sync as Sync
else:  # the type checker knows the names above and no others
    _HOME = {
        "Counts": "hinterland.client.local.fates",
        "Entry": "hinterland.client.local.fates",
        "Fate": "hinterland.client.local.fates",
        "Handle": "hinterland.client.local.outbox",
        "Local": "hinterland.client.local.local",
        "LocalRepository": "hinterland.client.local.repository",
        "OnItsWay": "hinterland.client.local.errors",
        "Outbox": "hinterland.client.local.outbox",
        "QueryState": "hinterland.client.local.queries",
        "Rows": "hinterland.client.local.queries",
        "Status": "hinterland.client.local.status",
        "StoreBusy": "hinterland.client.local.errors",
        "StoreDamaged": "hinterland.client.local.errors",
        "StoreError": "hinterland.client.local.errors",
        "StoreFull": "hinterland.client.local.errors",
        "StoreTooNew": "hinterland.client.local.errors",
        "Sync": "hinterland.client.local.sync",
        "Written": "hinterland.client.local.repository",
    }

    def __getattr__(name: str) -> object:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Counts", "Entry", "Fate", "Handle", "Local", "LocalRepository", "OnItsWay", "Outbox",
           "QueryState", "Rows", "Status", "StoreBusy", "StoreDamaged", "StoreError", "StoreFull", "StoreTooNew",
           "Sync", "Written"]  # fmt: skip
