"""The client layer: reaches a backend and keeps the app working without a network."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hinterland.client import blocking as blocking
    from hinterland.client import errors as errors
    from hinterland.client.client import Client as Client
    from hinterland.client.events import Event as Event
    from hinterland.client.layers.trace import Trace as Trace
    from hinterland.client.options import Options as Options
    from hinterland.client.repository import Page as Page
    from hinterland.client.repository import Repository as Repository
    from hinterland.client.session import SignedIn as SignedIn
    from hinterland.client.session import SignedOut as SignedOut
    from hinterland.client.session import SigningIn as SigningIn
    from hinterland.client.vault.file import FileVault as FileVault
    from hinterland.client.vault.memory import MemoryVault as MemoryVault
    from hinterland.client.vault.protocol import Vault as Vault

_HOME = {
    "Client": "client",
    "Event": "events",
    "FileVault": "vault.file",
    "MemoryVault": "vault.memory",
    "Options": "options",
    "Page": "repository",
    "Repository": "repository",
    "SignedIn": "session",
    "SignedOut": "session",
    "SigningIn": "session",
    "Trace": "layers.trace",
    "Vault": "vault.protocol",
}
_MODULES = frozenset({"blocking", "errors"})
__all__ = ["Client", "Event", "FileVault", "MemoryVault", "Options", "Page", "Repository", "SignedIn", "SignedOut",
           "SigningIn", "Trace", "Vault", "blocking", "errors"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
