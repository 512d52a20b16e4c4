"""Updates and deletes of all records that a filter finds, for administrators: each change is one in the log as any."""

from __future__ import annotations

from typing import Any, NamedTuple

from hinterland.contract.batches import FilteredDeletion, FilteredResult, FilteredUpdate, UnchangedRecord
from hinterland.contract.changes import Act, Write
from hinterland.contract.errors import Refusal
from hinterland.contract.query import Query
from hinterland.contract.records import Document
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.reader import RecordPage
from hinterland.server.data.requests import WriteRequest
from hinterland.server.operations.call import Call

_AT_ONCE = 500  # records of one commit: others write between two
_REPORTED = 100
_SAMPLE = 3
_OUTDATED = frozenset({"stale", "not_found"})


class _Task(NamedTuple):
    """What is done to the records."""

    backend: Backend
    call: Call[Any]  # a FilteredDeletion
    entry: Entry
    act: Act
    body: Document
    instant: str  # of the filter, for all pages


async def update_filtered(backend: Backend, call: Call[FilteredUpdate]) -> FilteredResult:
    """Patch all records that the filter finds."""
    entry = _entry(backend, call)
    return await _run(_Task(backend, call, entry, "patch", call.input.body, backend.reader.instant()))


async def delete_filtered(backend: Backend, call: Call[FilteredDeletion]) -> FilteredResult:
    """Delete all records that the filter finds."""
    return await _run(_Task(backend, call, _entry(backend, call), "delete", {}, backend.reader.instant()))


def _entry(backend: Backend, call: Call[Any]) -> Entry:
    """The collection. Raises `unknown_collection`, and `invalid_body` where nothing says which records are meant."""
    asked = call.input
    entry = backend.catalogue.named(asked.collection, is_admin=True)
    backend.catalogue.check_parent(entry, asked.parent)
    if not asked.filter and not asked.where:
        raise Refusal("invalid_body", 'filter: is required, or where; for all records send "filter": "true"')
    return entry


async def _run(task: _Task) -> FilteredResult:
    asked: FilteredDeletion = task.call.input
    if asked.dry_run:
        page = await _page(task, _SAMPLE, asked.cursor, has_total=True)
        sample = [task.entry.seen(task.call.caller, record) for record in page.records]
        return FilteredResult(found=page.total or 0, sample=sample)
    found = changed = outdated = 0
    refused: list[UnchangedRecord] = []
    cursor, is_last = asked.cursor, False
    while not is_last and found < asked.limit:
        page = await _page(task, min(_AT_ONCE, asked.limit - found), cursor)
        written, reports = await _write(task, page)
        changed += written
        outdated += len([one for one in reports if one.code in _OUTDATED])
        refused += [one for one in reports if one.code not in _OUTDATED]
        found += len(page.records)
        cursor, is_last = page.next, not page.next
    return FilteredResult(
        found=found, changed=changed, outdated=outdated, refused=refused[:_REPORTED], next=cursor if not is_last else ""
    )


async def _page(task: _Task, limit: int, cursor: str, *, has_total: bool = False) -> RecordPage:
    asked = task.call.input
    query = Query(limit=limit, filter=asked.filter, equals=dict(asked.where), cursor=cursor, total=has_total)
    return await task.backend.reader.page(
        task.call.caller, task.entry, asked.parent, query, task.call.asker, instant=task.instant
    )


async def _write(task: _Task, page: RecordPage) -> tuple[int, list[UnchangedRecord]]:
    """Write to the records of a page, in one commit: how many were changed, and those that were not."""
    writes = [
        Write(
            act=task.act,
            collection=task.entry.name,
            parent=record.parent,
            id=record.id,
            revision=record.revision,
            body=task.body,
        )
        for record in page.records
    ]
    if not writes:
        return 0, []
    outcome = await task.backend.commands.submit(WriteRequest(writes, task.call.caller, on_refusal="skip"))
    reports = [
        UnchangedRecord(parent=writes[at].parent, id=writes[at].id, code=refusal.code, message=refusal.message)
        for at, refusal in outcome.refused.items()
    ]
    return len(outcome.records), reports
