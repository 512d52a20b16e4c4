"""The words that the server and the client both speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

if TYPE_CHECKING:
    from hinterland.contract.changes import Write as Write
    from hinterland.contract.channels import Channel as Channel
    from hinterland.contract.errors import Refusal as Refusal
    from hinterland.contract.fields import Boolean as Boolean
    from hinterland.contract.fields import Bytes as Bytes
    from hinterland.contract.fields import Date as Date
    from hinterland.contract.fields import Field as Field
    from hinterland.contract.fields import Instant as Instant
    from hinterland.contract.fields import Int64 as Int64
    from hinterland.contract.fields import Integer as Integer
    from hinterland.contract.fields import Json as Json
    from hinterland.contract.fields import List as List
    from hinterland.contract.fields import Number as Number
    from hinterland.contract.fields import Object as Object
    from hinterland.contract.fields import Reference as Reference
    from hinterland.contract.fields import Text as Text
    from hinterland.contract.fields import register as register
    from hinterland.contract.identity import RecordId as RecordId
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
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.contract.changes": ("Write",),
            "hinterland.contract.errors": ("Refusal",),
            "hinterland.contract.fields": (
                "Boolean",
                "Bytes",
                "Date",
                "Field",
                "Instant",
                "Int64",
                "Integer",
                "Json",
                "List",
                "Number",
                "Object",
                "Reference",
                "Text",
                "register",
            ),
            "hinterland.contract.identity": ("RecordId",),
            "hinterland.contract.operations": ("Operation",),
            "hinterland.contract.channels": ("Channel",),
            "hinterland.contract.records": ("Collection", "EVERYBODY", "Rules", "users"),
            "hinterland.contract.transfers": ("Download",),
            "hinterland.kit.body": ("Body", "BytesBody", "FileBody", "OnceBody"),
        },
    )
