"""The words that the server and the client both speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.kit.lazy_face import offer

if TYPE_CHECKING:
    from hinterland.contract.changes import Write as Write
    from hinterland.contract.fields import AnyField as AnyField
    from hinterland.contract.fields import Boolean as Boolean
    from hinterland.contract.fields import Bytes as Bytes
    from hinterland.contract.fields import Instant as Instant
    from hinterland.contract.fields import Int64 as Int64
    from hinterland.contract.fields import Integer as Integer
    from hinterland.contract.fields import Json as Json
    from hinterland.contract.fields import List as List
    from hinterland.contract.fields import Number as Number
    from hinterland.contract.fields import Text as Text
    from hinterland.contract.identity import RecordId as RecordId
    from hinterland.contract.records import EVERYBODY as EVERYBODY
    from hinterland.contract.records import Collection as Collection
    from hinterland.contract.records import Rules as Rules
    from hinterland.contract.records import users as users
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.contract.changes": ("Write",),
            "hinterland.contract.fields": (
                "AnyField",
                "Boolean",
                "Bytes",
                "Instant",
                "Int64",
                "Integer",
                "Json",
                "List",
                "Number",
                "Text",
            ),
            "hinterland.contract.identity": ("RecordId",),
            "hinterland.contract.records": ("Collection", "EVERYBODY", "Rules", "users"),
        },
    )
