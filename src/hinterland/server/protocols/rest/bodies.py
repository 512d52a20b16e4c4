"""Bodies of a declared type."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.kit import validation_mismatch
from hinterland.kit.strict_json import MAX_DEPTH
from hinterland.server.backend import Backend
from hinterland.server.http import HttpRequest

T = TypeVar("T", bound=msgspec.Struct)


async def read_body(backend: Backend, request: HttpRequest, kind: type[T], max_depth: int = MAX_DEPTH) -> T:
    """The body as `kind`. Raises `invalid_body`, which names what does not fit by its place, such as
    `mutations[3].writes[0].act`."""
    value, _ = await request.json_object(backend.settings.max_body_bytes, max_depth=max_depth)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, path, *_ = validation_mismatch.read(error)
        raise Refusal("invalid_body", reason if path == "$" else f"{path.removeprefix('$.')}: {reason}") from None
