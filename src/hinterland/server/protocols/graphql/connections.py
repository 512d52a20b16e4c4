"""Connections: pages of records in the form of Relay's specification, at the root and within records.

Each edge has its cursor. `first` and `after` page forward, `last` and `before` backward; the order stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.query import Query
from hinterland.server.data.projection import Included, Projection
from hinterland.server.data.select.order import reversed_sort
from hinterland.server.operations.records import Listing, list_records
from hinterland.server.protocols.graphql.chosen import Chosen, limit_of, name_of, object_type
from hinterland.server.protocols.graphql.conditions import where_of
from hinterland.server.protocols.graphql.meaning import Meaning, above_of
from hinterland.server.protocols.graphql.shapes import Shape, placed, read, without_members

if TYPE_CHECKING:
    from hinterland.server.data.reader import RecordReader
    from hinterland.server.protocols.graphql.execution import Execution
    from hinterland.server.protocols.graphql.selections import Selector

_EXISTING = Projection(("id",))


class PageArguments(NamedTuple):
    """Which page is asked for: `limit` records behind a cursor, or before it ("": from the beginning, or the end)."""

    limit: int
    cursor: str
    is_backward: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> PageArguments:
        """The page that arguments ask for. Raises `invalid_query`."""
        forward = [name for name in ("first", "after") if given.get(name) is not None]
        backward = [name for name in ("last", "before") if given.get(name) is not None]
        if forward and backward:
            problem = f"{forward[0]} and {backward[0]} can't be combined"
            raise Refusal(
                "invalid_query", f"{problem}; page forward by first and after, or backward by last and before"
            )
        if backward:
            return cls(limit_of(given, "last", least=0), given.get("before") or "", is_backward=True)
        return cls(limit_of(given, "first", least=0), given.get("after") or "", is_backward=False)

    @property
    def number(self) -> int:
        """How many records are read: of a page without records one, to see whether there are more."""
        return max(self.limit, 1)


class ConnectionPage(NamedTuple):
    """A page that was read: the cursor and the value of each record."""

    cursors: Sequence[str]
    records: Sequence[Any]
    has_next: bool
    has_previous: bool
    total: int | None


class ConnectionSelection:
    """What is selected of a connection: what is to be read of `number` records, and how a page becomes the value."""

    def __init__(self, selector: Selector, chosen: Chosen, number: int) -> None:
        self._type = object_type(chosen)
        self._chosen = selector.chosen(self._type, selector.inner(chosen))
        self._inner = {
            each.key: selector.chosen(object_type(each), selector.inner(each))
            for _, each in self._chosen
            if each is not None and name_of(each) in ("edges", "pageInfo")
        }
        self._info = {name_of(one) for each in self._chosen_of("pageInfo") for one in each}
        nodes = [each for _, each in self._chosen if each is not None and name_of(each) == "nodes"]
        nodes += [one for edge in self._chosen_of("edges") for one in edge if name_of(one) == "node"]
        self._shapes: dict[int, Shape] = {}
        projections: list[Projection] = []
        for place, node in enumerate(nodes):
            prefix = f"{place}/" if place else ""  # of what comes with records, which several selections name alike
            projection, shape = selector.records(object_type(node), selector.inner(node), number, prefix)
            projections.append(projection)
            self._shapes[id(node)] = shape
        if not nodes:
            selector.count(number)
        self.projection = _together(projections)

    @property
    def has_total(self) -> bool:
        """Whether all records are counted."""
        return any(each is not None and name_of(each) == "totalCount" for _, each in self._chosen)

    @property
    def has_cursors(self) -> bool:
        """Whether cursors are selected, or needed."""
        return bool(self._info) or any(name_of(one) == "cursor" for edge in self._chosen_of("edges") for one in edge)

    def asks_for(self, name: str) -> bool:
        """Whether the page's information has this."""
        return name in self._info

    def _chosen_of(self, name: str) -> list[list[Chosen]]:
        found = [each for _, each in self._chosen if each is not None and name_of(each) == name]
        return [[one for _, one in self._inner[each.key] if one is not None] for each in found]

    def shown(self, page: ConnectionPage, read_by: Callable[[Shape, Any], Any]) -> dict[str, Any]:
        """The value of a page, whose records are read by the shape of each selection."""
        info = {
            "hasNextPage": page.has_next,
            "hasPreviousPage": page.has_previous,
            "startCursor": page.cursors[0] if page.cursors else None,
            "endCursor": page.cursors[-1] if page.cursors else None,
        }
        made: dict[str, Any] = {}
        for key, each in self._chosen:
            name = "" if each is None else name_of(each)
            if each is None:
                made[key] = self._type.name
            elif name == "totalCount":
                made[key] = page.total
            elif name == "pageInfo":
                made[key] = {own: "PageInfo" if one is None else info[name_of(one)] for own, one in self._inner[key]}
            elif name == "nodes":
                made[key] = [read_by(self._shapes[id(each)], record) for record in page.records]
            else:
                cursors = page.cursors or [""] * len(page.records)
                pairs = zip(cursors, page.records, strict=True)
                made[key] = [self._edge(each, cursor, record, read_by) for cursor, record in pairs]
        return made

    def _edge(self, chosen: Chosen, cursor: str, record: Any, read_by: Callable[[Shape, Any], Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, one in self._inner[chosen.key]:
            if one is None:
                made[key] = object_type(chosen).name
            else:
                made[key] = cursor if name_of(one) == "cursor" else read_by(self._shapes[id(one)], record)
        return made


def _together(projections: Sequence[Projection]) -> Projection:
    """What is read for all of several selections of the same records."""
    if len(projections) < 2:
        return projections[0] if projections else _EXISTING
    names = dict.fromkeys([name for each in projections for name in each.fields or ()])
    related = [included for each in projections for included in each.related]
    return without_members(Projection(tuple(names), tuple(related)))


# -------------------------------------------------------------------- at the root


async def connection(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """A page of a collection's records."""
    entry, given = meaning.entry, selector.arguments(chosen)
    assert entry is not None
    paging = PageArguments.of(given)
    selected = ConnectionSelection(selector, chosen, paging.number)
    projection = selected.projection
    query = _query(given, paging, total=selected.has_total)
    listing = Listing(
        entry, execution.parent(entry, given), query, where_of(entry, given), None, projection,
        has_cursors=selected.has_cursors, is_backward=paging.is_backward,
    )  # fmt: skip
    found = await list_records(execution.backend, execution.of(listing))
    # What is on the other side of the cursor is looked for where it is asked for.
    has_more, has_other = found.next != "" or found.size > paging.limit, False
    if paging.cursor and selected.asks_for("hasNextPage" if paging.is_backward else "hasPreviousPage"):
        edge = (found.cursors or ("",))[-1 if paging.is_backward else 0]
        other = _query(given, PageArguments(1, edge, is_backward=bool(edge) and not paging.is_backward), total=False)
        selector.count(1)
        beyond = listing._replace(
            query=other, projection=_EXISTING, has_cursors=False, is_backward=bool(edge) and not paging.is_backward
        )
        has_other = bool((await list_records(execution.backend, execution.of(beyond))).size)
    has_next, has_previous = (has_other, has_more) if paging.is_backward else (has_more, has_other)
    cursors, texts = found.cursors[: paging.limit], (found.texts or ())[: paging.limit]
    page = ConnectionPage(cursors, texts, has_next, has_previous, found.total)
    return selected.shown(page, lambda shape, text: read(projection, shape, text, listing.parent))


def _query(given: Mapping[str, Any], paging: PageArguments, *, total: bool) -> Query:
    return Query(
        limit=paging.number,
        cursor=paging.cursor,
        filter=given.get("filter") or "",
        search=given.get("search") or "",
        sort=tuple(given.get("sort") or ()),
        total=total,
    )


# -------------------------------------------------------------------- within records


def connected(
    reader: RecordReader, selector: Selector, chosen: Chosen, meaning: Meaning, number: int, key: str
) -> tuple[Included, Shape]:
    """The page of records that comes with each of `number` others, and its shape."""
    entry, given = meaning.entry, selector.arguments(chosen)
    assert entry is not None
    paging = PageArguments.of(given)
    selected = ConnectionSelection(selector, chosen, number * paging.number)
    where, below = where_of(entry, given), above_of(meaning)
    query = _query(given, paging, total=False)
    sorted_by = [name for name, _ in entry.order(query.sort).keys]
    names = dict.fromkeys([*(selected.projection.fields or ()), *(sorted_by if selected.has_cursors else ())])
    included = Included(
        meaning.name,
        without_members(Projection(tuple(names), selected.projection.related)),
        query.filter,
        reversed_sort(query.sort) if paging.is_backward else query.sort,
        paging.number,
        selected.has_total,
        key=key,
        where=where,
        after=reader.place(entry, query, where),
    )

    def shape(value: Mapping[str, Any]) -> Any:
        found = value["_expand"][key]
        records = placed(value, below, found["items"]) if below else found["items"]
        records = records[: paging.limit]
        records = records[::-1] if paging.is_backward else records
        cursors = [reader.cursor(entry, query, where, record) for record in records] if selected.has_cursors else ()
        ends = (
            paging.cursor != "",
            found["more"] or len(found["items"]) > paging.limit,
        )  # the record of a cursor was one of them
        has_next, has_previous = ends if paging.is_backward else ends[::-1]
        page = ConnectionPage(cursors, records, has_next, has_previous, found.get("total"))
        return selected.shown(page, lambda own, record: own(record))

    return included, shape
