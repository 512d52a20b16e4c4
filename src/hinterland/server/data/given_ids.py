"""The ids that devices' creations were given, as far as a device may not know them: as the next request of a group
finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId
from hinterland.contract.temporary import DeclaredFields, Place, StandIns, candidates
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.steps import DeviceStep
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Put, Row, RowAct

_AT_ONCE = 500  # names that one statement asks for
_MANY = 5_000  # names beyond which all that the device was given are read: any text may be a name
_HAS_ANY = "SELECT 1 FROM _stand_ins WHERE account = ? AND device = ? LIMIT 1"
_STAND_INS = (
    "SELECT collection, parent, name, id FROM _stand_ins WHERE account = ? AND device = ?{} ORDER BY seq, position"
)
_NAMED = " AND name IN ({})"
DeviceKey = tuple[str, str]
GivenId = tuple[Place, RecordId]


class GivenIds:
    """What the database has, read by the names that are asked for, and over it what the group is about to give."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._has_any: dict[DeviceKey, bool] = {}
        self._found: dict[DeviceKey, dict[str, list[GivenId]]] = {}
        self._staged: dict[DeviceKey, list[GivenId]] = {}

    async def of(self, step: DeviceStep, writes: Sequence[Write], catalogue: Catalogue) -> StandIns:
        """What is known of the stand-ins that a device's writes name, of others at will."""
        device = (step.account, step.device)
        names = {name for write in writes for name in candidates(write, fields_of(catalogue, write))}
        found = self._found.setdefault(device, {})
        missing = sorted(names - found.keys())
        if missing and await self._may_have(device):
            at_once = _AT_ONCE if len(missing) <= _MANY else len(missing)
            for start in range(0, len(missing), at_once):
                await self._read(device, missing[start : start + at_once], found)
        kept = [given for name in sorted(names) for given in found.get(name, ())]
        return StandIns([*kept, *self._staged.get(device, ())])

    async def _may_have(self, device: DeviceKey) -> bool:
        if device not in self._has_any:
            self._has_any[device] = bool(await self._snapshot.fetch(_HAS_ANY, device))
        return self._has_any[device]

    async def _read(self, device: DeviceKey, names: Sequence[str], found: dict[str, list[GivenId]]) -> None:
        found.update((name, []) for name in names)
        named = names if len(names) <= _AT_ONCE else ()
        sql = _STAND_INS.format(_NAMED.format(", ".join("?" * len(named))) if named else "")
        wanted = set(names)
        for collection, parent, name, id in await self._snapshot.fetch(sql, (*device, *named)):
            if name in wanted:
                found[name].append((Place(collection, parent, name), id))

    def stage(self, row: Row) -> None:
        """Show later requests a row that this one is about to write."""
        place = Place(row["collection"], row["parent"], row["name"])
        self._staged.setdefault((row["account"], row["device"]), []).append((place, row["id"]))


def fields_of(catalogue: Catalogue, write: Write) -> DeclaredFields:
    """The declared fields of the write's collection; none where that is not declared."""
    entry = catalogue.entries.get(write.collection)
    return {} if entry is None else entry.collection.fields


def keep(step: DeviceStep, places: Mapping[int, Place], ids: Mapping[int, RecordId]) -> list[RowAct]:
    """What keeps the `ids` that creations of the step were given for the stand-ins at these `places`, by position."""
    key = {"account": step.account, "device": step.device, "seq": step.seq}
    return [
        Put("_stand_ins", {**key, "position": index, **place._asdict(), "id": ids[index]})
        for index, place in places.items()
    ]
