"""What of records is wanted in an answer: some of their fields, and other records that come with them.

A protocol's codec reads it from what callers write; here it becomes the parts of a `Select`, where the caller may ask
for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.records import HEAD
from hinterland.kit.closest_first import closest_first
from hinterland.server.data.admission import denied
from hinterland.server.data.select.question import Include, JsonMember, Select, Window
from hinterland.server.data.select.visibility import filtering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hinterland.contract.identity import Principal
    from hinterland.kit.cel.conditions import Condition
    from hinterland.server.data.catalogue import Catalogue, Entry
    from hinterland.server.data.relations import Relation

MAX_DEPTH = 4  # records that come with records that come with …
MAX_INCLUDES = 20  # of all levels together
DEFAULT_INCLUDED = 20  # records of an include
_LONGEST_FIELD = 200


class Projection(NamedTuple):
    """The `fields` of records that are wanted (None: all), and the records `related` to each that come with it; with
    `members` these are the members of the object that each record becomes."""

    fields: tuple[str, ...] | None = None
    related: tuple[Included, ...] = ()
    members: tuple[JsonMember, ...] = ()


WHOLE = Projection()


class Included(NamedTuple):
    """Records that come with others by the relation `name`, under that name or another `key`: those that the CEL
    expression `filter` and the conditions `where` let through, in order of `sort`, the first `limit` of them without
    `offset`, or beyond the place `after`, what of these is wanted, and whether they are counted."""

    name: str
    projection: Projection = Projection()
    filter: str = ""
    sort: tuple[str, ...] = ()
    limit: int | None = None
    is_counted: bool = False
    key: str = ""
    where: tuple[Condition, ...] = ()
    offset: int = 0
    after: tuple[Any, ...] | None = None


class Projector:
    """Makes the parts of questions of what a caller wants, as far as the caller may ask for it."""

    def __init__(self, catalogue: Catalogue, caller: Principal) -> None:
        self._catalogue = catalogue
        self._caller = caller
        self._count = 0

    def parts(self, entry: Entry, wanted: Projection, depth: int = 0) -> tuple[tuple[str, ...], tuple[Include, ...]]:
        """The fields and the includes of a question to `entry`. Raises `invalid_query`, `forbidden`, `unauthorized`."""
        fields = () if wanted.fields is None else self._fields(entry, wanted.fields)
        self._count += len(wanted.related)
        if depth >= MAX_DEPTH and wanted.related:
            raise Refusal("invalid_query", f"expand goes {MAX_DEPTH} levels deep at most; ask for the rest by itself")
        if self._count > MAX_INCLUDES:
            raise Refusal("invalid_query", f"expand names over {MAX_INCLUDES} relations; ask for fewer at once")
        return fields, tuple([self._include(entry, related, depth + 1) for related in wanted.related])

    def _fields(self, entry: Entry, names: Iterable[str]) -> tuple[str, ...]:
        wanted = dict.fromkeys(names)
        closed = entry.closed(self._caller)
        for name in wanted:
            if name not in HEAD and not _is_field(entry, name):
                known = closest_first(name, [*HEAD, *(name for name in entry.collection.fields if name not in closed)])
                problem = f"{entry.name} has no field {name[:64]!r}"
                raise Refusal("invalid_query", f"{problem}; allowed in fields: {', '.join(known)}")
        if hidden := closed & wanted.keys():
            raise Refusal("forbidden", f"{', '.join(sorted(hidden))} of {entry.name} can't be read")
        return ("id", *[name for name in wanted if name != "id"])

    def _include(self, entry: Entry, related: Included, depth: int) -> Include:
        relation = self._catalogue.relations.of(entry).get(related.name)
        inner = None if relation is None else self._catalogue[relation.collection]
        if relation is None or inner is None:
            raise self._unknown(entry, related.name)
        with _placed(related.name):
            self._check(inner, relation, related)
            fields, includes = self.parts(inner, related.projection, depth)
            where = (*related.where, *([filtering(inner, self._caller, related.filter)] if related.filter else []))
            inner.order(related.sort)
        limit = None if relation.is_one else related.limit or DEFAULT_INCLUDED
        window = Window(limit, related.offset, related.after)
        members = related.projection.members
        select = Select(
            inner.name, None, where, related.sort, window, fields=fields, includes=includes, members=members
        )
        counted = select._replace(total="beside" if related.is_counted else "")
        return Include(related.key or related.name, counted, relation.by, relation.back)

    def _check(self, inner: Entry, relation: Relation, related: Included) -> None:
        if relation.is_one and (related.filter or related.sort or related.limit or related.is_counted):
            raise Refusal("invalid_query", "it is one record, which takes fields and expand alone")
        if not relation.by and inner.rules["list"] is None and not self._caller.is_admin:
            raise denied(inner.name, "list", is_signed_in=self._caller.is_signed_in)

    def _unknown(self, entry: Entry, name: str) -> Refusal:
        caller, catalogue = self._caller, self._catalogue
        relations = catalogue.relations.of(entry).items()
        known = [
            name for name, relation in relations
            if caller.is_admin or catalogue.is_used(catalogue[relation.collection])
        ]  # fmt: skip
        advice = f"allowed: {', '.join(closest_first(name, known))}" if known else "it has no relations"
        return Refusal("invalid_query", f"{entry.name} has no relation {name[:64]!r} to expand; {advice}")


def _is_field(entry: Entry, name: str) -> bool:
    if entry.collection.field(name) is UNDECLARED:  # whose name is the caller's
        return name.isprintable() and 0 < len(name) <= _LONGEST_FIELD and not {'"', "\\"} & {*name}
    return name in entry.collection.fields


@contextmanager
def _placed(name: str) -> Iterator[None]:
    """Problems within an include have its name."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code != "invalid_query":
            raise
        raise Refusal("invalid_query", f"{name}: {refusal.message}") from None
