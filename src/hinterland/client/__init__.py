"""The client layer: reaches a backend and keeps the app working without a network."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hinterland.client import blocking as blocking
    from hinterland.client import errors as errors
    from hinterland.client.auth import Auth as Auth
    from hinterland.client.client import Client as Client
    from hinterland.client.events import Event as Event
    from hinterland.client.exchange import Layer as Layer
    from hinterland.client.exchange import Phase as Phase
    from hinterland.client.exchange import Request as Request
    from hinterland.client.exchange import Response as Response
    from hinterland.client.exchange import Send as Send
    from hinterland.client.exchange import Transport as Transport
    from hinterland.client.layers.trace import OnTrace as OnTrace
    from hinterland.client.layers.trace import Trace as Trace
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
    from hinterland.client.local.salvage import Salvaged as Salvaged
    from hinterland.client.local.status import Status as Status
    from hinterland.client.local.sync import Sync as Sync
    from hinterland.client.options import Options as Options
    from hinterland.client.repository import Body as Body
    from hinterland.client.repository import Iteration as Iteration
    from hinterland.client.repository import Page as Page
    from hinterland.client.repository import RemoteRepository as RemoteRepository
    from hinterland.client.repository import Repository as Repository
    from hinterland.client.session import SignedIn as SignedIn
    from hinterland.client.session import SignedOut as SignedOut
    from hinterland.client.session import SigningIn as SigningIn
    from hinterland.client.session import State as State
    from hinterland.client.vault.file import FileVault as FileVault
    from hinterland.client.vault.memory import MemoryVault as MemoryVault
    from hinterland.client.vault.protocol import Vault as Vault
    from hinterland.contract.changes import Write as Write
    from hinterland.contract.errors import Problem as Problem
    from hinterland.contract.events import ChangeEvent as ChangeEvent
    from hinterland.contract.identity import RecordId as RecordId
    from hinterland.contract.sync import Lost as Lost
    from hinterland.kit.clock import Clock as Clock
else:  # the type checker knows the names above and no others
    _HOME = {
        "Auth": "hinterland.client.auth",
        "Body": "hinterland.client.repository",
        "ChangeEvent": "hinterland.contract.events",
        "Client": "hinterland.client.client",
        "Clock": "hinterland.kit.clock",
        "Counts": "hinterland.client.local.fates",
        "Entry": "hinterland.client.local.fates",
        "Event": "hinterland.client.events",
        "Fate": "hinterland.client.local.fates",
        "FileVault": "hinterland.client.vault.file",
        "Handle": "hinterland.client.local.outbox",
        "Iteration": "hinterland.client.repository",
        "Layer": "hinterland.client.exchange",
        "Local": "hinterland.client.local.local",
        "LocalRepository": "hinterland.client.local.repository",
        "Lost": "hinterland.contract.sync",
        "MemoryVault": "hinterland.client.vault.memory",
        "OnItsWay": "hinterland.client.local.errors",
        "OnTrace": "hinterland.client.layers.trace",
        "Options": "hinterland.client.options",
        "Outbox": "hinterland.client.local.outbox",
        "Page": "hinterland.client.repository",
        "Phase": "hinterland.client.exchange",
        "Problem": "hinterland.contract.errors",
        "QueryState": "hinterland.client.local.queries",
        "RecordId": "hinterland.contract.identity",
        "RemoteRepository": "hinterland.client.repository",
        "Repository": "hinterland.client.repository",
        "Request": "hinterland.client.exchange",
        "Response": "hinterland.client.exchange",
        "Rows": "hinterland.client.local.queries",
        "Salvaged": "hinterland.client.local.salvage",
        "Send": "hinterland.client.exchange",
        "SignedIn": "hinterland.client.session",
        "SignedOut": "hinterland.client.session",
        "SigningIn": "hinterland.client.session",
        "State": "hinterland.client.session",
        "Status": "hinterland.client.local.status",
        "StoreBusy": "hinterland.client.local.errors",
        "StoreDamaged": "hinterland.client.local.errors",
        "StoreError": "hinterland.client.local.errors",
        "StoreFull": "hinterland.client.local.errors",
        "StoreTooNew": "hinterland.client.local.errors",
        "Sync": "hinterland.client.local.sync",
        "Trace": "hinterland.client.layers.trace",
        "Transport": "hinterland.client.exchange",
        "Vault": "hinterland.client.vault.protocol",
        "Write": "hinterland.contract.changes",
        "Written": "hinterland.client.local.repository",
    }

    def __getattr__(name: str) -> object:
        if name in {"blocking", "errors"}:
            return import_module(f"{__name__}.{name}")
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Auth", "Body", "ChangeEvent", "Client", "Clock", "Counts", "Entry", "Event", "Fate",
           "FileVault", "Handle", "Iteration", "Layer", "Local", "LocalRepository", "Lost", "MemoryVault", "OnItsWay",
           "OnTrace", "Options", "Outbox", "Page", "Phase", "Problem", "QueryState", "RecordId",
           "RemoteRepository", "Repository", "Request", "Response", "Rows", "Salvaged", "Send", "SignedIn", "SignedOut",
           "SigningIn", "State", "Status", "StoreBusy", "StoreDamaged", "StoreError", "StoreFull",
           "StoreTooNew", "Sync", "Trace", "Transport", "Vault", "Write", "Written", "blocking", "errors"]  # fmt: skip
