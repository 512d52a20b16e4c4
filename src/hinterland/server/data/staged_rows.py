"""System rows as the next request of a group finds them: over those of the database what earlier ones do to them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from hinterland.server.storage.system import TABLE_OF, Amend, Drop, Insert, Put, Row, RowAct

RowKey = tuple[str, tuple[Any, ...]]
_Placed = list[tuple[int, Put | Amend | Drop]]


def row_key(table: str, row: Row) -> RowKey:
    """The identity of a row: its table, and the values of the table's key."""
    return table, tuple([row[name] for name in TABLE_OF[table].key])


class StagedRows:
    """What a group is about to do to system rows, in order: each `Put` by its row's key, the rest by table."""

    def __init__(self) -> None:
        self._puts: dict[RowKey, _Placed] = {}
        self._sweeps: dict[str, _Placed] = {}
        self._count = 0

    def stage(self, act: RowAct) -> None:
        """Remember what is done next."""
        self._count += 1
        if isinstance(act, Insert):
            act = Put(act.table, act.row)
        if isinstance(act, Put):
            self._put(self._puts.setdefault(row_key(act.table, act.row), []), act)
        elif isinstance(act, Amend | Drop):
            self._sweeps.setdefault(act.table, []).append((self._count, act))

    def _put(self, puts: _Placed, act: Put) -> None:
        """Join it to the last one of the row: a device's is put for each of its mutations."""
        sweeps = self._sweeps.get(act.table)
        if puts and not (sweeps and sweeps[-1][0] > puts[-1][0]):
            place, last = puts[-1]
            assert isinstance(last, Put)
            puts[-1] = (place, Put(act.table, last.row | act.row))
        else:
            puts.append((self._count, act))

    def over(self, key: RowKey, row: Row | None) -> Row | None:
        """The row with this key, which is `row` in the database; None: there is none."""
        acts = [*self._puts.get(key, ()), *self._sweeps.get(key[0], ())]
        for _, act in sorted(acts, key=itemgetter(0)):
            if isinstance(act, Put):
                row = (dict.fromkeys(TABLE_OF[act.table].columns) if row is None else row) | act.row
            elif row is not None and _is_meant(act, row):
                row = row | act.columns if isinstance(act, Amend) else None
        return row


def _is_meant(act: Amend | Drop, row: Row) -> bool:
    until = act.until if isinstance(act, Drop) else {}
    return all(row[name] == value for name, value in act.where.items()) and all(
        row[name] is not None and row[name] <= value for name, value in until.items()
    )
