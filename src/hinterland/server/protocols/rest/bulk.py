"""The codec of bulk inserts: a JSON array of objects, or JSON Lines."""

from __future__ import annotations

import asyncio
from io import BytesIO
from itertools import islice

import msgspec

from hinterland.contract.batches import MAX_BULK_ROWS
from hinterland.contract.errors import Refusal
from hinterland.kit.strict_json import MAX_DEPTH
from hinterland.server.backend import Backend
from hinterland.server.data.admission import admit, is_closed
from hinterland.server.data.catalogue import Entry
from hinterland.server.http import Codec, HttpAnswer, HttpRequest, json_answer
from hinterland.server.idempotency import REPLAYED, idempotency_key
from hinterland.server.operations import bulk
from hinterland.server.operations.bulk import BulkRows
from hinterland.server.operations.call import Call
from hinterland.server.protocols.rest import packed
from hinterland.server.protocols.rest.records import fingerprint, path_of, upserted

BULK = "/bulk"
_LINES = frozenset(
    {b"application/jsonl", b"application/x-ndjson", b"application/x-jsonlines", b"application/jsonlines"}
)
_SWITCH = {"true": True, "false": False}
_MOST_PACKED = 1_000_000  # values of all rows of MessagePack together
_LONG = 128 * 1024  # bytes, which take milliseconds to take apart
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def bulk_records(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Create many records of a collection."""
    entry, parent, _ = backend.catalogue.locate(path_of(request)[:-1])
    form, replaces = upserted(request, "atomic")
    is_atomic = _SWITCH.get(dict(request.query()).get("atomic", "true"))
    if is_atomic is None:
        raise Refusal("invalid_query", "atomic must be true or false")
    limit = backend.settings.max_body_bytes
    await _check_admission(entry, request, limit, is_upsert=form is not None)
    data = await request.body(limit)
    rows = await _rows(request, data)
    key = idempotency_key(request)
    digest = fingerprint(request, request.scope.get("query_string", b"") + b"\0" + data) if key else ""
    given = BulkRows(entry, parent, rows, is_atomic, form, replaces)
    reply = await bulk.bulk_records(backend, Call(caller=request.caller, input=given, key=key, fingerprint=digest))
    return json_answer(reply.output, headers=[REPLAYED] if reply.is_replayed else [])


async def _check_admission(entry: Entry, request: HttpRequest, limit: int, *, is_upsert: bool) -> None:
    try:
        if not is_upsert or is_closed(entry.rules["update"]):
            admit(entry, "create", request.caller)
    except Refusal:
        await request.discard(limit)
        raise


async def _rows(request: HttpRequest, data: bytes) -> list[bytes]:
    """The texts of the rows. Raises `invalid_body`, `unsupported_media_type` and `too_large`."""
    kind = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind in _LINES:
        rows = await asyncio.to_thread(_lines, data) if len(data) > _LONG else _lines(data)
    elif packed.is_packed(request):
        given = await packed.unpacked(request, data, max_depth=MAX_DEPTH + 1, max_values=_MOST_PACKED)
        rows = await asyncio.to_thread(_packed, given)
    else:
        request.check_json()
        rows = await asyncio.to_thread(_array, data) if len(data) > _LONG else _array(data)
    if len(rows) > MAX_BULK_ROWS:
        raise Refusal("too_large", f"a bulk insert takes at most {MAX_BULK_ROWS:,} rows, this has more; send several")
    return rows


def _lines(data: bytes) -> list[bytes]:
    """The lines that have something, one more than a request may have at most."""
    return [*islice((line for line in BytesIO(data) if line.strip()), MAX_BULK_ROWS + 1)]


def _packed(given: object) -> list[bytes]:
    if not isinstance(given, list):
        raise Refusal("invalid_body", "the body must be an array of objects")
    return [*map(msgspec.json.encode, given[: MAX_BULK_ROWS + 1])]


def _array(data: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in _items(data)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("invalid_body", f"the body must be a JSON array of objects, or JSON Lines: {error}") from None


OF_BULK: dict[str, Codec] = {"POST": bulk_records}
