"""Bulk inserts: thousands of rows of one collection as one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.batches import MAX_REPORTS
from hinterland.contract.changes import Act, Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import RecordId
from hinterland.kit import strict_json
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.documents import id_text
from hinterland.server.data.once_by_key import OnceByKey
from hinterland.server.data.refused_writes import RefusedWrites, report
from hinterland.server.data.requests import Answer, OnRefusal, Upsert, WriteForm, WriteRequest, WriteResult
from hinterland.server.operations.call import Call, Reply
from hinterland.server.storage.reading import pause


class BulkRows(NamedTuple):
    """The `rows` of a collection, each the text of a JSON object. `is_atomic`: where one is refused, none is written.
    `form`: they are upserts, which replace the records that they find, or patch them."""

    entry: Entry
    parent: str
    rows: Sequence[bytes]
    is_atomic: bool = True
    form: Upsert | None = None
    replaces: bool = False


async def bulk_records(backend: Backend, call: Call[BulkRows]) -> Reply:
    """Create a record of each row, or write to the one that it finds. Others get their turn on the loop meanwhile."""
    asked = call.input
    on_refusal: OnRefusal = "collect" if asked.is_atomic else "skip"
    writes, refused = await _writes(asked, on_refusal)
    forms: dict[int, WriteForm] = {} if asked.form is None else dict.fromkeys(range(len(writes)), asked.form)
    places = [place for place in range(len(asked.rows)) if place not in refused]

    def answer(outcome: WriteResult) -> Answer:
        left_out = {places[index]: refusal for index, refusal in outcome.refused.items()}
        return _answer(outcome, len(asked.rows), refused | left_out)

    once = OnceByKey.of(call.caller, call.key, call.fingerprint, answer, call.part_key)
    request = WriteRequest(writes, call.caller, once=once, forms=forms, on_refusal=on_refusal)
    outcome = await backend.commands.submit(request)
    assert outcome.answer is not None
    return Reply(msgspec.Raw(outcome.answer.body), is_replayed=outcome.replayed)


async def _writes(asked: BulkRows, on_refusal: OnRefusal) -> tuple[list[Write], dict[int, Refusal]]:
    """The writes, and the rows that are none. Raises the refusal of all of them where nothing can be written."""
    refused = RefusedWrites(on_refusal)
    writes: list[Write] = []
    act: Act = "create" if asked.form is None else "replace" if asked.replaces else "patch"
    for index, row in enumerate(asked.rows):
        try:
            body = _body(row)
            writes.append(Write(act=act, collection=asked.entry.name, parent=asked.parent, id=_id(body), body=body))
        except Refusal as refusal:
            refused.add(index, refusal)
        await pause(index, len(asked.rows))
    refused.finish()
    return writes, refused.by_index


def _body(row: bytes) -> dict[str, Any]:
    try:
        body = strict_json.decode(row)
    except strict_json.StrictJsonError as error:
        raise Refusal("invalid_body", str(error)) from None
    if not isinstance(body, dict):
        raise Refusal("invalid_body", "a row must be a JSON object")
    return body


def _id(body: Mapping[str, Any]) -> RecordId:
    id: RecordId | None = body.get("id")
    if id is not None and type(id) not in (str, int):
        raise invalid({"id": ["must be text or a number"]})
    return "" if id is None else id


def _answer(outcome: WriteResult, count: int, refused: Mapping[int, Refusal]) -> Answer:
    written = iter(outcome.records)
    ids = ["null" if place in refused else id_text(next(written).id) for place in range(count)]
    created = len([record for record in outcome.records if record.before is None])
    reports = [report(place, refused[place]) for place in sorted(refused)[:MAX_REPORTS]]
    text = (
        f'{{"created":{created},"changed":{len(outcome.records) - created},"ids":[{",".join(ids)}],'
        f'"refused":{msgspec.json.encode(reports).decode()},"revision":{outcome.revision}}}'
    )
    return Answer(200, text.encode())
