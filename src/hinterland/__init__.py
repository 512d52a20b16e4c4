"""Hinterland: a backend that one command starts, and a client that keeps an app working without a network."""

from __future__ import annotations

from hinterland.kit.lazy_face import offer

TYPE_CHECKING = False  # as in typing, which every import of the package would load

if TYPE_CHECKING:
    from hinterland.client.blocking import BlockingClient as BlockingClient
    from hinterland.client.client import Client as Client
    from hinterland.contract.changes import Write as Write
    from hinterland.contract.channels import Channel as Channel
    from hinterland.contract.errors import Refusal as Refusal
    from hinterland.contract.fields import Boolean as Boolean
    from hinterland.contract.fields import Bytes as Bytes
    from hinterland.contract.fields import Date as Date
    from hinterland.contract.fields import Instant as Instant
    from hinterland.contract.fields import Int64 as Int64
    from hinterland.contract.fields import Integer as Integer
    from hinterland.contract.fields import Json as Json
    from hinterland.contract.fields import List as List
    from hinterland.contract.fields import Number as Number
    from hinterland.contract.fields import Object as Object
    from hinterland.contract.fields import Reference as Reference
    from hinterland.contract.fields import Text as Text
    from hinterland.contract.operations import Operation as Operation
    from hinterland.contract.records import EVERYBODY as EVERYBODY
    from hinterland.contract.records import Collection as Collection
    from hinterland.contract.records import Rules as Rules
    from hinterland.contract.records import users as users
    from hinterland.contract.transfers import Download as Download
    from hinterland.kit.body import Body as Body
    from hinterland.kit.body import BytesBody as BytesBody
    from hinterland.kit.body import FileBody as FileBody
    from hinterland.kit.body import OnceBody as OnceBody
    from hinterland.server.app import Server as Server
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
    from hinterland.server.settings import Settings as Settings
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.client.blocking": ("BlockingClient",),
            "hinterland.client.client": ("Client",),
            "hinterland.contract.changes": ("Write",),
            "hinterland.contract.errors": ("Refusal",),
            "hinterland.contract.fields": (
                "Boolean",
                "Bytes",
                "Date",
                "Instant",
                "Int64",
                "Integer",
                "Json",
                "List",
                "Number",
                "Object",
                "Reference",
                "Text",
            ),
            "hinterland.contract.operations": ("Operation",),
            "hinterland.contract.channels": ("Channel",),
            "hinterland.contract.records": ("Collection", "EVERYBODY", "Rules", "users"),
            "hinterland.contract.transfers": ("Download",),
            "hinterland.kit.body": ("Body", "BytesBody", "FileBody", "OnceBody"),
            "hinterland.server.app": ("Server",),
            "hinterland.server.backend": ("Backend",),
            "hinterland.server.declaration": ("App",),
            "hinterland.server.hooks": ("AfterWrite", "BeforeWrite", "Refuse"),
            "hinterland.server.operations.call": ("Call",),
            "hinterland.server.operations.channels": ("broadcast",),
            "hinterland.server.operations.records": ("ADMINISTRATOR", "each_record", "write_records"),
            "hinterland.server.settings": ("Settings",),
        },
    )
