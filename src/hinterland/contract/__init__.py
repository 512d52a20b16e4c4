"""The words that the server and the client both speak."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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
    _HOME = {
        "AnyField": "hinterland.contract.fields",
        "Boolean": "hinterland.contract.fields",
        "Bytes": "hinterland.contract.fields",
        "Collection": "hinterland.contract.records",
        "EVERYBODY": "hinterland.contract.records",
        "Instant": "hinterland.contract.fields",
        "Int64": "hinterland.contract.fields",
        "Integer": "hinterland.contract.fields",
        "Json": "hinterland.contract.fields",
        "List": "hinterland.contract.fields",
        "Number": "hinterland.contract.fields",
        "RecordId": "hinterland.contract.identity",
        "Rules": "hinterland.contract.records",
        "Text": "hinterland.contract.fields",
        "Write": "hinterland.contract.changes",
        "users": "hinterland.contract.records",
    }

    def __getattr__(name: str) -> object:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "EVERYBODY",
    "AnyField",
    "Boolean",
    "Bytes",
    "Collection",
    "Instant",
    "Int64",
    "Integer",
    "Json",
    "List",
    "Number",
    "RecordId",
    "Rules",
    "Text",
    "Write",
    "users",
]  # fmt: skip
