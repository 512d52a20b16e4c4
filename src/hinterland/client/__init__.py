"""The client layer: reaches a backend and keeps the app working without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

if TYPE_CHECKING:
    from hinterland.client import errors as errors
    from hinterland.client.auth import Auth as Auth
    from hinterland.client.blocking import BlockingClient as BlockingClient
    from hinterland.client.blocking_socket import BlockingWebSocketClient as BlockingWebSocketClient
    from hinterland.client.client import Client as Client
    from hinterland.client.events import Event as Event
    from hinterland.client.exchange import Layer as Layer
    from hinterland.client.exchange import Phase as Phase
    from hinterland.client.exchange import Request as Request
    from hinterland.client.exchange import Response as Response
    from hinterland.client.exchange import Send as Send
    from hinterland.client.exchange import Transport as Transport
    from hinterland.client.graphql.any_server import GraphQLSocketClient as GraphQLSocketClient
    from hinterland.client.graphql.asking import GraphQLEvent as GraphQLEvent
    from hinterland.client.graphql.asking import GraphQLState as GraphQLState
    from hinterland.client.graphql.cache import GraphQLCache as GraphQLCache
    from hinterland.client.graphql.cached import FetchPolicy as FetchPolicy
    from hinterland.client.graphql.graphql import ClientGraphQL as ClientGraphQL
    from hinterland.client.graphql.queue import QueuedMutation as QueuedMutation
    from hinterland.client.layers.trace import OnTrace as OnTrace
    from hinterland.client.layers.trace import Trace as Trace
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
    from hinterland.client.local.salvage import Salvaged as Salvaged
    from hinterland.client.local.status import Status as Status
    from hinterland.client.local.sync import Sync as Sync
    from hinterland.client.options import Options as Options
    from hinterland.client.repository import Iteration as Iteration
    from hinterland.client.repository import Page as Page
    from hinterland.client.repository import RecordBody as RecordBody
    from hinterland.client.repository import RemoteRepository as RemoteRepository
    from hinterland.client.repository import Repository as Repository
    from hinterland.client.session import AuthState as AuthState
    from hinterland.client.session import SignedIn as SignedIn
    from hinterland.client.session import SignedOut as SignedOut
    from hinterland.client.session import SigningIn as SigningIn
    from hinterland.client.socket.channels import ChannelEvent as ChannelEvent
    from hinterland.client.socket.channels import JoinedChannel as JoinedChannel
    from hinterland.client.socket.socket import ClientSocket as ClientSocket
    from hinterland.client.vault.file import FileVault as FileVault
    from hinterland.client.vault.memory import MemoryVault as MemoryVault
    from hinterland.client.vault.protocol import Vault as Vault
    from hinterland.client.websocket import WebSocketClient as WebSocketClient
    from hinterland.contract.changes import Write as Write
    from hinterland.contract.errors import Problem as Problem
    from hinterland.contract.events import ChangeEvent as ChangeEvent
    from hinterland.contract.identity import RecordId as RecordId
    from hinterland.contract.socket import ChannelMember as ChannelMember
    from hinterland.contract.sync import Lost as Lost
    from hinterland.kit.clock import Clock as Clock
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.client": ("errors",),
            "hinterland.client.blocking": ("BlockingClient",),
            "hinterland.client.blocking_socket": ("BlockingWebSocketClient",),
            "hinterland.client.auth": ("Auth",),
            "hinterland.client.client": ("Client",),
            "hinterland.client.events": ("Event",),
            "hinterland.client.exchange": ("Layer", "Phase", "Request", "Response", "Send", "Transport"),
            "hinterland.client.graphql.any_server": ("GraphQLSocketClient",),
            "hinterland.client.graphql.cache": ("GraphQLCache",),
            "hinterland.client.graphql.cached": ("FetchPolicy",),
            "hinterland.client.graphql.asking": ("GraphQLState", "GraphQLEvent"),
            "hinterland.client.graphql.graphql": ("ClientGraphQL",),
            "hinterland.client.graphql.queue": ("QueuedMutation",),
            "hinterland.client.layers.trace": ("OnTrace", "Trace"),
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
            "hinterland.client.local.salvage": ("Salvaged",),
            "hinterland.client.local.status": ("Status",),
            "hinterland.client.local.sync": ("Sync",),
            "hinterland.client.options": ("Options",),
            "hinterland.client.repository": ("RecordBody", "Iteration", "Page", "RemoteRepository", "Repository"),
            "hinterland.client.session": ("AuthState", "SignedIn", "SignedOut", "SigningIn"),
            "hinterland.client.socket.channels": ("ChannelEvent", "JoinedChannel"),
            "hinterland.client.socket.socket": ("ClientSocket",),
            "hinterland.client.vault.file": ("FileVault",),
            "hinterland.client.vault.memory": ("MemoryVault",),
            "hinterland.client.vault.protocol": ("Vault",),
            "hinterland.client.websocket": ("WebSocketClient",),
            "hinterland.contract.changes": ("Write",),
            "hinterland.contract.errors": ("Problem",),
            "hinterland.contract.events": ("ChangeEvent",),
            "hinterland.contract.identity": ("RecordId",),
            "hinterland.contract.socket": ("ChannelMember",),
            "hinterland.contract.sync": ("Lost",),
            "hinterland.kit.clock": ("Clock",),
        },
    )
