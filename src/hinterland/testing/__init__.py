"""What tests of an app use: a backend in memory, a faulty network, a hand-turned clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hinterland.client.transports.inprocess import InProcess as InProcess
    from hinterland.client.transports.scripted import Scripted as Scripted
    from hinterland.client.transports.scripted import ScriptError as ScriptError
    from hinterland.client.transports.scripted import Step as Step
    from hinterland.kit.clock import ManualClock as ManualClock
    from hinterland.testing.backend import TestBackend as TestBackend
    from hinterland.testing.backend import running_backend as running_backend
    from hinterland.testing.clock import play as play
    from hinterland.testing.faulty import FaultyNetwork as FaultyNetwork
    from hinterland.testing.vault_suite import VaultSuite as VaultSuite
else:  # the type checker knows the names above and no others
    _HOME = {
        "FaultyNetwork": "hinterland.testing.faulty",
        "InProcess": "hinterland.client.transports.inprocess",
        "ManualClock": "hinterland.kit.clock",
        "ScriptError": "hinterland.client.transports.scripted",
        "Scripted": "hinterland.client.transports.scripted",
        "Step": "hinterland.client.transports.scripted",
        "TestBackend": "hinterland.testing.backend",
        "VaultSuite": "hinterland.testing.vault_suite",
        "play": "hinterland.testing.clock",
        "running_backend": "hinterland.testing.backend",
    }

    def __getattr__(name: str) -> object:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["FaultyNetwork", "InProcess", "ManualClock", "ScriptError", "Scripted", "Step", "TestBackend",
           "VaultSuite", "play", "running_backend"]  # fmt: skip
