"""The backend that one command starts: `App` declares it, `Settings` sets it, `hinterland serve` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

if TYPE_CHECKING:
    from hinterland.server.app import Server as Server
    from hinterland.server.app import storage_for as storage_for
    from hinterland.server.backend import Backend as Backend
    from hinterland.server.declaration import App as App
    from hinterland.server.hooks import AfterWrite as AfterWrite
    from hinterland.server.hooks import BeforeWrite as BeforeWrite
    from hinterland.server.hooks import Refuse as Refuse
    from hinterland.server.operations.call import Call as Call
    from hinterland.server.operations.channels import broadcast as broadcast
    from hinterland.server.operations.records import ADMINISTRATOR as ADMINISTRATOR
    from hinterland.server.operations.records import each_record as each_record
    from hinterland.server.operations.records import write_records as write_records
    from hinterland.server.settings import AuthSettings as AuthSettings
    from hinterland.server.settings import Settings as Settings
    from hinterland.server.settings import from_environment as from_environment
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.server.app": ("Server", "storage_for"),
            "hinterland.server.backend": ("Backend",),
            "hinterland.server.declaration": ("App",),
            "hinterland.server.hooks": ("AfterWrite", "BeforeWrite", "Refuse"),
            "hinterland.server.operations.call": ("Call",),
            "hinterland.server.operations.channels": ("broadcast",),
            "hinterland.server.operations.records": ("ADMINISTRATOR", "each_record", "write_records"),
            "hinterland.server.settings": ("AuthSettings", "Settings", "from_environment"),
        },
    )
