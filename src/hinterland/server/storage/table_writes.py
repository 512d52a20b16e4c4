"""Which changes of a group are written to the collections' tables: of a record that changes many times, the last.

Each row that a transaction writes again stays in the table until it ends, and PostgreSQL reads past all of them with
the next write of the record: ten thousand take half a minute. The log has every change all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hinterland.contract.identity import RecordId
from hinterland.server.storage.protocol import Change
from hinterland.server.storage.statements import CollectionTable

_TableKey = tuple[str, str, RecordId]


def merged_writes(changes: Sequence[Change], tables: Mapping[str, CollectionTable]) -> dict[int, Change | None]:
    """What is written in the place of changes of records that change more than once, by their positions in `changes`;
    None: nothing.

    A value of a unique field is given up where the first change gives it up, or earlier, and taken where the last one
    takes it, so that the changes of other records find it free as they would if each were written.
    """
    keys = [_key(change) for change in changes]
    if len(set(keys)) == len(keys):
        return {}
    places: dict[_TableKey, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    merged: dict[int, Change | None] = {}
    for key, of_record in places.items():
        versions = [changes[place] for place in of_record]
        if len(of_record) > 1 and all(version.after is not None for version in versions[:-1]):
            merged |= dict.fromkeys(of_record)
            _merge(tables[key[0]], of_record, versions, merged)
    return merged


def _merge(
    table: CollectionTable, places: Sequence[int], versions: Sequence[Change], merged: dict[int, Change | None]
) -> None:
    first, last = versions[0], versions[-1]
    before, whole = first.before, last._replace(before=first.before)
    if last.after is None:
        merged[places[0]] = None if before is None else whole
        return
    taken = {tuple([version.columns[column] for column in table.unique_columns]) for version in versions}
    if len(taken) == 1:
        merged[places[0]] = whole
        return
    if before is not None:
        free = [None if column in table.unique_columns else value for column, value in enumerate(first.columns)]
        merged[places[0]] = first._replace(columns=free)
    merged[places[-1]] = whole


def _key(change: Change) -> _TableKey:
    record = change.after or change.before
    assert record is not None
    return change.collection, record.parent, record.id
