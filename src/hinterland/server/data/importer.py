"""Many records at once, by the same write path: what fits is created, what does not is reported."""

from __future__ import annotations

from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.imports import Import, ImportResult, RefusedRow
from hinterland.contract.records import TIMES
from hinterland.contract.values import parse_instant
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.commands import Commands
from hinterland.server.data.requests import OF_IMPORT, Times, WriteRequest
from hinterland.server.data.row_values import RowValues

_SAMPLE = 3
_IMPORTER = Principal(id="admin/import", is_admin=True)


class Importer:
    """Creates rows of a collection; a chunk is one commit, and where a row is refused the others go alone."""

    def __init__(self, commands: Commands, catalogue: Catalogue) -> None:
        self.commands = commands
        self.catalogue = catalogue

    async def run(self, collection: str, wanted: Import) -> ImportResult:
        """Create the rows. Raises `unknown_collection`, and `invalid_body` for an unknown timezone."""
        entry = self.catalogue.named(collection, is_admin=True)
        values = RowValues(entry, wanted)
        refused: list[RefusedRow] = []
        requests: list[tuple[int, WriteRequest]] = []
        for index, row in enumerate(wanted.rows):
            try:
                requests.append((index, _request(entry, values, row)))
            except Refusal as error:
                refused.append(_report(index, error))
        refused += await (self._rehearse(requests) if wanted.is_rehearsal else self._write(requests))
        refused.sort(key=lambda report: report.row)
        sample = _sample(entry, requests) if wanted.is_rehearsal else []
        created = len(wanted.rows) - len(refused)
        return ImportResult(created=created, refused=refused, zoned=values.zoned, sample=sample)

    async def _write(self, requests: list[tuple[int, WriteRequest]]) -> list[RefusedRow]:
        if not requests:
            return []
        writes = [write for _, request in requests for write in request.writes]
        times = [time for _, request in requests for time in request.times]
        try:
            await self.commands.submit(WriteRequest(writes, _IMPORTER, rights=OF_IMPORT, times=times))
        except Refusal as error:
            if error.status >= 500:
                raise
            return await self._write_alone(requests)
        return []

    async def _write_alone(self, requests: list[tuple[int, WriteRequest]]) -> list[RefusedRow]:
        results = await self.commands.submit_all([request for _, request in requests])
        refused: list[RefusedRow] = []
        for (index, _), result in zip(requests, results, strict=True):
            if isinstance(result, Refusal):
                refused.append(_report(index, result))
            elif isinstance(result, BaseException):
                raise result
        return refused

    async def _rehearse(self, requests: list[tuple[int, WriteRequest]]) -> list[RefusedRow]:
        errors = await self.commands.rehearse([request for _, request in requests])
        return [_report(index, error) for (index, _), error in zip(requests, errors, strict=True) if error is not None]


def _request(entry: Entry, values: RowValues, row: Any) -> WriteRequest:
    if not isinstance(row, dict):
        raise Refusal("invalid_body", "a row must be an object")
    body = values.read(row)
    times = _times(body)
    entry.shape.new(body)
    parent = str(body.get("parent") or "")
    write = Write(act="create", collection=entry.name, id=_id(body), parent=parent, body=body)
    return WriteRequest((write,), _IMPORTER, rights=OF_IMPORT, times=(times,))


def _times(body: dict[str, Any]) -> Times | None:
    """When the record was created and updated, where the row says it."""
    given: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for name in TIMES:
        value = body.get(name)
        try:
            if value is not None:
                given[name] = parse_instant(value if isinstance(value, str) else "")
        except ValueError as error:
            errors[name] = [str(error)]
    if errors:
        raise invalid(errors)
    return Times(given.get("created_at"), given.get("updated_at")) if given else None


def _id(body: dict[str, Any]) -> RecordId:
    id: RecordId | None = body.get("id")
    if type(id) is str or type(id) is int:
        return id
    if id is not None:
        raise invalid({"id": ["must be text or a whole number"]})
    return ""


def _sample(entry: Entry, requests: list[tuple[int, WriteRequest]]) -> list[dict[str, Any]]:
    first = [(request.writes[0], request.times[0]) for _, request in requests[:_SAMPLE]]
    documents = [{**_head(write, times), **entry.shape.new(write.body)} for write, times in first]
    return [{name: value for name, value in document.items() if value is not None} for document in documents]


def _head(write: Write, times: Times | None) -> dict[str, Any]:
    given = {"id": write.id or None, "parent": write.parent or None}
    return given | dict(zip(TIMES, times or (), strict=False))


def _report(index: int, error: Refusal) -> RefusedRow:
    return RefusedRow(row=index, message=error.message, errors=error.errors)
