"""The backend that one command starts: `App` declares it, `Settings` sets it, `hinterland serve` runs it."""

from __future__ import annotations

_HOMES = {
    "App": "hinterland.server.declaration",
    "Settings": "hinterland.server.settings",
    "AuthSettings": "hinterland.server.settings",
    "Server": "hinterland.server.app",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
