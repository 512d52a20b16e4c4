"""The local store: an app's records on the device, its outbox of unsent writes, and their synchronisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

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
    offer(
        __name__,
        {
            "hinterland.client.local.errors": (
                "OnItsWay",
                "StoreBusy",
                "StoreDamaged",
                "StoreError",
                "StoreFull",
                "StoreTooNew",
            ),
            "hinterland.client.local.fates": ("Counts", "Entry", "Fate"),
            "hinterland.client.local.local": ("Local",),
            "hinterland.client.local.outbox": ("Handle", "Outbox"),
            "hinterland.client.local.queries": ("QueryState", "Rows"),
            "hinterland.client.local.repository": ("LocalRepository", "Written"),
            "hinterland.client.local.status": ("Status",),
            "hinterland.client.local.sync": ("Sync",),
        },
    )
