"""Searches as SQL: what the index of words finds, and what is asked of each record's words.

The index is asked for all words at once, as for a given value of a field. Phrases, excluded words and the order are
worked out on records that the caller may see, from each record alone: how often words are elsewhere would tell what is
in records that are hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hinterland.contract.errors import Refusal
from hinterland.contract.searching import Search
from hinterland.server.data.select.order import RANK
from hinterland.server.data.select.parts import Bind, SqlPart, filled, joined
from hinterland.server.data.select.question import Select

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Entry


def searched_names(entry: Entry) -> frozenset[str]:
    """The fields that a search reads. Raises `invalid_query` where there are none."""
    names = frozenset([name for name, _ in entry.table.search.fields])
    if not names:
        raise Refusal("invalid_query", f"{entry.name} has no field to search; declare one with search=True")
    return names


def found_by(entry: Entry, alias: str) -> SqlPart:
    """That a record has every word of the search, whatever their places."""
    index = entry.table.search
    searched_names(entry)
    return SqlPart(index.found(alias), (lambda select, variables: (index.expression(_search_of(select).terms),),))


def tested_of(entry: Entry, alias: str, search: Search) -> list[SqlPart]:
    """That it has the words of phrases behind each other, and none that must not be there."""
    place = entry.table.search.place(alias)
    phrases = [SqlPart(f"{place} > 0", (_phrase(number),)) for number in range(len(search.phrases))]
    return [*phrases, *[SqlPart(f"{place} = 0", (_unwanted(number),)) for number in range(len(search.unwanted))]]


def rank_of(entry: Entry, alias: str, search: Search) -> SqlPart:
    """The column of a record's rank: where the words first come, summed."""
    places = [SqlPart(entry.table.search.place(alias), (_wanted(number),)) for number in range(len(search.wanted))]
    return filled(f"{{}} AS {RANK}", joined(places, " + "))


def _search_of(select: Select) -> Search:
    assert select.search is not None
    return select.search


def _phrase(number: int) -> Bind:
    return lambda select, variables: (_search_of(select).phrases[number].part,)


def _unwanted(number: int) -> Bind:
    return lambda select, variables: (_search_of(select).unwanted[number].part,)


def _wanted(number: int) -> Bind:
    return lambda select, variables: (_search_of(select).wanted[number].part,)
