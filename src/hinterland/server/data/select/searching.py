"""Searches as SQL: what the index of words finds, and what is asked of each record's words.

The index is asked for all words at once, as for a given value of a field. Phrases, excluded words and the order are
worked out on records that the caller may see, from each record alone: how often words are elsewhere would tell what is
in records that are hidden. Words of a field that the caller can see in no record are not looked up; those of a field
that its rule shows in some are looked up, and then asked of what the caller sees of the record.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hinterland.contract.errors import Refusal
from hinterland.contract.searching import GAP, Search
from hinterland.kit.cel.predicates import Variables
from hinterland.server.data.select.order import RANK
from hinterland.server.data.select.parts import Bind, SqlPart, by_rule, filled, joined
from hinterland.server.data.select.question import Select
from hinterland.server.storage.searching import WORDS

if TYPE_CHECKING:
    from hinterland.contract.identity import Principal
    from hinterland.server.data.catalogue import Entry


def shape_of(entry: Entry, search: Search) -> tuple[int, ...]:
    """What a statement's text depends on. Raises `invalid_query` where there is nothing to search."""
    if not entry.table.search:
        raise Refusal("invalid_query", f"{entry.name} has no field to search; declare one with search=True")
    return (*search.shape, len(search.terms)) if entry.table.search.has_private else search.shape


def refuse_search(entry: Entry, caller: Principal) -> None:
    """Raises `forbidden` where the caller sees none of the fields that a search reads in any record."""
    names = frozenset([name for name, _ in entry.table.search.fields])
    if names <= entry.closed(caller):
        known = f"{', '.join(sorted(names))} of {entry.name}"
        raise Refusal("forbidden", f"{known} can't be used to filter, sort or search")


def found_by(entry: Entry, alias: str, search: Search, *, is_free: bool) -> SqlPart:
    """That a record has every word of the search, whatever their places."""
    return SqlPart(entry.table.search.found(alias, len(search.terms)), (partial(_terms, entry, is_free),))


def _terms(entry: Entry, is_free: bool, select: Select, variables: Variables) -> list[str]:
    index = entry.table.search
    shown = [is_free or _is_open(entry, name, variables) for ((name, _),) in index.groups[1:]]
    return index.parameters(_search_of(select).terms, [True, *shown])


def _is_open(entry: Entry, name: str, variables: Variables) -> bool:
    """Whether a field is shown of any record, as far as this depends on the caller."""
    rule = entry.private[name]
    return rule is not None and all(test(variables) is True for test in rule.auth_tests)


def tested_of(entry: Entry, alias: str, search: Search, *, is_free: bool) -> list[SqlPart]:
    """That it has the words of phrases behind each other, and none that must not be there. Where the caller may see
    less than was looked up, every word must be in what is seen."""
    if entry.table.search.has_private and not is_free:
        sought = [_wanted(number) for number in range(len(search.wanted))]
    else:
        sought = [_phrase(number) for number in range(len(search.phrases))]
    places = [_place(entry, alias, bind, is_free=is_free) for bind in sought]
    others = [_place(entry, alias, _unwanted(number), is_free=is_free) for number in range(len(search.unwanted))]
    return [*[filled("{} > 0", place) for place in places], *[filled("{} = 0", place) for place in others]]


def rank_of(entry: Entry, alias: str, search: Search, *, is_free: bool) -> SqlPart:
    """The column of a record's rank: where the words first come, summed."""
    places = [_place(entry, alias, _wanted(number), is_free=is_free) for number in range(len(search.wanted))]
    return filled(f"{{}} AS {RANK}", joined(places, " + "))


def _place(entry: Entry, alias: str, sought: Bind, *, is_free: bool) -> SqlPart:
    """Where the words that the caller sees have what is sought."""
    words = _words(entry, alias, is_free=is_free)
    return SqlPart(entry.table.search.first(words.text), (*words.binds, sought))


def _words(entry: Entry, alias: str, *, is_free: bool) -> SqlPart:
    """The words that the caller sees of a record."""
    index = entry.table.search
    parts = [SqlPart(f"{alias}.{WORDS}")]
    if not index.has_private:
        return parts[0]
    for column, ((name, _),) in zip(index.names[1:], index.groups[1:], strict=True):
        rule, words = entry.private[name], SqlPart(f"'{GAP}' || {alias}.{column}")
        if is_free:
            parts.append(words)
        elif rule is not None:
            parts.append(filled("CASE WHEN {} THEN {} END", by_rule(rule.whole(alias)), words))
    return filled(f"ltrim(concat({{}}), '{GAP}')", joined(parts, ", "))


def _search_of(select: Select) -> Search:
    assert select.search is not None
    return select.search


def _phrase(number: int) -> Bind:
    return lambda select, variables: (_search_of(select).phrases[number].part,)


def _unwanted(number: int) -> Bind:
    return lambda select, variables: (_search_of(select).unwanted[number].part,)


def _wanted(number: int) -> Bind:
    return lambda select, variables: (_search_of(select).wanted[number].part,)
