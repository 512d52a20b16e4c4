"""Single records and lists, as a caller may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.query import Query
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.conditions import Asked, RecordSource, source, visible
from hinterland.server.data.cursors import Seal
from hinterland.server.data.equality import stored_value
from hinterland.server.data.ordering import SqlOrder, Term
from hinterland.server.data.plan import denied
from hinterland.server.data.rules import column
from hinterland.server.data.views import filter_rule, refuse_hidden
from hinterland.server.storage.protocol import PAGE_BYTES, Snapshot, Storage, StoredRecord

_WIDTH = len(StoredRecord._fields)


def holders_of(entry: Entry, name: str) -> Callable[[Snapshot, object], Awaitable[list[tuple[RecordId, int]]]]:
    """Finds the records of a collection without a parent whose declared field `name` has a value: the id and revision
    of each. No rule is asked."""
    sql = f"SELECT r.id, r._revision FROM {entry.table.name} r WHERE {column(name)} = ?"

    async def holders(snapshot: Snapshot, value: object) -> list[tuple[RecordId, int]]:
        return [(id, revision) for id, revision in await snapshot.fetch(sql, (value,))]

    return holders


class RecordPage(NamedTuple):
    """A page of records in order; `next` continues after it ("" at the end); `total` only where it was asked for."""

    records: list[StoredRecord]
    next: str
    total: int | None


class RecordReader:
    """Reads from the storage what the rules let a caller see."""

    def __init__(self, storage: Storage, catalogue: Catalogue, seal: Seal) -> None:
        self.storage = storage
        self.catalogue = catalogue
        self._seal = seal

    async def view(self, caller: Principal, entry: Entry, parent: str, id: RecordId) -> StoredRecord:
        """One record. Raises `not_found` for one that the caller may not see too, so that nothing leaks."""
        rule = entry.rules["view"]
        if rule is None or caller.is_admin or not rule.is_asked:
            record = await self.storage.record(entry.name, parent, id)
            is_seen = record is not None and entry.allows("view", caller, record)
        else:
            given = rule.sql.bind({"auth": caller.as_auth()})
            rows = await self.storage.fetch(entry.viewing, (parent, id, *given))
            record = StoredRecord(*rows[0]) if rows else None
            is_seen = record is not None
        if record is None or not is_seen:
            raise Refusal("not_found", f"there is no {entry.name}/{id}")
        return record

    async def page(self, caller: Principal, entry: Entry, parent: str, query: Query, asker: str = "") -> RecordPage:
        """A page of the records that `query` asks for and the list rule shows. Costly work is shared by `asker`."""
        if entry.rules["list"] is None and not caller.is_admin:
            raise denied(entry.name, "list", is_signed_in=caller.is_signed_in)
        order = entry.order(query.sort)
        hidden = entry.hidden(caller)
        refuse_hidden(entry, order.names & hidden)
        rule = None if caller.is_admin else entry.rules["list"]
        asked, auth = _asked(caller, entry, parent, query, hidden), caller.as_auth()
        terms = visible(rule, auth, asked)
        if query.cursor:
            place = self._seal.opened(query.cursor, _list_of(entry, query))
            asked.add(order.after(place), is_sought=order.keys[0].name in entry.book.indexed)
        both = (visible(rule, auth, asked) if query.cursor else terms, terms)
        origin = source(entry, {} if caller.is_admin else entry.private, auth)
        return await self._page(entry, query, order, both, origin, asker)

    async def _page(
        self,
        entry: Entry,
        query: Query,
        order: SqlOrder,
        terms: tuple[list[Term], list[Term]],
        origin: RecordSource,
        asker: str,
    ) -> RecordPage:
        """A page of the records of the first terms; those of the second are counted."""
        where, parameters = _where(terms[0])
        offset = (query.page - 1) * query.limit if query.page and not query.cursor else 0
        bounds = f"ORDER BY {order.sql} LIMIT ?" + (" OFFSET ?" if offset else "")
        parameters += [query.limit + 1, offset] if offset else [query.limit + 1]
        count, counted = _count(entry, terms[1]) if query.total else ("NULL", [])
        sql = f"SELECT {origin.columns}, ({count}), {order.columns} FROM {origin.text}{where} {bounds}"
        parameters = [*counted, *origin.parameters, *parameters]
        texts = origin.texts.of(query.limit + 1)
        is_costly = _is_costly(entry, query)
        rows, is_cut = await self.storage.search(sql, parameters, texts, asker=asker, is_costly=is_costly)
        if is_cut and query.page and len(rows) < query.limit:
            raise _too_large_a_page(len(rows))
        has_more = is_cut or len(rows) > query.limit
        shown = rows[: query.limit]
        next_cursor = ""
        if has_more:
            next_cursor = self._seal.sign(order.cursor(shown[-1][_WIDTH + 1 :]), _list_of(entry, query))
        total = rows[0][_WIDTH] if rows else None
        if query.total and not rows:  # beyond the end: no row says it
            total = (await self.storage.search(count, counted, None, asker=asker, is_costly=is_costly))[0][0][0]
        return RecordPage([StoredRecord(*row[:_WIDTH]) for row in shown], next_cursor, total)


def _list_of(entry: Entry, query: Query) -> str:
    """What tells the cursors of one list from those of others."""
    return repr((entry.name, query.filter, query.sort, query.equals))


def _is_costly(entry: Entry, query: Query) -> bool:
    """Whether a single step of the statement may take longer than the others can wait."""
    rule = entry.rules["list"]
    return (rule is not None and rule.multiplies) or (bool(query.filter) and entry.book.filter(query.filter).is_costly)


def _too_large_a_page(fitting: int) -> Refusal:
    """Where pages are counted, one that ends early would hide the records at its end."""
    mib = PAGE_BYTES // 1024**2
    message = f"the records of this page are larger than {mib} MiB together: limit={fitting} fits, or go on by cursor"
    return Refusal("invalid_query", message)


def _count(entry: Entry, terms: Sequence[Term]) -> Term:
    where, parameters = _where(terms)
    return f"SELECT count(*) FROM {entry.table.name} r{where}", parameters


def _where(terms: Sequence[Term]) -> Term:
    if not terms:
        return "", []
    return " WHERE " + " AND ".join(sql for sql, _ in terms), [value for _, values in terms for value in values]


def _asked(caller: Principal, entry: Entry, parent: str, query: Query, hidden: frozenset[str]) -> Asked:
    asked = Asked([("r._parent = ?", [parent])] if entry.collection.parent else [], [])
    for name, value in query.equals.items():
        refuse_hidden(entry, {name} & hidden)
        term = f"{column(name)} = ?", [stored_value(entry.collection, name, value)]
        asked.add(term, is_sought=name in entry.book.indexed)
    if query.filter:
        asked.add_filter(filter_rule(entry, caller, query.filter), caller.as_auth())
    return asked
