"""The messages of writes that many records take part in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.contract.query import GivenCursor
from hinterland.contract.records import Document
from hinterland.kit.strict_json import MAX_DEPTH

MAX_BATCH_WRITES = 1_000  # others wait while they are written
BATCH_DEPTH = MAX_DEPTH + 5  # a record's body may be as deep in a batch as alone

BatchAct = Literal["create", "replace", "patch", "delete", "upsert"]
Returns = Literal["record", "minimal"]


class BatchWrite(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One write of a batch.

    `parent` is the path of the record that the record is below, such as `posts/42`. `id` names the record; a creation
    may leave it out, or have a temporary one, `~` and a name such as `~1`, by which later writes of the batch name the
    record: as their `id`, in their `parent`, and in fields that hold the ids of records. `revision`: the record must be
    at it. `exists`: the record must (not) be there. `patch`, in place of the body of a patch, is a JSON Patch
    (RFC 6902). An upsert finds its record `by` a unique field whose value is in the body, or by "id": where there is
    none, it creates it; else it patches it, or replaces it where `existing` says so.
    """

    act: BatchAct
    collection: str
    parent: str = ""
    id: RecordId = ""
    body: Document = {}
    revision: int | None = None
    exists: bool | None = None
    patch: list[Any] | None = None
    by: str = ""
    existing: Literal["patch", "replace"] = "patch"


_BatchWrites = Annotated[list[BatchWrite], msgspec.Meta(extra_json_schema={"maxItems": MAX_BATCH_WRITES})]


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Writes, 1,000 at most, that happen in order, together or not at all. `returns`: whether the results have the
    records."""

    writes: _BatchWrites
    returns: Returns = "record"


class BatchOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one write did: the `status` of the same request alone, the record's `id`, and the record as the whole batch
    leaves it; none where it is deleted, or was not asked for."""

    status: int
    id: RecordId
    record: Document | None = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The results of a batch, in the order of its writes, and its `revision`."""

    results: list[BatchOutcome]
    revision: int


MAX_BULK_ROWS = 10_000
MAX_REPORTS = 1_000  # of rows that a bulk insert leaves out


class LeftOutRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row that a bulk insert left out: its place from 0, and why, with the messages of each field."""

    row: int
    code: str
    message: str
    errors: dict[str, list[str]] = {}


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk insert did: how many records it `created` and, by upserts, `changed`, the `ids` in the order of the
    rows (null: left out), and the first 1,000 rows that were `refused`."""

    created: int
    changed: int
    ids: list[RecordId | None]
    refused: list[LeftOutRow]
    revision: int


MAX_FILTERED = 10_000
_FilteredLimit = Annotated[int, msgspec.Meta(ge=1, le=MAX_FILTERED)]


class FilteredDeletion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The records of the `collection` that the path names, below `parent`, that a `filter` (CEL over `record`) and the
    values in `where` find: at most `limit`, from `cursor` on ("": from the first). `dry_run`: they are counted, and
    nothing is changed."""

    collection: str = ""
    parent: str = ""
    filter: str = ""
    where: dict[str, Any] = {}
    limit: _FilteredLimit = 1_000
    cursor: GivenCursor = ""
    dry_run: bool = False


class FilteredUpdate(FilteredDeletion, frozen=True, kw_only=True, omit_defaults=True):
    """The same, with the `body` of a PATCH of each record."""

    body: Document


class UnchangedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was not changed, and why."""

    parent: str
    id: RecordId
    code: str
    message: str


class FilteredResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many records were found and `changed`, how many others changed or deleted meanwhile (`outdated`), and the
    first 100 that were `refused`. `next`: the cursor of what remains ("": nothing).

    Of a dry run, `found` counts all records, and `sample` has the first three."""

    found: int
    changed: int = 0
    outdated: int = 0
    refused: list[UnchangedRecord] = []
    next: str = ""
    sample: list[Document] = []
