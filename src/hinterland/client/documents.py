"""Reading the document that a server answers with, as a typed value."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from hinterland.client.errors import InvalidResponse
from hinterland.kit import validation_mismatch

T = TypeVar("T")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decoded(content: bytes, kind: type[T], **more: Any) -> T:
    """The document in `content` as a `kind`. Raises InvalidResponse, with `more` about it, which names the path and
    what was found."""
    try:
        return msgspec.json.decode(content, type=kind)
    except _UNREADABLE as error:
        _, path, _, found = validation_mismatch.read(error)
        raise InvalidResponse(path=path, found=found or _looks_like(content), detail=str(error), **more) from None


def packed_decoded(content: bytes, kind: type[T]) -> T:
    """The document of MessagePack in `content` as a `kind`. Raises InvalidResponse."""
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except _UNREADABLE as error:
        _, path, _, found = validation_mismatch.read(error)
        raise InvalidResponse(path=path, found=found, detail=str(error)) from None


def decoded_each(
    content: bytes | msgspec.Raw, kind: type[T], place: str, **more: Any
) -> tuple[list[T], list[InvalidResponse]]:
    """The records of a page's `items` as `kind`, and an InvalidResponse for each that does not fit it, with `more`
    about it. Its path begins with the record's place below `place`, such as `notes/42.count`.

    Raises InvalidResponse where they are not an array.
    """
    try:
        return _decode_all(kind)(content), []  # type: ignore[arg-type]
    except _UNREADABLE:
        pass  # in the rare case, one by one
    items: list[T] = []
    mismatches: list[InvalidResponse] = []
    for number, raw in enumerate(_items_in(content, **more)):
        try:
            items.append(msgspec.json.decode(raw, type=kind))
        except _UNREADABLE as error:
            at = _place_of(raw, place) or f"{place}[{number}]"
            mismatches.append(_mismatch(error, at, **more))
    return items, mismatches


def _mismatch(error: Exception, at: str, **more: Any) -> InvalidResponse:
    _, path, _, found = validation_mismatch.read(error)
    message, advice = "A record does not fit the app's type.", "Check that app and server are of the same version."
    return InvalidResponse(message, path=at + path[1:], found=found, detail=str(error), advice=advice, **more)


@lru_cache(maxsize=256)
def _decode_all(kind: Any) -> Callable[[bytes | msgspec.Raw], list[Any]]:
    return msgspec.json.Decoder(list[kind]).decode


def _items_in(content: bytes | msgspec.Raw, **more: Any) -> list[msgspec.Raw]:
    try:
        return decoded(bytes(content), list[msgspec.Raw], **more)
    except InvalidResponse as error:
        error.path = f"$.items{error.path[1:]}"
        raise


class _Identified(msgspec.Struct):
    id: int | str


def _place_of(record: msgspec.Raw, place: str) -> str:
    try:
        return f"{place}/{msgspec.json.decode(record, type=_Identified).id}"
    except _UNREADABLE:
        return ""


def check_empty(content: bytes, *, operation: str = "", request_id: str = "") -> None:
    """Raises InvalidResponse where something is answered, such as a portal's page, in the place of nothing."""
    if content:
        found = _looks_like(content) or "JSON"
        raise InvalidResponse(found=found, detail="no body was expected", operation=operation, request_id=request_id)


def _looks_like(content: bytes) -> str:
    start = content.lstrip()[:1]
    if not start:
        return "an empty body"
    if start == b"<":
        return "HTML or XML"
    return "" if start in b'{["' else "text that is not JSON"
