"""The operations of a depot for large files, which its server and its client share."""

from __future__ import annotations

import msgspec

from hinterland.contract import Body, Download, Operation


class Parcel(msgspec.Struct):
    """A file to keep."""

    name: str
    content: Body


class Kept(msgspec.Struct):
    """What is kept: the size in bytes, and the SHA-256 in hexadecimal digits."""

    size: int
    digest: str


class Name(msgspec.Struct):
    """The name of a file."""

    name: str


PUT = Operation(
    name="depot.put", method="PUT", path="/v1/functions/depot/{name}", summary="Keep a file", auth="ignored",
    input=Parcel, output=Kept, max_bytes=1024**3,
)  # fmt: skip
GET = Operation(
    name="depot.get", method="GET", path="/v1/functions/depot/{name}", summary="A file", auth="ignored",
    input=Name, output=Download,
)  # fmt: skip
