"""Request bodies of MessagePack, where an operation takes them in the place of JSON."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.kit import strict_msgpack
from hinterland.kit.strict_json import MAX_DEPTH, MAX_VALUES, StrictJsonError
from hinterland.server.http import HttpRequest
from hinterland.server.protocols.rest.media import PACKED

_LARGE = 16 * 1024  # bytes, which are read by our own code


def is_packed(request: HttpRequest) -> bool:
    """Whether the body says that it is MessagePack."""
    given = request.headers.get(b"content-type")
    return given is not None and given.partition(b";")[0].strip().lower() in PACKED


async def unpacked(
    request: HttpRequest, data: bytes, *, max_depth: int = MAX_DEPTH, max_values: int = MAX_VALUES
) -> Any:
    """The value of a body; a large one is read in a thread. Raises `invalid_body` and `unsupported_media_type`."""
    request.check_coding()
    decode = partial(strict_msgpack.decode, data, max_depth=max_depth, max_values=max_values)
    try:
        return await asyncio.to_thread(decode) if len(data) > _LARGE else decode()
    except StrictJsonError as error:
        raise Refusal("invalid_body", f"request body: {error}") from None


async def read_object(
    request: HttpRequest, limit: int, *, may_be_empty: bool = False, max_depth: int = MAX_DEPTH
) -> tuple[dict[str, Any], bytes]:
    """The body, of JSON or of MessagePack, as an object, and its bytes. Raises what `HttpRequest.json_object` does."""
    if not is_packed(request):
        return await request.json_object(limit, may_be_empty=may_be_empty, max_depth=max_depth)
    data = await request.body(limit)
    value = await unpacked(request, data, max_depth=max_depth)
    if not isinstance(value, dict):
        raise Refusal("invalid_body", "the body must be a map")
    return value, data
