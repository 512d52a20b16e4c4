"""The backend that one command starts: `App` declares it, `Settings` sets it, `hinterland serve` runs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hinterland.server.app import Server as Server
    from hinterland.server.declaration import App as App
    from hinterland.server.settings import AuthSettings as AuthSettings
    from hinterland.server.settings import Settings as Settings
else:  # the type checker knows the names above and no others
    _HOME = {
        "App": "hinterland.server.declaration",
        "AuthSettings": "hinterland.server.settings",
        "Server": "hinterland.server.app",
        "Settings": "hinterland.server.settings",
    }

    def __getattr__(name: str) -> object:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["App", "AuthSettings", "Server", "Settings"]  # fmt: skip
