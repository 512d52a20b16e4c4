"""A model of searches in a few lines: texts whose words are known, and what a search finds in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from hinterland.contract.identity import Principal
from hinterland.contract.query import Query
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordPage, RecordReader
from tests.server.data.world import ADMIN, KEY, World

# What is written, and the words that it is.
FORMS = {
    "cat": ("cat",), "Cat,": ("cat",), "CATS": ("cats",), "Café": ("cafe",), "cafe\u0301s!": ("cafes",),
    "naïve": ("naive",), "Straße": ("strasse",), "x2": ("x2",), "and": ("and",), "o'clock": ("o", "clock"),
    "ΣΊΓΜΑΣ": ("σιγμασ",), "東京": ("東", "京"), "京都": ("京", "都"), "ﬁn": ("fin",), "--": (), "*": (), "ё": ("е",),
    "in_parts": ("in", "parts"), "Łódź": ("lodz",), "한국어": ("한국어",),
}  # fmt: skip
TEXTS = st.lists(st.sampled_from([*FORMS]), max_size=5)
WORDS = sorted({word for words in FORMS.values() for word in words})


class Wanted(NamedTuple):
    """A part of a search in the model."""

    words: tuple[str, ...]
    is_prefix: bool
    is_without: bool

    @property
    def text(self) -> str:
        """As it is written in a search."""
        words = f'"{" ".join(self.words)}"' if len(self.words) > 1 else self.words[0]
        words = (
            f'{words[:-1]}*"' if self.is_prefix and len(self.words) > 1 else f"{words}{'*' if self.is_prefix else ''}"
        )
        return f"{'-' if self.is_without else ''}{words}"


PHRASES = st.one_of(
    st.builds(lambda word: (word,), st.sampled_from(WORDS)),
    st.builds(lambda word, size: (word[:size],), st.sampled_from(WORDS), st.integers(1, 3)),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=3).map(tuple),
    st.sampled_from([words for words in FORMS.values() if len(words) > 1]),
)
WANTED = st.builds(Wanted, PHRASES, st.booleans(), st.just(value=False))
SEARCHES = st.tuples(WANTED, st.lists(st.builds(Wanted, PHRASES, st.booleans(), st.booleans()), max_size=2)).map(
    lambda drawn: [drawn[0], *drawn[1]]
)


def written(parts: Sequence[str]) -> str:
    """The text of drawn forms."""
    return " ".join(parts)


def place(texts: Sequence[Sequence[str]], wanted: Wanted) -> int | None:
    """Where the words of a wanted part begin first: in characters of all words before, with what is between them."""
    at = 1
    for text in texts:
        for number in range(len(text)):
            *start, last = wanted.words
            found = text[number : number + len(wanted.words)]
            is_last = bool(found) and (found[-1] == last or (wanted.is_prefix and found[-1].startswith(last)))
            if is_last and [*found[:-1]] == start:
                return at
            at += len(text[number]) + 1
        at += 2 if text else 0
    return None


def model_of(records: Mapping[str, Sequence[Sequence[str]]], search: Sequence[Wanted]) -> list[str]:
    """The same of records' words."""
    ranked = []
    for id, texts in records.items():
        places = {wanted: place(texts, wanted) for wanted in search}
        has_all = all((at is None) is wanted.is_without for wanted, at in places.items())
        if has_all:
            ranked.append((sum(at for at in places.values() if at is not None), id))
    return [id for _, id in sorted(ranked)]


async def page(
    world: World, search: str, name: str = "docs", *, caller: Principal = ADMIN, parent: str = "", **query: Any
) -> RecordPage:
    """A page of what a search finds."""
    reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
    return await reader.page(caller, world.catalogue[name], parent, Query(search=search, **query))


def ids(found: RecordPage) -> list[Any]:
    """The ids of a page."""
    if found.texts is not None:
        return [msgspec.json.decode(text)["id"] for text in found.texts]
    return [record.id for record in found.records]
