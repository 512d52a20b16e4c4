"""Whether those who listen still may: asked of the storage for all of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from hinterland.contract.identity import Principal, RecordId
from hinterland.kit.cel.conditions import in_
from hinterland.kit.clock import Clock
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.select.question import Select
from hinterland.server.security.sessions import auth_fields_of
from hinterland.server.storage.protocol import Snapshot, Storage

_AT_ONCE = 500
_SESSIONS = (
    "SELECT s.id, a.roles, a.is_admin, s.acr, s.amr FROM _sessions s JOIN _accounts a ON a.id = s.account "
    "WHERE s.id IN ({marks}) AND s.ended IS NULL AND s.expires > ? AND NOT a.is_disabled"
)
_Rights = tuple[tuple[str, ...], bool, str, tuple[str, ...]]


class Rights:
    """Knows sessions that ended or were authenticated anew, accounts that were disabled or erased, roles that changed,
    and fields of users that rules read of the caller."""

    def __init__(self, storage: Storage, catalogue: Catalogue, clock: Clock) -> None:
        self._storage = storage
        self._catalogue = catalogue
        self._clock = clock
        self._known: dict[RecordId, tuple[int, str]] = {}  # of users at a revision, what principals have of them

    async def lost(self, callers: Iterable[Principal]) -> set[Principal]:
        """Those of `callers` who are not what they were. Callers without a session never lose anything."""
        asked = {caller for caller in callers if caller.session}
        if not asked:
            return set()
        async with self._storage.snapshot() as snapshot:
            live = await self._sessions(snapshot, {caller.session for caller in asked})
            users = await self._users(snapshot, {caller.id for caller in asked if not caller.is_admin})
        return {
            caller
            for caller in asked
            if live.get(caller.session) != (caller.roles, caller.is_admin, caller.acr, caller.amr)
            or not (caller.is_admin or users.get(caller.id) == caller.fields)
        }

    async def _sessions(self, snapshot: Snapshot, ids: Iterable[str]) -> dict[str, _Rights]:
        now = self._clock.now()
        live: dict[str, _Rights] = {}
        for some in _batches(ids):
            rows = await snapshot.fetch(_SESSIONS.format(marks=_marks(some)), [*some, now])
            live.update(
                (id, (tuple(json.loads(roles)), bool(is_admin), acr, tuple(json.loads(amr))))
                for id, roles, is_admin, acr, amr in rows
            )
        return live

    async def _users(self, snapshot: Snapshot, ids: Iterable[RecordId]) -> dict[RecordId, str]:
        """The `fields` of principals by the ids of users: of those that exist."""
        kind = self._catalogue["users"].book.kinds["id"]
        known: dict[RecordId, tuple[int, str]] = {}
        for some in _batches(ids):
            wanted = Select("users", where=(in_("id", some, kind),), fields=("id", "revision"))
            statement = self._catalogue.look_up(wanted)
            for id, revision in await snapshot.fetch(statement.sql, statement.parameters):
                before = self._known.get(id)
                if before is None or before[0] != revision:
                    before = (revision, await self._fields(snapshot, id))
                known[id] = before
        self._known = known
        return {id: fields for id, (_, fields) in known.items()}

    async def _fields(self, snapshot: Snapshot, id: RecordId) -> str:
        names = self._catalogue.auth_fields
        record = await snapshot.record("users", "", id) if names else None
        return "" if record is None else auth_fields_of(record, names)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(values)
    while some := [*islice(rest, _AT_ONCE)]:
        yield some
