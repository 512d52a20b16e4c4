"""PostgreSQL's errors as what callers get."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import asyncpg

from hinterland.server.storage import failures
from hinterland.server.storage.failures import Deadlock, Unreachable
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.system import SYSTEM_TABLES, PreconditionFailed

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, asyncio.TimeoutError)
_CONNECTION_ERRORS = (
    OSError,
    asyncpg.InterfaceError,  # of a connection that is closed
    asyncpg.InternalClientError,  # of one that PostgreSQL says it closes, before it is
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # PostgreSQL starts, stops or crashed
    asyncpg.TooManyConnectionsError,
)
_FIELD_OF_KEY = {f"{table.name}_pkey": table.field for table in SYSTEM_TABLES}


class translated:  # noqa: N801 - reads as a word in a with statement
    """PostgreSQL's errors as refusals; the one table of this edge."""

    def __init__(self, tables: Mapping[str, CollectionTable]) -> None:
        self._tables = tables

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncpg.UniqueViolationError) and _FIELD_OF_KEY.get(str(error.constraint_name)) == "":
            raise PreconditionFailed(f"{error.table_name} has this key") from error
        if isinstance(error, asyncpg.UniqueViolationError):
            raise failures.unique(field_of(error, self._tables)) from error
        if isinstance(error, asyncpg.ProgramLimitExceededError):
            raise failures.too_long(_indexed_field(error, self._tables)) from error
        if isinstance(error, asyncpg.NumericValueOutOfRangeError):  # of the server's arithmetic
            raise failures.beyond() from error
        if isinstance(error, asyncpg.DataError):
            raise failures.unfit() from error
        if isinstance(error, asyncpg.DiskFullError):
            raise failures.full() from error
        if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
            raise Deadlock from error
        if isinstance(error, _CONNECTION_ERRORS):
            raise Unreachable from error
        if isinstance(error, ERRORS):
            raise failures.unavailable() from error


def _indexed_field(error: asyncpg.PostgresError, tables: Mapping[str, CollectionTable]) -> str:
    # This error names its index in the message only, in every language between quotes.
    names = re.findall(r'"([^"]+)"', str(error))
    found = (table.field_of(name) for name in names for table in tables.values())
    return next(filter(None, found), "")


def field_of(error: asyncpg.PostgresError, tables: Mapping[str, CollectionTable]) -> str:
    """The field whose unique index an error names; "" for the id."""
    table, index = tables.get(error.table_name or ""), str(error.constraint_name)
    return _FIELD_OF_KEY.get(index, "") if table is None else table.field_of(index)
