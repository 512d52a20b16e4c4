"""Many records at once, by the same write path: what fits is created, what does not is reported."""

from __future__ import annotations

from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.fields import AnyField, Json, from_text
from hinterland.contract.identity import Principal, RecordId
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.requests import WriteRequest
from hinterland.server.data.writer import Writer

_IMPORTER = Principal(id="import", is_admin=True)


class Importer:
    """Creates rows of a collection; a chunk is one commit, and where a row is refused the others go alone."""

    def __init__(self, writer: Writer, catalogue: Catalogue) -> None:
        self.writer = writer
        self.catalogue = catalogue

    async def rows(self, collection: str, rows: list[Any], *, is_text: bool = False) -> dict[str, Any]:
        """Create `rows`; returns `{"created": n, "refused": [{"row", "message", "errors"}]}`.

        With `is_text` every value is text, as CSV has it: it is read as its field's kind, and "" is no value.
        """
        entry = self.catalogue[collection]
        refused: list[dict[str, Any]] = []
        writes: list[tuple[int, Write]] = []
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                refused.append({"row": index, "message": "a row must be an object", "errors": {}})
                continue
            try:
                writes.append((index, _write_of(entry, _typed(entry, row) if is_text else row)))
            except Refusal as error:
                refused.append(_report(index, error))
        refused += await self._write(writes)
        refused.sort(key=lambda report: int(report["row"]))
        return {"created": len(rows) - len(refused), "refused": refused}

    async def _write(self, writes: list[tuple[int, Write]]) -> list[dict[str, Any]]:
        if not writes:
            return []
        try:
            await self.writer.submit(_request(*(write for _, write in writes)))
        except Refusal as error:
            if error.status >= 500:
                raise
            return await self._write_alone(writes)
        return []

    async def _write_alone(self, writes: list[tuple[int, Write]]) -> list[dict[str, Any]]:
        futures = self.writer.submit_all([_request(write) for _, write in writes])
        refused: list[dict[str, Any]] = []
        for (index, _), future in zip(writes, futures, strict=True):
            try:
                await future
            except Refusal as error:
                refused.append(_report(index, error))
        return refused


def _write_of(entry: Entry, row: dict[str, Any]) -> Write:
    entry.shape.new(row)
    parent = str(row.get("parent") or "")
    return Write(act="create", collection=entry.name, id=_id(row), parent=parent, body=row)


def _id(row: dict[str, Any]) -> RecordId:
    id = row.get("id")
    return id if id and type(id) in (str, int) else ""


def _request(*writes: Write) -> WriteRequest:
    return WriteRequest(writes, _IMPORTER, is_trusted=True)


def _typed(entry: Entry, row: dict[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for name, text in row.items():
        field = entry.collection.fields.get(name)
        if name == "id" and entry.is_integer and str(text).isdigit():
            typed[name] = int(text)
        elif field is None or not isinstance(text, str):
            typed[name] = text
        elif text != "":
            typed[name] = _value(name, field, text)
    return typed


def _value(name: str, field: AnyField, text: str) -> Any:
    try:
        return from_text(field, text)
    except ValueError as error:
        if isinstance(field, Json):  # which takes any text as it is
            raise invalid({name: [f"is not JSON: {error}"]}) from None
        return text  # the field's own check says what is wrong with it


def _report(index: int, error: Refusal) -> dict[str, Any]:
    return {"row": index, "message": error.message, "errors": error.errors}
