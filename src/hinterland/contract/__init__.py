"""The words that the server and the client both speak."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hinterland.contract.fields import Boolean as Boolean
    from hinterland.contract.fields import Bytes as Bytes
    from hinterland.contract.fields import Instant as Instant
    from hinterland.contract.fields import Int64 as Int64
    from hinterland.contract.fields import Integer as Integer
    from hinterland.contract.fields import Json as Json
    from hinterland.contract.fields import List as List
    from hinterland.contract.fields import Number as Number
    from hinterland.contract.fields import Text as Text
    from hinterland.contract.records import EVERYBODY as EVERYBODY
    from hinterland.contract.records import Collection as Collection
    from hinterland.contract.records import Rules as Rules
    from hinterland.contract.records import users as users

_HOME = {
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
    "Rules": "hinterland.contract.records",
    "Text": "hinterland.contract.fields",
    "users": "hinterland.contract.records",
}
__all__ = [
    "EVERYBODY",
    "Boolean",
    "Bytes",
    "Collection",
    "Instant",
    "Int64",
    "Integer",
    "Json",
    "List",
    "Number",
    "Rules",
    "Text",
    "users",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
