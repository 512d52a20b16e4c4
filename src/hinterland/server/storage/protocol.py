"""What every storage does. `hinterland.testing.storage_suite` is the suite that each must pass.

All methods are async; SQLite's never wait, since its statements are short and run where they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple, Protocol

from hinterland.contract.changes import WriteKind
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Collection
from hinterland.server.storage.system import Row, RowAct

PAGE_BYTES = 4 * 1024 * 1024  # of text in UTF-8: what one answer, and the memory behind it, is held to
ROW_BYTES = 8 * PAGE_BYTES  # of a text that a statement puts together, such as a record with what comes with it
DialectName = Literal["sqlite", "postgres"]


def octets(text: str) -> int:
    """How many bytes `text` takes in UTF-8, in which both databases and every answer have it."""
    return len(text) if text.isascii() else len(text.encode())


class Texts(NamedTuple):
    """By what the rows of a SELECT are bounded: the names of its `columns`, the `places` of those that hold texts, and
    how many `rows` there are at most.

    `rows` is written into PostgreSQL's statement, which is planned once for each: so it is a power of two. `longest`:
    the statement puts them together, and none may be longer than so many bytes.
    """

    columns: tuple[str, ...]
    places: tuple[int, ...]
    rows: int = 512
    longest: int | None = None

    def of(self, limit: int) -> Texts:
        """The same of a SELECT of at most `limit` rows."""
        return self._replace(rows=1 << (limit - 1).bit_length())


class StoredRecord(NamedTuple):
    """A record as it is kept: `body` and `private` are JSON text, the second of the fields with their own read rule."""

    parent: str
    id: RecordId
    revision: int
    created: str
    updated: str
    body: str
    private: str | None

    @property
    def size(self) -> int:
        """How much of `PAGE_BYTES` its texts take."""
        return octets(self.body) + (octets(self.private) if self.private else 0)


class Change(NamedTuple):
    """A record's change as it is written. `columns` are the values of the declared fields' columns, in order; `origin`
    is the device that sent it ("": none), `actor` the account ("admin/…" for administrators, "" for the system and for
    callers who are not signed in)."""

    collection: str
    kind: WriteKind
    before: StoredRecord | None
    after: StoredRecord | None
    columns: Sequence[Any]
    timestamp: float
    origin: str = ""
    actor: str = ""


class CommitChanges(NamedTuple):
    """The changes of one commit as they are written: `last` is the revision of the last one, `check` the commit's check
    value."""

    changes: Sequence[Change]
    last: int
    check: int


class LogEntry(NamedTuple):
    """A change as the log has it. `commit` is the last revision of its commit; `after` is the record right after it
    (None: deleted). `actor` is for administrators only."""

    revision: int
    commit: int
    check: int
    at: float
    timestamp: float
    kind: WriteKind
    collection: str
    parent: str
    id: RecordId
    before: StoredRecord | None
    after: StoredRecord | None
    origin: str = ""
    actor: str = ""


class DeclaredSchema(NamedTuple):
    """The collections that a database was declared with, and the number of that declaration."""

    collections: list[Collection]
    generation: int


class LogPage(list[LogEntry]):
    """Changes in their order. `is_last`: there was nothing beyond them."""

    def __init__(self, entries: Iterable[LogEntry] = (), *, is_last: bool = True) -> None:
        super().__init__(entries)
        self.is_last = is_last


LogKey = tuple[str, RecordId]
"""The parent and the id of a record."""


class Since(NamedTuple):
    """Whose changes a record had: `newest`, the latest timestamp of those of others (None: there are none), and whether
    there are any of one's `own` origin."""

    newest: float | None
    has_own: bool


class Head(NamedTuple):
    """Where the log ends: the last revision and its commit's check value; what came after `retention_floor` is kept."""

    revision: int
    check: int
    retention_floor: int


class Snapshot(Protocol):
    """Reads that see one state of the database."""

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT; parameters stand as `?`."""
        ...

    async def fetch_some(
        self, sql: str, parameters: Sequence[Any], texts: Texts | None
    ) -> tuple[list[Sequence[Any]], bool]:
        """The first rows of a SELECT whose size is not known before, and whether there are more.

        There are as many rows as hold `PAGE_BYTES` in their `texts` (None: all), and at least one.
        """
        ...

    async def record(self, collection: str, parent: str, id: RecordId) -> StoredRecord | None:
        """One record by its key."""
        ...

    async def row(self, table: str, key: Row) -> Row | None:
        """One system row by its key."""
        ...

    async def rows(self, table: str, where: Row) -> list[Row]:
        """The system rows whose columns equal `where`, in the order of their keys."""
        ...

    async def rows_of(self, table: str, keys: Sequence[Row]) -> list[Row]:
        """The system rows with these keys, in any order."""
        ...

    async def head(self) -> Head:
        """The end of the log."""
        ...

    async def check_at(self, revision: int) -> int | None:
        """The check value of the commit that ended at `revision`; None where the log has no such commit end."""
        ...

    async def record_at(self, collection: str, parent: str, id: RecordId, revision: int) -> StoredRecord | None:
        """One record as it was right after `revision`, as far as the log reaches back."""
        ...

    async def log(
        self, after: int, limit: int, through: int | None = None, collections: Container[str] | None = None
    ) -> LogPage:
        """Changes with a revision beyond `after` (and not beyond `through`), about `limit` of them or as many as hold
        `PAGE_BYTES`, ending at a commit's end. Those of other `collections` come without their records."""
        ...

    async def log_of(self, collections: AbstractSet[str], after: int, through: int, limit: int) -> LogPage:
        """The changes of some collections alone with a revision beyond `after` and not beyond `through`, at most
        `limit` of them and as many as hold `PAGE_BYTES`; a page may end within a commit. The work grows with all
        changes between."""
        ...

    async def changed(self, collection: str, revision: int, after: LogKey | None, limit: int) -> list[LogKey]:
        """The keys of the collection's records that were changed beyond `revision` and are there, in order from `after`
        on, at most `limit`. The work grows with the changes since then."""
        ...

    async def history(self, collection: str, parent: str, id: RecordId, after: int) -> LogPage:
        """The changes of one record beyond revision `after`, in order: as many as hold `PAGE_BYTES`, and at least one
        where there are any."""
        ...

    async def since(self, collection: str, parent: str, id: RecordId, after: int, origin: str) -> Since:
        """Whose the changes of one record beyond revision `after` are, for a device whose own have `origin`."""
        ...


class Transaction(Snapshot, Protocol):
    """One write transaction. Nothing of it is seen by others until it is durable."""

    async def lock(
        self,
        collection: str,
        parent: str,
        id: RecordId,
        seen: tuple[str, Sequence[Any]] | None = None,
        *,
        is_shared: bool = False,
    ) -> StoredRecord | None:
        """Read a record that is about to be written, so that no other writer changes it meanwhile.

        `seen`: a SELECT of one record by parent and id, with a condition, and the parameters of the latter.
        `is_shared`: others may change the record and share it too, but not delete it.
        """
        ...

    async def lock_several(
        self, collection: str, parent: str, ids: Sequence[RecordId], seen: tuple[str, Sequence[Any]] | None = None
    ) -> tuple[list[StoredRecord], bool]:
        """`lock` of at most `TOGETHER` records below one parent, by one statement: as many as hold `PAGE_BYTES`, and at
        least one where there are any; and whether there are more. `seen`: a SELECT of so many, with a condition."""
        ...

    async def share_several(
        self, collection: str, ids: Sequence[RecordId], seen: tuple[str, Sequence[Any]] | None = None
    ) -> list[RecordId]:
        """Keep at most `TOGETHER` records without a parent from deletion, by one statement; returns the ids of those
        that are there. `seen`: a SELECT of the ids, with a condition."""
        ...

    async def seal(self, collection: str, parent: str, id: RecordId) -> None:
        """Wait for other writers that share a record, and let no further ones share it."""
        ...

    async def lock_below(
        self, collection: str, parents: tuple[str, str], after: StoredRecord | None
    ) -> tuple[list[StoredRecord], bool]:
        """`lock` of the records whose parent is between the two `parents`, in the order of parent and id from `after`
        on: as many as hold `PAGE_BYTES`, and at least one where there are any; and whether there are more."""
        ...

    async def lock_holding(
        self, collection: str, field: str, id: RecordId, after: StoredRecord | None
    ) -> tuple[list[StoredRecord], bool]:
        """`lock` of the records that refer to `id` in a field, in the order of id and parent from `after` on: pages as
        those of `lock_below`."""
        ...

    async def next_ids(self, collection: str, count: int) -> range:
        """`count` new integer ids; never one that was given before."""
        ...

    async def claim_id(self, collection: str, id: int) -> None:
        """Take a given integer id, so that `next_ids` never gives it."""
        ...

    async def reserve(self, count: int) -> int:
        """Take `count` revisions; returns the first. The log is locked for others until the transaction ends, so
        that the order of revisions is the order in which they become visible."""
        ...

    async def write(self, commits: Sequence[CommitChanges], at: float) -> None:
        """Write the changes of some commits to their tables and the log, in order. Raises the `conflict` refusal for a
        unique field."""
        ...

    async def act(self, acts: Sequence[RowAct]) -> None:
        """Do what is asked to system rows, in order. Raises `PreconditionFailed`."""
        ...


class Storage(Snapshot, Protocol):
    """A database that holds records, log and system rows."""

    dialect: DialectName
    database_id: str
    has_other_writers: bool
    """Whether other processes may write to the same database."""

    async def search(
        self,
        sql: str,
        parameters: Sequence[Any],
        texts: Texts | None,
        *,
        asker: str,
        is_costly: bool,
        has_long_steps: bool = False,
    ) -> tuple[list[Sequence[Any]], bool]:
        """`fetch_some` of a SELECT that a caller made up: it keeps as few others waiting as the storage can, from the
        beginning where it `is_costly`, else as soon as it turns out to be.

        Costly ones of one `asker` wait for each other. Raises `too_costly` where it takes more work than one may, and
        `rate_limited` where many of the asker wait already.
        """
        ...

    def costly_turn(self, asker: str) -> AbstractAsyncContextManager[None]:
        """A place for other reads that may cost much, among those that `search` takes: an asker's wait for each other.
        Raises `rate_limited` where many of the asker wait already."""
        ...

    async def open(self) -> None:
        """Connect, and bring the system's tables to this version. Raises `StorageError` with what to do."""
        ...

    async def close(self) -> None:
        """Finish what is running and close the database."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Reads that all see the same state."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A write transaction: committed and durable when the block ends, undone when it raises."""
        ...

    async def declare(self, collections: Sequence[Collection]) -> None:
        """Make tables, columns and indexes for `collections` where they are missing; adds only, never drops. All or
        nothing. Raises `StorageError`, and `SchemaOutdated` where another process declared others since `adopt`."""
        ...

    async def declared(self) -> DeclaredSchema:
        """What the database is declared with now, by whichever process."""
        ...

    def adopt(self, declared: DeclaredSchema) -> None:
        """Read and write the records of these collections. A write raises `SchemaOutdated` once another process has
        declared others."""
        ...

    async def is_outdated(self) -> bool:
        """Whether another process has declared other collections since."""
        ...

    async def prune(self, before: float) -> None:
        """Forget the log's entries older than `before` (seconds since 1970), but never the last commit; and who made a
        change, where `_erasures` has the account."""
        ...

    async def forget_answers(self, before: float) -> None:
        """Forget answers of idempotency keys older than `before` (seconds since 1970)."""
        ...

    async def listen(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        """Until the storage closes, call `written` after commits of other processes, and `invalidated` with the subject
        of each `Invalidation` in them (your own may be reported too). Calls may be missing while a connection is lost:
        they only make a process look earlier than it would by itself."""
        ...

    def announce(self, **facts: object) -> None:
        """Tell those who find the database in use what its owner says, such as the url; nothing where it has none."""
        ...

    def durability(self) -> str:
        """What a commit waits for, in words for people."""
        ...
