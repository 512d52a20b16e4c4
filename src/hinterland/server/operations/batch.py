"""Batches: many writes that happen together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hinterland.contract import json_patch
from hinterland.contract.batches import MAX_BATCH_WRITES, Batch, BatchWrite, Returns
from hinterland.contract.changes import Act, Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId, is_temporary
from hinterland.server.backend import Backend
from hinterland.server.data.admission import admit, is_closed
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.documents import id_text
from hinterland.server.data.once_by_key import OnceByKey
from hinterland.server.data.refused_writes import placed
from hinterland.server.data.requests import Answer, JsonPatch, Upsert, WriteForm, WriteRequest, WriteResult
from hinterland.server.operations.call import Call, Reply

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""Of the results of a batch: with an idempotency key they are kept, else in memory alone."""
ACTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "create": ("create",), "replace": ("update",), "patch": ("update",), "delete": ("delete",),
    "upsert": ("create", "update"),
}  # fmt: skip
"""The actions, one of whose rules decides a write."""
_STATUS: Mapping[str, int] = {"create": 201, "delete": 204}


async def write_batch(backend: Backend, call: Call[Batch]) -> Reply:
    """Write all of a batch or nothing."""
    batch = call.input
    if len(batch.writes) > MAX_BATCH_WRITES:
        message = f"a batch takes at most {MAX_BATCH_WRITES:,} writes, this has {len(batch.writes):,}; send several"
        raise Refusal("too_large", message)
    _check_names(batch.writes)
    forms: dict[int, WriteForm] = {}
    writes = [_write(backend.catalogue, index, write, forms) for index, write in enumerate(batch.writes)]
    if not call.caller.is_signed_in:
        _check_admission(backend.catalogue, call.caller, batch.writes)
    answerer = _Answerer(backend.catalogue, call.caller, batch.writes, batch.returns)
    digest = call.fingerprint or (_fingerprint(call.input) if call.key else "")
    once = OnceByKey.of(call.caller, call.key, digest, answerer.answer, call.part_key)
    request = WriteRequest(writes, call.caller, once=once, forms=forms, on_refusal="place", is_batch=True)
    request = request._replace(shows_records=batch.returns == "record")
    outcome = await backend.commands.submit(request)
    assert outcome.answer is not None
    return Reply(msgspec.Raw(outcome.answer.body), is_replayed=outcome.replayed)


def _fingerprint(batch: Batch) -> str:
    """A digest of what the request asks for, whatever bytes it came as."""
    return hashlib.sha256(b"batch\0" + msgspec.json.encode(batch)).hexdigest()


class _Answerer:
    """Makes the answer of a batch."""

    def __init__(self, catalogue: Catalogue, caller: Principal, writes: Sequence[BatchWrite], returns: Returns) -> None:
        self._entries = catalogue
        self._caller = caller
        self._writes = writes
        self._has_records = returns == "record"

    def answer(self, outcome: WriteResult) -> Answer:
        """The results, as JSON. Raises `too_large`: in the writer, before anything is written."""
        texts: list[str] = []
        size = 0
        for write, (name, id, _, before, after, asked) in zip(self._writes, outcome.records, strict=True):
            status = _STATUS.get(write.act, 201 if write.act == "upsert" and before is None else 200)
            text = f'{{"status":{status},"id":{id_text(id)}'
            if self._has_records and after is not None and write.act != "delete":
                text += f',"record":{self._entries[name].wire(self._caller, after, asked)}'
            texts.append(text + "}")
            size += len(text)
            if size > MAX_ANSWER_BYTES:
                message = f"the results would be larger than {MAX_ANSWER_BYTES:,} bytes"
                raise Refusal("too_large", f'{message}; send "returns": "minimal", or fewer writes')
        return Answer(200, f'{{"results":[{",".join(texts)}],"revision":{outcome.revision}}}'.encode())


def _check_names(writes: Sequence[BatchWrite]) -> None:
    """Raises `invalid_body` where two writes give one temporary id."""
    seen: set[RecordId] = set()
    for index, write in enumerate(writes):
        id = _given_id(index, write)
        if write.act in ("create", "upsert") and is_temporary(id):
            if id in seen:
                raise _invalid(index, "id", f"{id} is the temporary id of an earlier write too; use another")
            seen.add(id)


def _check_admission(catalogue: Catalogue, caller: Principal, writes: Sequence[BatchWrite]) -> None:
    """Raises `unauthorized` where a rule refuses every such write of the caller, as it does for one that comes alone:
    before anything is said of what it holds."""
    for index, write in enumerate(writes):
        entry = catalogue.entries.get(write.collection)
        actions = ACTIONS_OF[write.act]
        try:
            if entry is not None and all(is_closed(entry.rules[action]) for action in actions):
                admit(entry, actions[0], caller)
        except Refusal as refusal:
            raise placed(index, refusal) from None


def _write(catalogue: Catalogue, index: int, given: BatchWrite, forms: dict[int, WriteForm]) -> Write:
    """The write, with its form where it is more than its act. Raises `invalid_body` for parts that it can't have."""
    act: Act = given.existing if given.act == "upsert" else given.act
    if given.act == "upsert":
        if not given.by:
            raise _invalid(index, "by", 'is required: the name of a unique field, or "id"')
        if given.revision is not None or given.exists is not None:
            raise _invalid(index, "act", "an upsert takes no revision and no exists")
        forms[index] = Upsert(given.by)
    elif given.by:
        raise _invalid(index, "by", "is for upserts only")
    if given.patch is not None:
        if given.act != "patch" or given.body:
            raise _invalid(index, "patch", "is for patches only, in place of the body")
        forms[index] = JsonPatch(json_patch.operations(given.patch, f"writes[{index}].patch"))
    if given.act in ("patch", "replace", "delete") and given.id == "":
        raise _invalid(index, "id", f"is required for a {given.act}; name the record")
    if given.body and given.act == "delete":
        raise _invalid(index, "body", "a deletion has none")
    return Write(
        act=act,
        collection=given.collection,
        id=_id(catalogue, index, given),
        parent=given.parent,
        body=given.body,
        revision=given.revision,
        exists=given.exists,
    )


def _given_id(index: int, given: BatchWrite) -> RecordId:
    """The id that names the record; a creation may have it in its body, as the same request alone has. Raises
    `invalid_body` for what is none."""
    id: Any = given.body.get("id") if given.act == "create" and given.id == "" else given.id
    if id is not None and type(id) not in (str, int):
        raise _invalid(index, "body.id", "must be text or a number")
    return "" if id is None else id


def _id(catalogue: Catalogue, index: int, given: BatchWrite) -> RecordId:
    """The id as the collection has it: paths write numbers as text. Raises `not_found` for a number that is none."""
    entry, id = catalogue.entries.get(given.collection), _given_id(index, given)
    if entry is None or not entry.is_integer or given.act == "create" or not (isinstance(id, str) and id.isdigit()):
        return id
    try:
        return entry.parse_id(id)
    except Refusal as refusal:
        raise placed(index, refusal) from None


def _invalid(index: int, name: str, problem: str) -> Refusal:
    place = f"writes[{index}].{name}"
    return Refusal("invalid_body", f"{place}: {problem}", errors={place: [problem]}, details={"index": index})
