"""What finds the records that refer to an id in a list: on PostgreSQL an index of the items, on SQLite a table of them,
which triggers keep in the transaction of each write."""

from __future__ import annotations

from hinterland.contract.kinds.field import Ids
from hinterland.server.storage.protocol import DialectName

KIND = "items"


def made(dialect: DialectName, name: str, table: str, column: str) -> list[str]:
    """The statements that make the index `name` of the lists in a column, of what is stored and what will be; names are
    quoted, but not that of the index."""
    if dialect == "postgres":
        return [f'CREATE INDEX "{name}" ON {table} USING gin ({column} jsonb_path_ops)']

    def came(record: str, source: str = "") -> str:
        return (
            f'INSERT OR IGNORE INTO "{name}" (item, holder, place) SELECT value, {record}.id, {record}._parent '
            f"FROM {source}json_each({record}.{column})"
        )

    gone = (
        f'DELETE FROM "{name}" WHERE item IN (SELECT value FROM json_each(old.{column})) '
        "AND holder = old.id AND place = old._parent"
    )
    changed = f"UPDATE OF {column} ON {table} WHEN old.{column} IS NOT new.{column}"
    return [
        f'CREATE TABLE "{name}" (item NOT NULL, holder NOT NULL, place NOT NULL, PRIMARY KEY (item, holder, place)) '
        "WITHOUT ROWID",
        came(table, f"{table}, "),
        f'CREATE TRIGGER "{name}" AFTER INSERT ON {table} WHEN new.{column} IS NOT NULL BEGIN {came("new")}; END',
        f'CREATE TRIGGER "{name}.delete" AFTER DELETE ON {table} WHEN old.{column} IS NOT NULL BEGIN {gone}; END',
        f'CREATE TRIGGER "{name}.update" AFTER {changed} BEGIN {gone}; {came("new")}; END',
    ]


def dropped(dialect: DialectName, name: str) -> list[str]:
    """The statements that drop it, where it is there."""
    if dialect == "postgres":
        return [f'DROP INDEX IF EXISTS "{name}"']
    triggers = [f'DROP TRIGGER IF EXISTS "{name}{act}"' for act in ("", ".delete", ".update")]
    return [*triggers, f'DROP TABLE IF EXISTS "{name}"']


def holding(
    dialect: DialectName, name: str, table: str, column: str, kind: str, columns: str, *, is_integer: bool
) -> str:
    """The SELECT of a page of the records whose list has an id, of the type `kind`, by their ids, which may be
    integers; its parameters are the id, the id and the parent that the page begins behind, and how many records it has
    at most."""
    if dialect == "postgres":
        first = "id + 0" if is_integer else "id || ''"  # not the key, whose index would be read for the order
        return (
            f"SELECT {columns} FROM {table} WHERE {column} @> jsonb_build_array(?::{kind}) AND (id, _parent) > (?, ?) "
            f"ORDER BY {first}, _parent LIMIT ?"
        )
    # A CROSS JOIN is read from left to right.
    return (
        f'SELECT {columns} FROM "{name}" CROSS JOIN {table} ON id = holder AND _parent = place '
        "WHERE item = ? AND (holder, place) > (?, ?) ORDER BY holder, place LIMIT ?"
    )


def lost_items(dialect: DialectName, column: str, target: str, ids: Ids) -> str:
    """The SELECT of the items of a list that are no ids of records of the table `target`."""
    if dialect == "sqlite":
        return f"SELECT 1 FROM json_each({column}) WHERE value NOT IN (SELECT id FROM {target})"
    item = "_item::bigint" if ids == "integer" else "_item"
    return (
        f"SELECT 1 FROM jsonb_array_elements_text({column}) AS _item "
        f"WHERE NOT EXISTS (SELECT 1 FROM {target} AS _to WHERE _to.id = {item})"
    )
