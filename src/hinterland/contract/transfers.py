"""Bodies as inputs and outputs of operations.

An input takes a request's body as it comes by a field of the type `Body`; its other fields are read from the path and
the query. An operation that answers with bytes has the output `Download`.
"""

from __future__ import annotations

import msgspec

from hinterland.kit.body import Body


class Download(msgspec.Struct, kw_only=True):
    """Bytes with their media type. `name` is a file name under which a browser saves them; `tag` names this version of
    the bytes (a strong validator, RFC 9110 §8.8.1), by which a broken download is continued.

    The parts of a client's answer to a range: `start` is where the body begins, `size` the length of the whole, None
    where it is not known.
    """

    body: Body
    content_type: str = "application/octet-stream"
    name: str = ""
    tag: str = ""
    start: int = 0
    size: int | None = None


def body_field(input: object) -> str:
    """The field of an input's type that is the request's body; "" where none is."""
    if not (isinstance(input, type) and issubclass(input, msgspec.Struct)):
        return ""
    return next((field.encode_name for field in msgspec.structs.fields(input) if field.type is Body), "")
