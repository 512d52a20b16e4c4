"""The ids of the records that one request writes: those that it names, and those that the server gives to creations."""

from __future__ import annotations

from collections.abc import Iterator

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import ID_HINT, RecordId, is_new_id, is_record_id, is_temporary
from hinterland.contract.temporary import Place, StandIns, is_stand_in
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.requests import WriteRequest
from hinterland.server.data.state import State


class RequestIds:
    """`given` are the ids that the server gave to creations, by position; `stand_ins` learn those of integer ids."""

    __slots__ = ("_now", "_request", "_reserved", "_stand_ins", "_state", "given")

    def __init__(self, request: WriteRequest, state: State, stand_ins: StandIns, now: float) -> None:
        self.given: dict[int, RecordId] = {}
        self._request = request
        self._state = state
        self._stand_ins = stand_ins
        self._now = now
        self._reserved: dict[str, Iterator[int]] = {}

    async def of(self, entry: Entry, write: Write, index: int) -> RecordId:
        """The id of the record of a write. Raises `not_found`, and `validation` for one that no creation can have."""
        id = write.id
        if write.act != "create":
            if isinstance(id, int) is not entry.is_integer or not (entry.is_integer or is_record_id(id)):
                raise Refusal("not_found", f"there is no {entry.name}/{str(id)[:64]}")
            return id
        if entry.is_integer:
            return await self._integer_id(entry, write, index)
        if id == "" or (self._request.is_batch and is_temporary(id)):
            given = await self._state.new_ids.next(self._state.transaction, self._now)
            self.given[index] = given
            if id != "":
                self._stand_ins.add(Place(entry.name, write.parent, str(id)), given)
            return given
        if not is_new_id(id):
            raise invalid({"id": [ID_HINT]})
        return id

    async def _integer_id(self, entry: Entry, write: Write, index: int) -> RecordId:
        id, transaction = write.id, self._state.transaction
        if isinstance(id, int) and 0 < id < 2**53 and self._request.rights.chooses_ids:
            await transaction.claim_id(entry.name, id)
            return id
        if id != "" and not (is_temporary(id) or (self._request.origin and is_stand_in(id))):
            raise invalid({"id": [f"is given by the server in {entry.name}; leave it out"]})
        given = await self._new_integer(entry, index)
        self.given[index] = given
        if id != "":
            self._stand_ins.add(Place(entry.name, write.parent, str(id)), given)
        return given

    async def _new_integer(self, entry: Entry, index: int) -> int:
        """A new id of a collection: the ids of all its creations from this one on are reserved at once."""
        given = next(self._reserved.get(entry.name, iter(())), None)
        if given is None:
            reserved = iter(await self._state.transaction.next_ids(entry.name, self._count(entry, index)))
            self._reserved[entry.name] = reserved
            given = next(reserved)
        return given

    def _count(self, entry: Entry, index: int) -> int:
        """How many ids the creations from this one on take; one where the request itself may take the next."""
        creations = [w for w in self._request.writes[index:] if w.act == "create" and w.collection == entry.name]
        if self._request.rights.chooses_ids and any(isinstance(write.id, int) for write in creations):
            return 1
        return max(1, len(creations))
