"""The kinds of fields that a collection declares; importing this registers them."""

from __future__ import annotations

from hinterland.contract.kinds.boolean import Boolean as Boolean
from hinterland.contract.kinds.bytes import Bytes as Bytes
from hinterland.contract.kinds.date import Date as Date
from hinterland.contract.kinds.field import Field as Field
from hinterland.contract.kinds.field import register as register
from hinterland.contract.kinds.instant import Instant as Instant
from hinterland.contract.kinds.int64 import Int64 as Int64
from hinterland.contract.kinds.integer import Integer as Integer
from hinterland.contract.kinds.json import Json as Json
from hinterland.contract.kinds.list import List as List
from hinterland.contract.kinds.number import Number as Number
from hinterland.contract.kinds.object import Object as Object
from hinterland.contract.kinds.reference import Reference as Reference
from hinterland.contract.kinds.text import Text as Text
