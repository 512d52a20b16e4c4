"""What tests of an app use: a backend in memory, a faulty network, a hand-turned clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

if TYPE_CHECKING:
    from hinterland.client.transports.inprocess import InProcess as InProcess
    from hinterland.client.transports.scripted import Scripted as Scripted
    from hinterland.client.transports.scripted import ScriptError as ScriptError
    from hinterland.client.transports.scripted import ScriptStep as ScriptStep
    from hinterland.kit.clock import ManualClock as ManualClock
    from hinterland.testing.backend import TestBackend as TestBackend
    from hinterland.testing.backend import running_backend as running_backend
    from hinterland.testing.clock import play as play
    from hinterland.testing.faulty import FaultyNetwork as FaultyNetwork
    from hinterland.testing.vault_suite import VaultSuite as VaultSuite
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.client.transports.inprocess": ("InProcess",),
            "hinterland.client.transports.scripted": ("ScriptError", "Scripted", "ScriptStep"),
            "hinterland.kit.clock": ("ManualClock",),
            "hinterland.testing.backend": ("TestBackend", "running_backend"),
            "hinterland.testing.clock": ("play",),
            "hinterland.testing.faulty": ("FaultyNetwork",),
            "hinterland.testing.vault_suite": ("VaultSuite",),
        },
    )
