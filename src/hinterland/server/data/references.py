"""References: what a record newly refers to must be there, and the caller must be able to see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.kinds.field import Link
from hinterland.contract.records import Document, Errors
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.plan_records import PlanRecords
from hinterland.server.data.state import HeldValue, RecordKey

_PROBLEM = "refers to no record that exists and that you can see; send the id of one"
_AT_ONCE = 500  # that are looked up before others get their turn on the loop


class References:
    """The references that one request writes: `holders` are the records that got them.

    `records` are as the request and its group leave them, and locked, so that nobody deletes them meanwhile.
    """

    def __init__(self, catalogue: Catalogue, caller: Principal, records: PlanRecords) -> None:
        self.holders: dict[HeldValue, list[RecordKey]] = {}
        self._catalogue = catalogue
        self._caller = caller
        self._records = records

    async def check(
        self, entry: Entry, key: RecordKey, old: Document, document: Document, by_app: AbstractSet[str]
    ) -> None:
        """Take the references of a document that `old` had not. Raises `validation` for those to no record; of the
        fields that the app set itself, those to records that the caller can't view are taken."""
        errors: Errors = {}
        for name, link in entry.links.items():
            field = entry.collection.fields[name]
            known = {*field.ids_in(old.get(name))}
            ids = [id for id in field.ids_in(document.get(name)) if id not in known]
            if len(ids) > 1:
                await self.load(link, ids)
            for index, id in enumerate(ids):
                if index % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)
                if not await self._is_there(link, id, is_of_app=name in by_app):
                    value = document.get(name)
                    errors[name] = [f"item {value.index(id)}: {_PROBLEM}" if isinstance(value, list) else _PROBLEM]
                    break
                self.holders.setdefault((entry.name, name, id), []).append(key)
        if errors:
            raise entry.shape.refusal(errors)

    async def load(self, link: Link, ids: Iterable[RecordId]) -> None:
        """Look by few statements for records that will be asked for one by one."""
        is_integer = link.ids == "integer"
        await self._records.share(self._catalogue[link.to], [id for id in ids if isinstance(id, int) is is_integer])

    async def _is_there(self, link: Link, id: RecordId, *, is_of_app: bool) -> bool:
        if isinstance(id, int) is not (link.ids == "integer"):
            return False  # a stand-in for which the server has given no id
        target = self._catalogue[link.to]
        key = (target.name, "", id)
        is_own = target.name == "users" and id == self._caller.id  # of which the caller needs no proof
        is_free = is_of_app or is_own
        known = self._records.is_shared(target, key)
        if known or (known is False and not is_free):
            return known
        if is_free:
            return await self._records.read(key, is_shared=True) is not None
        return await self._records.visible(target, key, is_shared=True) is not None
