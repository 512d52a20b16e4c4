"""References: what a record newly refers to must be there, and the caller must be able to see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet

from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.kinds.field import Link
from hinterland.contract.records import Document, Errors
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.state import HeldValue, RecordKey
from hinterland.server.storage.protocol import StoredRecord

_PROBLEM = "refers to no record that exists and that you can see; send the id of one"
_Look = Callable[[RecordKey], Awaitable[StoredRecord | None]]


class References:
    """The references that one request writes: `holders` are the records that got them.

    Both `read` and `view` give a record as the request and its group leave it, locked, so that nobody deletes it
    meanwhile; `view` only where the caller can view it.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        caller: Principal,
        read: _Look,
        view: Callable[[Entry, RecordKey], Awaitable[StoredRecord | None]],
    ) -> None:
        self.holders: dict[HeldValue, list[RecordKey]] = {}
        self._catalogue = catalogue
        self._caller = caller
        self._read = read
        self._view = view

    async def check(
        self, entry: Entry, key: RecordKey, old: Document, document: Document, by_app: AbstractSet[str]
    ) -> None:
        """Take the references of a document that `old` had not. Raises `validation` for those to no record; of the
        fields that the app set itself, those to records that the caller can't view are taken."""
        errors: Errors = {}
        for name, link in entry.links.items():
            field = entry.collection.fields[name]
            known = field.ids_in(old.get(name))
            ids = [id for id in field.ids_in(document.get(name)) if id not in known]
            for id in ids:
                if not await self._is_there(link, id, is_of_app=name in by_app):
                    errors[name] = [_PROBLEM]
                    break
                self.holders.setdefault((entry.name, name, id), []).append(key)
        if errors:
            raise entry.shape.refusal(errors)

    async def _is_there(self, link: Link, id: RecordId, *, is_of_app: bool) -> bool:
        if isinstance(id, int) is not (link.ids == "integer"):
            return False  # a stand-in for which the server has given no id
        target = self._catalogue[link.to]
        key = (target.name, "", id)
        is_own = target.name == "users" and id == self._caller.id  # of which the caller needs no proof
        found = await (self._read(key) if is_of_app or is_own else self._view(target, key))
        return found is not None
