"""What a search asks for, and the words of a record that it is asked of: the same on the server and on a device.

`words "a phrase" pre* -without` finds the records that have every word and phrase and none of those after `-`. The
words of a record are kept as one text, ` the title | the text `, with a blank around each: a phrase is a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.kinds.field import Field
from hinterland.kit.words import words_of

LONGEST_SEARCH = 1_000
"""Characters of a search."""
MOST_WORDS = 50
"""Words of a search; in what is written without spaces, characters."""
LONGEST_WORDS = 250_000
"""Characters of a record's words that are searched; PostgreSQL holds a million bytes of them."""
GAP = "|"  # between the words of two texts; no word has it
_UNIT = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


class Unit(NamedTuple):
    """Words that follow each other; the last may be the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool = False

    @property
    def part(self) -> str:
        """The part that a record's words have where they have this."""
        return f" {' '.join(self.words)}{'' if self.is_prefix else ' '}"


class Search(NamedTuple):
    """A search: every one of `wanted` must be there, and none of `unwanted`."""

    wanted: tuple[Unit, ...]
    unwanted: tuple[Unit, ...] = ()

    @property
    def terms(self) -> list[Unit]:
        """The words that must be there, each alone, whatever their places: what an index answers."""
        alone = [Unit((word,)) for unit in self.wanted for word in (unit.words[:-1] if unit.is_prefix else unit.words)]
        return list(dict.fromkeys(alone + [Unit(unit.words[-1:], True) for unit in self.wanted if unit.is_prefix]))

    @property
    def shape(self) -> tuple[int, int, int, bool]:
        """What a statement's text depends on."""
        return len(self.wanted), len(self.phrases), len(self.unwanted), self.is_joined

    @property
    def is_joined(self) -> bool:
        """Whether the index joins the lists of several words before it has a first record."""
        return len(self.wanted) > 1 or len(self.wanted[0].words) > 1 or self.wanted[0].is_prefix

    @property
    def phrases(self) -> list[Unit]:
        """What must be there and is more than one word."""
        return [unit for unit in self.wanted if len(unit.words) > 1]


@lru_cache(maxsize=256)
def read_search(text: str) -> Search | None:
    """The search that a text writes; None where it is blank. Raises `invalid_query`."""
    if len(text) > LONGEST_SEARCH:
        raise Refusal("invalid_query", f"the search is longer than {LONGEST_SEARCH:,} characters; shorten it")
    if not text.strip():
        return None
    wanted: dict[Unit, None] = {}
    unwanted: dict[Unit, None] = {}
    for sign, quoted, bare in _UNIT.findall(text):
        written = bare or quoted
        if words := tuple(words_of(written)):
            (unwanted if sign else wanted)[Unit(words, written.rstrip().endswith("*"))] = None
    if not wanted:
        problem = "only words that must not be there" if unwanted else "no word"
        raise Refusal("invalid_query", f"the search has {problem}; send at least one word of letters or digits")
    if sum(len(unit.words) for unit in (*wanted, *unwanted)) > MOST_WORDS:
        raise Refusal("invalid_query", f"the search has over {MOST_WORDS} words; send fewer")
    return Search(tuple(wanted), tuple(unwanted))


def searched_fields(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """The names of the fields that a search reads, in declared order."""
    return tuple([name for name, field in fields.items() if field.searched])


def kept_words(texts: Iterable[str]) -> str | None:
    """The words of a record's texts as they are kept; None where there are none."""
    found: list[str] = []
    size = 0
    for text in texts:
        if size > LONGEST_WORDS + 1:  # what follows is cut off
            break
        if words := words_of(text, LONGEST_WORDS + 2 - size):
            found.append(" ".join(words))
            size += len(found[-1]) + len(f" {GAP} ")
    if not found:
        return None
    kept = f" {f' {GAP} '.join(found)} "
    return kept if len(kept) <= LONGEST_WORDS else kept[: kept.rindex(" ", 0, LONGEST_WORDS) + 1]


def has_found(search: Search, kept: str | None) -> bool:
    """Whether a record with these words is found."""
    return (
        kept is not None
        and all(unit.part in kept for unit in search.wanted)
        and not any(unit.part in kept for unit in search.unwanted)
    )


def rank(search: Search, kept: str) -> int:
    """How far from the beginning the words of a search come first in a record's, summed: the least is the best.

    It depends on the record alone, so that it tells nothing of others.
    """
    return sum(kept.index(unit.part) + 1 for unit in search.wanted)


def texts_of(fields: Iterable[tuple[str, Field]], document: Mapping[str, Any]) -> list[str]:
    """The texts of a record's `fields` that a search reads."""
    return [text for name, field in fields if (value := document.get(name)) is not None for text in field.texts(value)]
