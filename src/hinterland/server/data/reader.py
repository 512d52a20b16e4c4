"""Single records and lists, as a caller may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hinterland.contract import values
from hinterland.contract.aggregation import AggregatePage, Aggregation
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import meanings, wanted, write_place
from hinterland.contract.query import Query
from hinterland.contract.result_columns import columns_of, order_of
from hinterland.contract.searching import read_search
from hinterland.kit.cel.conditions import Condition, eq, in_, or_
from hinterland.kit.cel.errors import CelError
from hinterland.kit.clock import Clock
from hinterland.server.data.admission import denied
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.cursors import Seal
from hinterland.server.data.projection import WHOLE, Projection, Projector
from hinterland.server.data.select.aggregates import Aggregates
from hinterland.server.data.select.compiler import WIDTH, Statement
from hinterland.server.data.select.included import JSON_WIDTH
from hinterland.server.data.select.order import PlaceValues, reversed_sort
from hinterland.server.data.select.question import Select, Window
from hinterland.server.data.select.visibility import filtering
from hinterland.server.storage.failures import TooMuch
from hinterland.server.storage.protocol import PAGE_BYTES, Snapshot, Storage, StoredRecord

MOST_UNDECLARED = 30
"""The conditions of a question on fields that are not declared: each is compiled anew for the field's name."""


def holders_of(
    catalogue: Catalogue, collection: str, name: str
) -> Callable[[Snapshot, object], Awaitable[list[tuple[RecordId, int]]]]:
    """Finds the records of a collection whose declared field `name` has a value: the id and revision of each. No rule
    is asked. It is called only where the field is declared."""

    async def holders(snapshot: Snapshot, value: object) -> list[tuple[RecordId, int]]:
        kind = catalogue[collection].book.kinds[name]
        select = Select(collection, None, (eq(name, value, kind),), fields=("id", "revision"))
        statement = catalogue.look_up(select)
        return [(id, revision) for id, revision in await snapshot.fetch(statement.sql, statement.parameters)]

    return holders


_record = tuple.__new__  # a third of what the call of a named tuple's class costs


class RecordPage(NamedTuple):
    """A page of records in order; `next` continues after it ("" at the end); `total` only where it was asked for.
    Where a projection was asked for, or rules of fields ask other collections, they are `texts`, each as its caller
    sees it, and no `records`; `cursors` go on behind each, where they were asked for."""

    records: list[StoredRecord]
    next: str
    total: int | None
    texts: list[str] | None = None
    cursors: Sequence[str] = ()

    @property
    def size(self) -> int:
        """How many records there are on the page."""
        return len(self.records if self.texts is None else self.texts)


class RecordJson(NamedTuple):
    """A record as its caller sees it, with what comes with it: JSON."""

    id: RecordId
    revision: int
    text: str


class RecordReader:
    """Reads from the storage what the rules let a caller see."""

    def __init__(self, storage: Storage, catalogue: Catalogue, seal: Seal, clock: Clock) -> None:
        self.storage = storage
        self.catalogue = catalogue
        self._seal = seal
        self._clock = clock

    def instant(self) -> str:
        """The instant at which a request that begins now is decided."""
        return values.instant(self._clock.now())

    async def view(self, caller: Principal, entry: Entry, parent: str, id: RecordId) -> StoredRecord:
        """One record. Raises `not_found` for one that the caller may not see too, so that nothing leaks."""
        rule = entry.rules["view"]
        instant = self.instant() if rule is not None and rule.reads_clock else None
        if rule is None or caller.is_admin or not rule.is_asked:
            record = await self.storage.record(entry.name, parent, id)
            is_seen = record is not None and entry.allows("view", caller, record, instant)
        else:
            rows = await self.storage.fetch(entry.viewing.sql, (parent, id, *entry.viewing.rest(caller, instant)))
            record = StoredRecord(*rows[0]) if rows else None
            is_seen = record is not None
        if record is None or not is_seen:
            raise Refusal("not_found", f"there is no {entry.name}/{id}")
        return record

    async def view_text(
        self, caller: Principal, entry: Entry, parent: str, id: RecordId, projection: Projection, asker: str
    ) -> RecordJson:
        """One record with what is wanted of it. Raises what `view` does, and what a list with it does."""
        rows, _ = await self._viewed(caller, entry, parent, eq("id", id, entry.book.kinds["id"]), projection, asker, 1)
        if not rows:
            raise Refusal("not_found", f"there is no {entry.name}/{id}")
        return RecordJson(id, rows[0][1], rows[0][0])

    async def view_texts(
        self, caller: Principal, entry: Entry, parent: str, ids: Sequence[RecordId], projection: Projection, asker: str
    ) -> dict[RecordId, RecordJson]:
        """Those of the records below `parent` with these ids that the caller may see, with what is wanted of them. One
        statement finds them, unless they are too large to be read at once."""
        found: dict[RecordId, RecordJson] = {}
        wanted, is_cut = {*ids}, True
        while wanted and is_cut:
            condition = in_("id", [*wanted], entry.book.kinds["id"])
            rows, is_cut = await self._viewed(caller, entry, parent, condition, projection, asker, len(wanted))
            found |= {row[JSON_WIDTH + 1]: RecordJson(row[JSON_WIDTH + 1], row[1], row[0]) for row in rows}
            wanted -= found.keys()
            is_cut = is_cut and bool(rows)
        return found

    async def _viewed(
        self,
        caller: Principal,
        entry: Entry,
        parent: str,
        where: Condition,
        projection: Projection,
        asker: str,
        limit: int,
    ) -> tuple[list[Any], bool]:
        """The rows of what the view rule shows."""
        select = self._projected(
            Select(entry.name, parent, (where,), (), Window(limit), "view"), caller, entry, projection
        )
        statement = self.catalogue.compile(select, caller, self.instant())
        return ([], False) if statement is None else await self._search(statement, asker)

    async def page(
        self,
        caller: Principal,
        entry: Entry,
        parent: str,
        query: Query,
        asker: str = "",
        more: tuple[Condition, ...] = (),
        skipped: int | None = None,
        projection: Projection | None = None,
        instant: str = "",
        *,
        has_cursors: bool = False,
        is_backward: bool = False,
    ) -> RecordPage:
        """A page of the records that `query` and the conditions `more` ask for and the list rule shows, without the
        first `skipped` where no page and no cursor says where it begins, and with what `projection` wants of them,
        at an `instant` ("": now). `is_backward`: the last ones, those before the cursor, in the same order; then `next`
        continues before them. Costly work is shared by `asker`."""
        _check_listed(caller, entry)
        if projection is None and entry.asking and not caller.is_admin:
            projection = WHOLE  # only the database knows what the caller sees of each
        limit, search = query.limit + 1, read_search(query.search) if query.search else None
        order = entry.ranked if search is not None and not query.sort else entry.order(query.sort)
        after = self.place(entry, query, more)
        sort = query.sort
        if is_backward:
            if order is entry.ranked:
                raise Refusal("invalid_query", "pages before a cursor need an order; give sort")
            sort = reversed_sort(sort)
        if query.page:
            skipped = (query.page - 1) * query.limit
        offset = skipped if skipped and after is None else 0
        where = (*_conditions(caller, entry, query.filter, query.equals), *more)
        window = Window(limit, offset, after)
        total: Literal["", "beside"] = "beside" if query.total else ""
        select, width = Select(entry.name, parent, where, sort, window, total=total, search=search), WIDTH
        if projection is not None:
            select, width = self._projected(select, caller, entry, projection), JSON_WIDTH
        if not instant and (query.filter or projection is not None or more):  # a list's rule never reads the clock
            instant = self.instant()
        statement = self.catalogue.compile(select, caller, instant or None)
        if statement is None:
            return RecordPage([], "", 0 if query.total else None)
        rows, is_cut = await self._search(statement, asker)
        if is_cut and skipped is not None and len(rows) < query.limit:
            raise _too_large_a_page(len(rows))
        found = rows[0][width] if rows else None
        if query.total and not rows:  # beyond the end: there is no row to hold it
            alone = select._replace(window=Window(), total="alone", includes=())
            counting = self.catalogue.compile(alone, caller, instant or None)
            assert counting is not None
            found = (await self._search(counting, asker))[0][0][0]
        shown = rows[: query.limit]
        next_cursor = ""
        if is_cut or len(rows) > query.limit:
            place = order.cursor(shown[-1][width + 1 :])
            next_cursor = self._seal.sign(place, _list_of(entry, query, more))
        if projection is not None:
            places = [order.cursor(row[width + 1 :]) for row in shown] if has_cursors else ()
            cursors = [self._seal.sign(place, _list_of(entry, query, more)) for place in places]
            if is_backward:
                shown, cursors = shown[::-1], cursors[::-1]
            return RecordPage([], next_cursor, found, [row[0] for row in shown], cursors)
        return RecordPage([_record(StoredRecord, row[:WIDTH]) for row in shown], next_cursor, found)

    async def array(
        self,
        caller: Principal,
        entry: Entry,
        parent: str,
        query: Query,
        asker: str,
        more: tuple[Condition, ...],
        skipped: int,
        projection: Projection,
    ) -> str:
        """The records of a `page` of a query without a cursor as one text: the JSON array of the objects that the
        members of `projection` make of them. It costs a fraction of a row for each. Raises what `page` does."""
        _check_listed(caller, entry)
        search = read_search(query.search) if query.search else None
        where = (*_conditions(caller, entry, query.filter, query.equals), *more)
        select = Select(entry.name, parent, where, query.sort, Window(query.limit, skipped), search=search)
        array = self._projected(select, caller, entry, projection)._replace(is_array=True)
        statement = self.catalogue.compile(array, caller, self.instant())
        if statement is None:
            return "[]"
        try:
            [[text]], _ = await self._search(statement, asker)
        except TooMuch:  # for one text; a page is bounded record by record
            page = await self.page(caller, entry, parent, query, asker, more, skipped, projection)
            text = f"[{','.join(page.texts or ())}]"
        return str(text)

    def _projected(self, select: Select, caller: Principal, entry: Entry, projection: Projection) -> Select:
        """A question whose answer has of each record what `projection` wants of it."""
        fields, includes = Projector(self.catalogue, caller).parts(entry, projection)
        return select._replace(fields=fields, is_json=True, includes=includes, members=projection.members)

    def place(self, entry: Entry, query: Query, more: tuple[Condition, ...] = ()) -> PlaceValues | None:
        """The place of the query's cursor. Raises `invalid_cursor`."""
        if not query.cursor:
            return None
        order = entry.ranked if query.search and not query.sort else entry.order(query.sort)
        return order.place(self._seal.opened(query.cursor, _list_of(entry, query, more)))

    def cursor(self, entry: Entry, query: Query, more: tuple[Condition, ...], record: Mapping[str, Any]) -> str:
        """The cursor behind a record, as its caller sees it, in the list of a query that is no search. It has the
        fields by which the list is sorted."""
        place = write_place("", [record.get(name) for name, _ in entry.order(query.sort).keys])
        return self._seal.sign(place, _list_of(entry, query, more))

    async def aggregate(
        self,
        caller: Principal,
        entry: Entry,
        parent: str,
        asked: Aggregation,
        more: tuple[Condition, ...] = (),
        asker: str = "",
    ) -> AggregatePage:
        """Values of groups of the records that `asked` and the conditions `more` find and the list rule shows. Costly
        work is shared by `asker`."""
        _check_listed(caller, entry)
        columns = columns_of(entry.collection, asked)
        aggregates = Aggregates(columns, asked.having, tuple(order_of(columns, asked.sort)))
        question = repr((entry.name, parent, asked.filter, asked.search, asked.equals, aggregates.description, *more))
        cursor = self._seal.opened(asked.cursor, question) if asked.cursor else ""
        where = (*_conditions(caller, entry, asked.filter, asked.equals), *more)
        window = aggregates.window(asked.limit + 1, cursor)
        search = read_search(asked.search) if asked.search else None
        select = Select(entry.name, parent, where, window=window, aggregates=aggregates, search=search)
        statement = self.catalogue.compile(select, caller, self.instant())
        assert statement is not None  # what closes a list is part of it
        rows, is_cut = await self._search(statement, asker)
        shown = rows[: asked.limit]
        items = [{each.name: each.shown(value) for each, value in zip(columns, row, strict=True)} for row in shown]
        has_more = is_cut or len(rows) > asked.limit
        return AggregatePage(items, self._seal.sign(aggregates.cursor(window, shown), question) if has_more else "")

    async def _search(self, statement: Statement, asker: str) -> tuple[list[Any], bool]:
        sql, parameters, texts, is_costly, has_long_steps = statement
        return await self.storage.search(
            sql, parameters, texts, asker=asker, is_costly=is_costly, has_long_steps=has_long_steps
        )


def _check_listed(caller: Principal, entry: Entry) -> None:
    """Raises the refusal of a list that the rule refuses whatever the records."""
    if entry.rules["list"] is None and not caller.is_admin:
        raise denied(entry.name, "list", is_signed_in=caller.is_signed_in)


def undeclared(entry: Entry, equals: Mapping[str, Any]) -> int:
    """How many fields that are not declared a question compares."""
    return [entry.collection.field(name) for name in equals].count(UNDECLARED)


def check_undeclared(count: int) -> None:
    """Raises `invalid_query` where a question compares undeclared fields too often."""
    if count > MOST_UNDECLARED:
        problem = f"the query has over {MOST_UNDECLARED} conditions on fields that are not declared"
        raise Refusal("invalid_query", f"{problem}; send fewer, or declare the fields")


def _list_of(entry: Entry, query: Query, more: tuple[Condition, ...]) -> str:
    """What tells the cursors of one list from those of others."""
    search = (query.search,) if query.search else ()
    return repr((entry.name, query.filter, query.sort, query.equals, *search, *more))


def _too_large_a_page(fitting: int) -> Refusal:
    """Where pages are counted, one that ends early would hide the records at its end."""
    mib = PAGE_BYTES // 1024**2
    message = f"the records of this page are larger than {mib} MiB together; use limit={fitting}, or continue by cursor"
    return Refusal("invalid_query", message)


def _conditions(caller: Principal, entry: Entry, filter: str, compared: Mapping[str, Any]) -> tuple[Condition, ...]:
    if len(compared) > MOST_UNDECLARED:
        check_undeclared(undeclared(entry, compared))
    equals = [_equality(entry, name, value) for name, value in compared.items()]
    return (*equals, filtering(entry, caller, filter)) if filter else tuple(equals)


def _equality(entry: Entry, name: str, value: Any) -> Condition:
    """That a field has a value, a text where it comes from a query string, or none. Raises `invalid_query`."""
    if entry.collection.field(name) is not UNDECLARED:
        is_absent = value is None and name in entry.collection.fields
        held = None if is_absent else wanted(entry.collection, name, value)
        return eq(name, held, entry.book.kinds[name])
    condition = or_(*[eq(name, meant) for meant in meanings(value)])
    try:
        entry.book.condition(condition.key)
    except CelError as error:
        raise Refusal("invalid_query", f"{name[:64]!r}: {error}") from None
    return condition
