"""Local records as the app's own type, and what is wrong with those that do not fit it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from hinterland.client.documents import decoded_each
from hinterland.client.errors import InvalidResponse
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.records import Document
from hinterland.kit import validation_mismatch

T = TypeVar("T")


def kept(document: Document, kind: type[T], place: str) -> T:
    """A record that the store holds as a `kind`.

    Raises InvalidResponse, whose path begins with the record's `place`, such as `notes/a.count`.
    """
    if kind is dict:
        return document  # type: ignore[return-value]
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        _, path, _, found = validation_mismatch.read(error)
        message = "A record on this device does not fit the app's type."
        raise InvalidResponse(
            message, path=f"{place}{path[1:]}", found=found, detail=str(error), sent="no",
            advice="Check that app and server are of the same version.",
        ) from None  # fmt: skip


def kept_each(documents: bytes, kind: type[T], place: str) -> tuple[list[T], list[InvalidResponse]]:
    """The records in a JSON array of what the store holds as `kind`, and the error for each that does not fit it."""
    return decoded_each(documents, kind, place, sent="no")


def fitting(document: Document, kind: type[T]) -> T:
    """A record that is about to be kept as a `kind`. Raises the refusal `validation`, by field."""
    if kind is dict:
        return document  # type: ignore[return-value]
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        wrong = _mismatches(document, kind)
        raise invalid(wrong) if wrong else Refusal("validation", str(error)) from None


def _mismatches(document: Document, kind: type[Any]) -> dict[str, list[str]]:
    """The messages of every field that does not fit; msgspec itself stops at the first."""
    fields = msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else ()
    found = ((field.encode_name, _mismatch(document.get(field.encode_name), field)) for field in fields)
    return {name: [message] for name, message in found if message}


def _mismatch(value: Any, field: msgspec.structs.FieldInfo) -> str:
    if value is None and not field.required:
        return ""
    try:
        msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        return "is required" if value is None else _phrase(error)
    return ""


def _phrase(error: msgspec.ValidationError) -> str:
    mismatch = validation_mismatch.read(error)
    place = f" at {mismatch.path[1:]}" if mismatch.path != "$" else ""
    return validation_mismatch.phrase(mismatch) + place
