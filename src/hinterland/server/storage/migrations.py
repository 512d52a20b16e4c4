"""The system's own schema, in numbered steps. A step is applied in one transaction with its number, or not at all."""

from __future__ import annotations

from hinterland.server.storage import statements
from hinterland.server.storage.protocol import DialectName
from hinterland.server.storage.system import STAND_INS, SYSTEM_TABLES


def steps(dialect: DialectName) -> list[list[str]]:
    """The statements of each step; step n of the list brings the schema to version n + 1. Steps are only appended.

    The first makes the tables of `SYSTEM_TABLES`: what one gets later, it gets in a step of its own, not there.
    """
    tables = [table for table in SYSTEM_TABLES if table is not STAND_INS]
    first = [statement for table in tables for statement in statements.system_ddl(table, dialect)]
    first += statements.log_ddl(dialect)
    if dialect == "postgres":
        first += [
            "CREATE TABLE _head (one integer PRIMARY KEY CHECK (one = 1), revision bigint NOT NULL)",
            "INSERT INTO _head VALUES (1, 0)",
        ]
    # With origin and stamp it answers SINCE: in a row of SQLite's they stand behind the texts, which are long.
    by_record = [
        "DROP INDEX _log_by_record",
        "CREATE INDEX _log_by_record ON _log (collection, parent, id, revision, origin, stamp)",
    ]
    stand_ins = [
        *statements.system_ddl(STAND_INS, dialect),
        "CREATE INDEX _stand_ins_by_seq ON _stand_ins (account, device, seq)",
    ]
    return [first, ["CREATE INDEX _answers_at ON _answers (at)"], by_record, stand_ins]
