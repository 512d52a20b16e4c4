"""What tests of an app use: a backend in memory, a faulty network, a hand-turned clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hinterland.client.transports.inprocess import InProcess as InProcess
    from hinterland.client.transports.scripted import Scripted as Scripted
    from hinterland.kit.clock import ManualClock as ManualClock
    from hinterland.testing.backend import TestBackend as TestBackend
    from hinterland.testing.backend import running_backend as running_backend
    from hinterland.testing.clock import play as play
    from hinterland.testing.faulty import FaultyNetwork as FaultyNetwork
    from hinterland.testing.vault_suite import VaultSuite as VaultSuite

_HOME = {
    "FaultyNetwork": "hinterland.testing.faulty",
    "InProcess": "hinterland.client.transports.inprocess",
    "ManualClock": "hinterland.kit.clock",
    "Scripted": "hinterland.client.transports.scripted",
    "TestBackend": "hinterland.testing.backend",
    "VaultSuite": "hinterland.testing.vault_suite",
    "play": "hinterland.testing.clock",
    "running_backend": "hinterland.testing.backend",
}
__all__ = ["FaultyNetwork", "InProcess", "ManualClock", "Scripted", "TestBackend", "VaultSuite", "play",
           "running_backend"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
