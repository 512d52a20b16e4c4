"""The system's own tables, and the rows in them: accounts, sessions, keys, answers, devices.

Rows are plain dicts. What a write does to them is data (`Put`, `Insert`, `Amend`, `Drop`, `Expect`) that goes with the
records' writes and happens in the same transaction. None of this is ever a record, in the log, or in an export.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ColumnType = Literal["text", "integer", "real", "boolean", "blob"]
Row = dict[str, Any]


class SystemTable(msgspec.Struct, frozen=True):
    """A table of the system: its columns, its key, and the columns that have an index.

    Where another row already has the key, a write is refused with `PreconditionFailed`; with a `conflict` that names
    `field`, where there is one.
    """

    name: str
    columns: dict[str, ColumnType]
    key: tuple[str, ...]
    index: tuple[str, ...] = ()
    field: str = ""


class Assigned(msgspec.Struct, frozen=True):
    """Stands in a row for the id, as text, that the request's first record is given when it is written."""


ASSIGNED = Assigned()


class Put(msgspec.Struct, frozen=True):
    """Insert the row, or change the one with the same key; columns that `row` leaves out stay as they are.

    It makes rows. A row that was read is changed with `Amend`, which writes only what is meant: a row as it was read
    would undo what others changed or deleted since.
    """

    table: str
    row: Row


class Insert(msgspec.Struct, frozen=True):
    """Insert the row, which must not be there: where one with the same key is, the write is refused with
    `PreconditionFailed`."""

    table: str
    row: Row


class Amend(msgspec.Struct, frozen=True):
    """Change `columns` of every row whose columns equal `where`; nothing where there is none."""

    table: str
    where: Row
    columns: Row


class Drop(msgspec.Struct, frozen=True):
    """Delete every row whose columns equal `where`, and of these only those whose columns are at most as in `until`."""

    table: str
    where: Row
    until: Row = {}


class Expect(msgspec.Struct, frozen=True):
    """A precondition: the row with this key has these `columns`; None: there is no such row.

    Where it does not hold, the write is refused with `PreconditionFailed`, and the caller reads the row again.
    """

    table: str
    key: Row
    columns: Row | None


class Invalidation(msgspec.Struct, frozen=True):
    """No row: once the write is durable, every process looks again at what it remembers of `subject`."""

    subject: str


RowAct = Put | Insert | Amend | Drop | Expect | Invalidation


class PreconditionFailed(Exception):
    """An `Expect` or an `Insert` did not hold: another request wrote in between."""


SCHEMA = "schema"
"""The subject of an `Invalidation` of what the collections are declared as."""

COPY = "copy"
"""The name of the row of `_meta` that a database has while it is being copied to: how far the copy is."""

META = SystemTable("_meta", {"name": "text", "value": "text"}, ("name",))
COLLECTIONS = SystemTable("_collections", {"name": "text", "definition": "text", "last_id": "integer"}, ("name",))
ACCOUNTS = SystemTable(
    "_accounts",
    {
        "id": "text",  # the users record's id as text; administrators: "admin/" and an id
        "roles": "text",  # JSON list
        "is_admin": "boolean",
        "is_disabled": "boolean",
        "created": "real",
    },
    ("id",),
)
IDENTITIES = SystemTable(
    "_identities",  # by which name, known to whom, an account signs in
    {
        "provider": "text",  # who vouches for the subject: "email" is this server, which asks for a password
        "subject": "text",  # the name at the provider: an e-mail address in its one form
        "account": "text",
        "created": "real",
    },
    ("provider", "subject"),
    index=("account",),
    field="email",
)
CREDENTIALS = SystemTable(
    "_credentials",  # what proves that somebody is an account's owner
    {
        "account": "text",
        "kind": "text",  # "password", "totp", "recovery"
        "id": "text",  # tells several of a kind apart; "" where an account has one
        "secret": "text",  # a password's encoded hash, a TOTP key sealed; "" where the id is a digest
        "created": "real",
        "confirmed": "real",  # null until its owner proved to have it
        "counter": "integer",  # the last time step of a TOTP code that was used (RFC 6238)
    },
    ("account", "kind", "id"),
)
CHALLENGES = SystemTable(
    "_challenges",  # log-ins that wait for more evidence
    {
        "hash": "text",  # SHA-256 of the challenge, hexadecimal
        "account": "text",
        "amr": "text",  # JSON list: the methods of the evidence so far (RFC 8176)
        "attempts": "integer",
        "expires": "real",
    },
    ("hash",),
    index=("account", "expires"),
)
SESSIONS = SystemTable(
    "_sessions",
    {
        "id": "text",
        "account": "text",
        "created": "real",
        "expires": "real",
        "ended": "real",
        "label": "text",  # the User-Agent that signed in or renewed last, for people
        "client": "text",  # client_id (RFC 9068 §2.2)
        "address": "text",  # from which it was begun or renewed last
        "last_used": "real",  # when it was begun or renewed last
        "acr": "text",
        "amr": "text",  # JSON list
        "auth_time": "real",  # when its owner was last asked for evidence
    },
    ("id",),
    index=("account",),
)
REFRESH_TOKENS = SystemTable(
    "_refresh_tokens",
    {
        "hash": "text",  # SHA-256 of the token, hexadecimal
        "session": "text",
        "parent": "text",  # hash of the token that it replaced, "" for the first
        "issued": "real",
        "used": "real",  # null until it was exchanged
        "successor": "blob",  # the token that replaced it, sealed under a key derived from this token
    },
    ("hash",),
    index=("session",),
)
KNOWN_ADDRESSES = SystemTable(
    "_known_addresses",
    {"account": "text", "address": "text", "at": "real"},  # a keyed digest of the network from which somebody signed in
    ("account", "address"),
)
LIMITS = SystemTable(
    "_limits",  # failed guesses, as several processes on one database count them together
    {
        "key": "text",  # a keyed digest of what is counted: an account, an address or both
        "at": "real",  # when all of its tries are back, or its turn
        "until": "real",  # when the row is of no use
    },
    ("key",),
    index=("until",),
)
KEYS = SystemTable(
    "_keys",
    {"id": "text", "purpose": "text", "secret": "text", "created": "real", "retired": "real"},
    ("id",),
)
TICKETS = SystemTable(
    "_tickets", {"hash": "text", "session": "text", "account": "text", "stream": "text", "expires": "real"}, ("hash",)
)
ANSWERS = SystemTable(
    "_answers",
    {"caller": "text", "key": "text", "fingerprint": "text", "status": "integer", "body": "blob", "revision": "integer",
     "at": "real"},
    ("caller", "key"),
)  # fmt: skip
DEVICES = SystemTable(
    "_devices", {"account": "text", "device": "text", "settled": "integer", "at": "real"}, ("account", "device")
)
RESULTS = SystemTable(
    "_results",
    {"account": "text", "device": "text", "seq": "integer", "fingerprint": "text", "result": "blob"},
    ("account", "device", "seq"),
)
MUTATIONS = SystemTable(
    "_mutations",
    {
        "account": "text",
        "id": "text",  # a digest of the id that the device gave it
        "content": "text",  # a digest of its writes; "" where it was withdrawn
        "result": "blob",
        "at": "real",
    },
    ("account", "id"),
    index=("at",),
)

STAND_INS = SystemTable(
    "_stand_ins",  # of devices that may not have heard which ids they were given
    {
        "account": "text",
        "device": "text",
        "name": "text",
        "seq": "integer",
        "position": "integer",  # of the creation in its mutation
        "collection": "text",
        "parent": "text",
        "id": "integer",
    },
    ("account", "device", "name", "seq", "position"),
)

ERASURES = SystemTable("_erasures", {"account": "text"}, ("account",))  # whose changes in the log still name them

HOOKS = SystemTable(
    "_hooks",
    {
        "name": "text",
        "revision": "integer",  # of the last change that the after-hook has handled
        "holder": "text",  # the process that runs it
        "until": "real",  # when another process may take over
    },
    ("name",),
)

CHANNELS = SystemTable("_channels", {"name": "text", "seq": "integer"}, ("name",))  # the last number of a kept message
CHANNEL_MESSAGES = SystemTable(
    "_channel_messages",
    {
        "channel": "text",
        "seq": "integer",
        "account": "text",  # of its sender; "" for those who are not signed in
        "until": "real",  # when it is deleted
        "body": "text",  # the members of a JSON object
    },
    ("channel", "seq"),
    index=("account", "until"),
)

SYSTEM_TABLES: tuple[SystemTable, ...] = (
    META, COLLECTIONS, ACCOUNTS, IDENTITIES, CREDENTIALS, CHALLENGES, SESSIONS, REFRESH_TOKENS, KNOWN_ADDRESSES, LIMITS,
    KEYS, TICKETS, ANSWERS, DEVICES, RESULTS, MUTATIONS, STAND_INS, ERASURES, HOOKS, CHANNELS,
    CHANNEL_MESSAGES,
)  # fmt: skip
TABLE_OF = {table.name: table for table in SYSTEM_TABLES}
"""The system tables by name."""
