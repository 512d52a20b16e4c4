"""The local store: an app's records on the device, its outbox of unsent writes, and their synchronisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

if TYPE_CHECKING:
    from hinterland.client.local.errors import AlreadySending as AlreadySending
    from hinterland.client.local.errors import StoreBusy as StoreBusy
    from hinterland.client.local.errors import StoreDamaged as StoreDamaged
    from hinterland.client.local.errors import StoreError as StoreError
    from hinterland.client.local.errors import StoreFull as StoreFull
    from hinterland.client.local.errors import StoreTooNew as StoreTooNew
    from hinterland.client.local.local import Local as Local
    from hinterland.client.local.outbox import Handle as Handle
    from hinterland.client.local.outbox import Outbox as Outbox
    from hinterland.client.local.outcomes import Counts as Counts
    from hinterland.client.local.outcomes import OutboxEntry as OutboxEntry
    from hinterland.client.local.outcomes import Outcome as Outcome
    from hinterland.client.local.queries import QueryState as QueryState
    from hinterland.client.local.queries import Rows as Rows
    from hinterland.client.local.repository import LocalRepository as LocalRepository
    from hinterland.client.local.repository import LocalWrite as LocalWrite
    from hinterland.client.local.status import Status as Status
    from hinterland.client.local.sync import Sync as Sync
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.client.local.errors": (
                "AlreadySending",
                "StoreBusy",
                "StoreDamaged",
                "StoreError",
                "StoreFull",
                "StoreTooNew",
            ),
            "hinterland.client.local.outcomes": ("Counts", "OutboxEntry", "Outcome"),
            "hinterland.client.local.local": ("Local",),
            "hinterland.client.local.outbox": ("Handle", "Outbox"),
            "hinterland.client.local.queries": ("QueryState", "Rows"),
            "hinterland.client.local.repository": ("LocalRepository", "LocalWrite"),
            "hinterland.client.local.status": ("Status",),
            "hinterland.client.local.sync": ("Sync",),
        },
    )
