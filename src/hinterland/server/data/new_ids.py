"""The ids of new records, in the order of their creation: also after a restart, and where the clock was set back."""

from __future__ import annotations

from hinterland.contract.identity import IdMaker, first_id
from hinterland.kit.cel.conditions import lt
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.select.question import Select, Window
from hinterland.server.storage.protocol import Transaction

_AHEAD = 400 * 86_400.0  # a clock that was once wrong by more is not followed, nor an id that a client made up
_TAIL = 1_000
_FEW = 20


class NewIds:
    """Makes the ids of one process: each beyond those that it made before, and beyond the newest that the database had
    when it made the first."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._maker: IdMaker | None = None

    async def next(self, transaction: Transaction, now: float) -> str:
        """A new id; `now` in seconds since 1970."""
        if self._maker is None:
            newest = await self._newest(transaction, first_id(now + _AHEAD))
            if self._maker is None:  # nor did a rehearsal make it meanwhile: two would run against each other
                self._maker = IdMaker(newest)
        return self._maker.new(now)

    async def _newest(self, transaction: Transaction, before: str) -> str:
        """The newest made id below `before` in the collections that are ordered by id and at the log's end, or ""."""
        sql = f"SELECT id FROM _log ORDER BY revision DESC LIMIT {_TAIL}"
        found = [row[0] for row in await transaction.fetch(sql) if row[0] < before]
        for entry in self._catalogue.entries.values():
            if not entry.is_integer and not entry.collection.parent:
                below = (lt("id", before),)
                newest = Select(entry.name, where=below, sort=("-id",), window=Window(_FEW), fields=("id",))
                statement = self._catalogue.look_up(newest)
                found += [row[0] for row in await transaction.fetch(statement.sql, statement.parameters)]
        return max(filter(IdMaker.is_own, found), default="")
