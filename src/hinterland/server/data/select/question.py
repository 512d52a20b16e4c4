"""A question to a collection, as a frozen value: which records, in which order, which part of them, and in what shape.

It depends on no caller and no database: `compiler` adds each collection's rules and makes one statement of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hinterland.contract.searching import Search
from hinterland.kit.cel.conditions import Condition

if TYPE_CHECKING:
    from hinterland.server.data.select.aggregates import Aggregates


class Window(NamedTuple):
    """The part of the ordered records that is wanted: those beyond `after` (the values of the order's keys), without
    the first `offset`, at most `limit`."""

    limit: int | None = None
    offset: int = 0
    after: tuple[Any, ...] | None = None


class Select(NamedTuple):
    """The records of `collection` below the record path `parent` (None: below all parents) that the rule of `action`
    shows and every condition of `where` lets through, in the order of `sort` (names, `-` before one for descending).

    Without `fields` a row is a whole record; else it holds the columns of the named ones. `total`: how many records
    there are in all windows is a column "beside" each row, or the only row ("alone").
    With `aggregates` a row holds the columns of a group of records, in the order of these, and there is no `sort`.
    With a `search` only records that have its words are found; without `sort` those that have them early come first.

    `is_json`: a row has the record as JSON text instead, with the fields that the caller sees of it, those of `fields`
    alone where they are named, and what comes with it by `includes`. With `members` it is an object of these; with
    `is_array` too the only row has the array of all objects.
    """

    collection: str
    parent: str | None = ""
    where: tuple[Condition, ...] = ()
    sort: tuple[str, ...] = ()
    window: Window = Window()
    action: Literal["list", "view"] = "list"
    fields: tuple[str, ...] = ()
    total: Literal["", "beside", "alone"] = ""
    is_json: bool = False
    includes: tuple[Include, ...] = ()
    aggregates: Aggregates | None = None
    search: Search | None = None
    members: tuple[JsonMember, ...] = ()
    is_array: bool = False


class JsonMember(NamedTuple):
    """A member of the object that is made of a record, under a `key`: the value of a `field` (null where it has none),
    what comes with the record by the `include` of this name, or a `constant` text, which an id may have behind it."""

    key: str
    field: str = ""
    include: str = ""
    constant: str = ""


class Include(NamedTuple):
    """What comes with each record, under a `name`, as far as the caller is shown it: the record whose id the field `by`
    holds, or those whose ids it holds; the records of `select` whose field `back` holds the id of this one; or else
    those below it. The parent and the action of `select` are not asked."""

    name: str
    select: Select
    by: str = ""
    back: str = ""
