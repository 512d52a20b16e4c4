"""GraphQL mutations in the outbox, each with the key that makes the server carry it out once.

They are rows of the outbox like the writes of records, in one order with them, with a document in the place of writes::

    pending ── first send ──> posted ──> answered ── the cache has its data ──> gone
       ^          │              └─────> refused ── retried or edited ──> pending, at the end
       └── provably unsent ──────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import AlreadySending
from hinterland.client.local.mutations import row_of, settle_as, timestamp
from hinterland.client.local.outcomes import Outcome, QueuedDocument
from hinterland.client.local.records import text
from hinterland.client.local.stand_ins import real_value
from hinterland.contract.errors import Problem

KEPT_SECONDS = 6 * 86_400.0  # for which a server certainly has the response of a key: it keeps them for 7 days
IN_DOUBT = "in_doubt"
_TO_SEND = "space = ? AND document IS NOT NULL AND state IN ('pending', 'posted')"
_documents = msgspec.json.Decoder(QueuedDocument)


class Post(NamedTuple):
    """A mutation that is sent next. `is_first`: it was never sent before."""

    mutation: str
    document: QueuedDocument
    is_first: bool


class DocumentsFound(NamedTuple):
    """Documents of an outbox: the `new` ones by their ids, up to the number `last`; the ids of those that are
    `answered`; and how many are not decided."""

    new: dict[str, QueuedDocument]
    last: int
    answered: list[str]
    undecided: int


def enqueue(connection: StoreConnection, scope: Scope, mutation: str, document: QueuedDocument, now: float) -> None:
    """Keep a document at the outbox's end."""
    connection.execute(
        "INSERT INTO mutations (space, id, state, timestamp, base, writes, document)"
        " VALUES (?, ?, 'pending', ?, '[]', '[]', ?)",
        (scope.space, mutation, timestamp(connection, now), text(document)),
    )
    connection.store_change.is_outbox_changed = True


def document_of(connection: StoreConnection, scope: Scope, mutation: str) -> QueuedDocument | None:
    """The document of a mutation; None: it has writes. Raises `not_found`."""
    row_of(connection, scope, mutation)
    [column] = connection.execute("SELECT document FROM mutations WHERE id = ?", (mutation,)).fetchone()
    return None if column is None else _documents.decode(column)


def first_open(connection: StoreConnection, scope: Scope) -> int | None:
    """The number of the first document that is not decided; None: there is none."""
    row = connection.execute(
        f"SELECT number FROM mutations INDEXED BY documents_to_send WHERE {_TO_SEND} ORDER BY number LIMIT 1",
        (scope.space,),
    ).fetchone()
    return None if row is None else int(row[0])


def next_post(connection: StoreConnection, scope: Scope, now: float) -> Post | None:
    """The first document that is not decided, which is then being sent; None: there is none, or writes of records are
    before it. One whose response the server may have forgotten is held instead."""
    while (number := first_open(connection, scope)) is not None:
        before = "SELECT 1 FROM mutations WHERE space = ? AND state IN ('pending', 'sent') AND number < ? LIMIT 1"
        if connection.execute(before, (scope.space, number)).fetchone() is not None:
            return None
        mutation, column = connection.execute(
            "SELECT id, document FROM mutations WHERE number = ?", (number,)
        ).fetchone()
        document = _documents.decode(column)
        is_first, moment = document.sent_at is None, timestamp(connection, now)
        if document.sent_at is not None and moment - document.sent_at >= KEPT_SECONDS:
            hold(connection, scope, mutation, _doubt(document.sent_at))
            continue
        if is_first:
            variables = real_value(connection, scope, document.variables)
            document = msgspec.structs.replace(document, variables=variables, sent_at=moment)
        connection.execute(
            "UPDATE mutations SET state = 'posted', document = ? WHERE number = ?", (text(document), number)
        )
        connection.store_change.is_outbox_changed = True
        return Post(mutation, document, is_first)
    return None


def take_back(connection: StoreConnection, scope: Scope, post: Post) -> None:
    """The server certainly has nothing of what was just sent: where that was the first time, it waits as before."""
    if post.is_first:
        document = msgspec.structs.replace(post.document, sent_at=None)
        connection.execute(
            "UPDATE mutations SET state = 'pending', document = ? WHERE space = ? AND id = ? AND state = 'posted'",
            (text(document), scope.space, post.mutation),
        )
        connection.store_change.is_outbox_changed = True


def hold(
    connection: StoreConnection,
    scope: Scope,
    mutation: str,
    problem: Problem,
    data: dict[str, Any] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> None:
    """Set a document aside with its reason, and what was returned in spite of that."""
    outcome = Outcome(mutation=mutation, status="refused", problem=problem, data=data, errors=errors or [])
    done = connection.execute(
        "UPDATE mutations SET state = 'refused', outcome = ? WHERE space = ? AND id = ? RETURNING number",
        (text(outcome), scope.space, mutation),
    ).fetchone()
    if done is not None:
        settle_as(connection, outcome, scope.space)


def settle(
    connection: StoreConnection, scope: Scope, mutation: str, data: dict[str, Any], errors: list[dict[str, Any]]
) -> None:
    """The server has carried a document out; it stays until the cache has what was returned."""
    outcome = Outcome(mutation=mutation, status="applied", data=data, errors=errors)
    done = connection.execute(
        "UPDATE mutations SET state = 'answered', outcome = NULL WHERE space = ? AND id = ? RETURNING number",
        (scope.space, mutation),
    ).fetchone()
    if done is not None:
        settle_as(connection, outcome, scope.space)


def forget(connection: StoreConnection, scope: Scope, mutation: str) -> None:
    """The cache has what a document returned."""
    connection.execute(
        "DELETE FROM mutations WHERE space = ? AND id = ? AND state = 'answered'", (scope.space, mutation)
    )
    connection.store_change.is_outbox_changed = True


def found(connection: StoreConnection, scope: Scope, after: int) -> DocumentsFound:
    """What there is behind the number `after`, and of what state the documents are: the work is of those that are new
    or answered, however many wait."""
    rows = connection.execute(
        f"SELECT number, id, document FROM mutations INDEXED BY documents_to_send WHERE {_TO_SEND} AND number > ?"
        " ORDER BY number",
        (scope.space, after),
    ).fetchall()
    answered = connection.execute(
        "SELECT number, id, document FROM mutations WHERE space = ? AND state = 'answered' ORDER BY number",
        (scope.space,),
    ).fetchall()
    new = [row for row in sorted(rows + answered) if row[0] > after]
    [undecided] = connection.execute(
        f"SELECT count(*) FROM mutations INDEXED BY documents_to_send WHERE {_TO_SEND}", (scope.space,)
    ).fetchone()
    documents = {id: _documents.decode(column) for _, id, column in new}
    return DocumentsFound(documents, new[-1][0] if new else after, [row[1] for row in answered], undecided)


def open_ids(connection: StoreConnection, scope: Scope) -> set[str]:
    """The ids of documents that are not decided."""
    rows = connection.execute(f"SELECT id FROM mutations INDEXED BY documents_to_send WHERE {_TO_SEND}", (scope.space,))
    return {row[0] for row in rows}


def has_documents(connection: StoreConnection, scope: Scope) -> bool:
    """Whether there are any that the cache shows, or is to have."""
    answered = "SELECT 1 FROM mutations WHERE space = ? AND state = 'answered' LIMIT 1"
    is_answered = connection.execute(answered, (scope.space,)).fetchone() is not None
    return is_answered or first_open(connection, scope) is not None


def retry(connection: StoreConnection, scope: Scope, mutation: str, again: str, now: float) -> str:
    """Send a refused document once more as the mutation `again`, with its key: what was carried out of it is not
    carried out a second time; answers `again`."""
    number, state, _, _ = row_of(connection, scope, mutation)
    document = document_of(connection, scope, mutation)
    if state != "refused" or document is None:
        raise AlreadySending
    connection.execute("DELETE FROM mutations WHERE number = ?", (number,))
    enqueue(connection, scope, again, msgspec.structs.replace(document, sent_at=None), now)
    return again


def edit(connection: StoreConnection, scope: Scope, mutation: str, variables: Mapping[str, Any], key: str) -> None:
    """Give a document that was not sent or was refused other variables, and a key of its own."""
    number, state, _, _ = row_of(connection, scope, mutation)
    document = document_of(connection, scope, mutation)
    if state not in ("pending", "refused") or document is None:
        raise AlreadySending
    changed = msgspec.structs.replace(document, variables=dict(variables), key=key, sent_at=None)
    connection.execute("UPDATE mutations SET document = ? WHERE number = ?", (text(changed), number))
    connection.store_change.is_outbox_changed = True


def _doubt(sent_at: float) -> Problem:
    message = "its response was lost, and the server may have forgotten it since; look whether it was carried out"
    return Problem(title="Outcome unknown", status=409, code=IN_DOUBT, message=message, details={"sent_at": sent_at})
