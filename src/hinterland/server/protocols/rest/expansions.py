"""The parameters `fields` and `expand`: what a caller wants of records, and which others come with them.

fields  = path *( "," path )                      title,author.name; * stands for all fields
expand  = include *( "," include )                author,comments(sort=-created_at,limit=5,expand=author)
include = path [ "(" option *( "," option ) ")" ]
option  = "fields=" … | "expand=" … | "filter=" CEL | "sort=" names | "limit=" number | "total=true"
path    = name *( "." name )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hinterland.contract.errors import Refusal
from hinterland.contract.query import MAX_LIMIT, Query
from hinterland.server.data.projection import MAX_DEPTH, MAX_INCLUDES, Included, Projection

LONGEST = 4_000  # characters of a parameter
_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"[^\s,.()=]+")
_SORT = re.compile(r"-?[^\s,.()=]+")
_DIGITS = re.compile(r"[0-9]{1,9}")
_OPTION = re.compile(r"(fields|expand|filter|sort|limit|total)=(?!=)")
_STRING = re.compile("([rR]|[bB][rR]?)?('''|\"\"\"|'|\")")
_EXAMPLE = "comments(sort=-created_at,limit=5,expand=author)"


class _Wanted:
    """What is wanted of the records of one relation, as far as it was read."""

    def __init__(self) -> None:
        self.fields: dict[str, None] | None = None
        self.inner: dict[str, _Wanted] = {}
        self.options: dict[str, str] = {}
        self.has_options = False

    def projection(self) -> Projection:
        """It as a value."""
        fields = None if self.fields is None or "*" in self.fields else tuple(self.fields)
        return Projection(fields, tuple([inner._related(name) for name, inner in self.inner.items()]))

    def _related(self, name: str) -> Included:
        sort = tuple(filter(None, self.options.get("sort", "").split(",")))
        limit = int(self.options["limit"]) if "limit" in self.options else None
        return Included(name, self.projection(), self.options.get("filter", ""), sort, limit, "total" in self.options)


def parse_projection(query: Query) -> Projection | None:
    """What a query wants of records; None: all their fields, and nothing else. Raises `invalid_query`."""
    if not query.fields and not query.expand:
        return None
    root, count = _Wanted(), [0]
    if query.expand:
        _ProjectionParser("expand", query.expand, count).read(lambda parser: parser.includes(root, 0))
    if query.fields:
        _ProjectionParser("fields", query.fields, count).read(lambda parser: parser.fields(root, 0))
    return root.projection()


class _ProjectionParser:
    """Reads one parameter. `count`: the relations that were named in all of them."""

    def __init__(self, parameter: str, text: str, count: list[int]) -> None:
        if len(text) > LONGEST:
            raise Refusal("invalid_query", f"{parameter} is longer than {LONGEST:,} characters; ask for less at once")
        self._parameter = parameter
        self._text = text
        self._at = 0
        self._count = count

    def read(self, part: Callable[[_ProjectionParser], None]) -> None:
        """The whole parameter, which is one `part`."""
        part(self)
        if self._at < len(self._text):
            raise self._problem("a comma or the end was expected")

    # ------------------------------------------------------------ the grammar

    def includes(self, of: _Wanted, depth: int) -> None:
        """Relations of `of`, with their options."""
        for names in self._paths():
            wanted = self._reached(of, names, depth)
            if self._takes("("):
                if wanted.has_options:
                    raise self._problem(f"{names[-1]} has options twice; write them once")
                wanted.has_options = True
                self._options(wanted, depth + len(names))

    def fields(self, of: _Wanted, depth: int) -> None:
        """Fields of `of`, and of its relations."""
        for names in self._paths():
            for end in range(len(names)):  # those on the way have no other fields than are named too
                wanted = self._reached(of, names[:end], depth)
                wanted.fields = fields = {} if wanted.fields is None else wanted.fields
            fields[names[-1]] = None

    def _options(self, of: _Wanted, depth: int) -> None:
        given: set[str] = set()
        while True:
            option = self._matched(_OPTION)
            if option is None:
                raise self._problem("fields=, expand=, filter=, sort=, limit= or total= was expected")
            word = option[1]
            if word in given:
                raise self._problem(f"{word} appears twice; write it once")
            given.add(word)
            self._option(word, of, depth)
            if self._takes(")"):
                return
            if not self._takes(","):
                raise self._problem("a comma or a closing parenthesis was expected")

    def _option(self, word: str, of: _Wanted, depth: int) -> None:
        if word == "fields":
            self.fields(of, depth)
        elif word == "expand":
            self.includes(of, depth)
        elif word == "sort":
            of.options[word] = ",".join(self._listed(_SORT))
        elif word == "filter":
            of.options[word] = self._cel()
        elif word == "limit":
            of.options[word] = self._limit()
        elif (found := self._name(_NAME)) == "true":
            of.options[word] = found
        elif found != "false":
            raise self._problem("total must be true or false")

    def _limit(self) -> str:
        digits = self._matched(_DIGITS)
        if digits is None or not 1 <= int(digits[0]) <= MAX_LIMIT:
            raise self._problem(f"limit must be a whole number from 1 to {MAX_LIMIT:,}")
        return digits[0]

    def _cel(self) -> str:
        """An expression: up to the comma or the parenthesis that is not within it."""
        start, depth = self._at, 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if not depth and char in ",)":
                break
            if (string := _STRING.match(self._text, self._at)) is not None:
                self._skip_string(string)
                continue
            depth += (char in "([{") - (char in ")]}")
            self._at += 1
        if not (found := self._text[start : self._at].strip()):
            raise self._problem("an expression was expected")
        return found

    def _skip_string(self, opening: re.Match[str]) -> None:
        quote, is_raw = opening[2], (opening[1] or "")[-1:] in ("r", "R")
        self._at = opening.end()
        while not self._text.startswith(quote, self._at):
            self._at += 2 if self._text[self._at : self._at + 1] == "\\" and not is_raw else 1
            if self._at >= len(self._text):
                raise self._problem(f"the text after {opening[0]} is not closed")
        self._at += len(quote)

    # ------------------------------------------------------------ its parts

    def _reached(self, of: _Wanted, names: list[str], depth: int) -> _Wanted:
        """The relation at the end of a path."""
        if depth + len(names) > MAX_DEPTH:
            raise self._problem(f"expand goes {MAX_DEPTH} levels deep at most; ask for the rest by itself")
        for name in names:
            if name not in of.inner:
                self._count[0] += 1
                if self._count[0] > MAX_INCLUDES:
                    raise self._problem(f"over {MAX_INCLUDES} relations are named; ask for fewer at once")
                of.inner[name] = _Wanted()
            of = of.inner[name]
        return of

    def _paths(self) -> Iterator[list[str]]:
        for name in self._each(_NAME):
            names = [name]
            while self._takes("."):
                names.append(self._name(_NAME))
            yield names

    def _listed(self, pattern: re.Pattern[str]) -> list[str]:
        return [*self._each(pattern)]

    def _each(self, pattern: re.Pattern[str]) -> Iterator[str]:
        """Names between commas, up to one that an option follows."""
        yield self._name(pattern)
        while self._is_next_name():
            self._takes(",")
            yield self._name(pattern)

    def _is_next_name(self) -> bool:
        self._skip_space()
        if not self._text.startswith(",", self._at):
            return False
        return _OPTION.match(self._text, self._after_space(self._at + 1)) is None

    def _name(self, pattern: re.Pattern[str]) -> str:
        found = self._matched(pattern)
        if found is None:
            raise self._problem("a name was expected")
        return found[0]

    def _matched(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip_space()
        found = pattern.match(self._text, self._at)
        self._at = self._at if found is None else found.end()
        return found

    def _takes(self, char: str) -> bool:
        self._skip_space()
        is_there = self._text.startswith(char, self._at)
        self._at += is_there
        return is_there

    def _skip_space(self) -> None:
        self._at = self._after_space(self._at)

    def _after_space(self, at: int) -> int:
        space = _SPACE.match(self._text, at)
        assert space is not None
        return space.end()

    def _problem(self, what: str) -> Refusal:
        found = repr(self._text[self._at : self._at + 20]) if self._at < len(self._text) else "the end"
        message = f"{self._parameter}: {what}, at character {self._at + 1}: {found}; write such as {_EXAMPLE}"
        return Refusal("invalid_query", message)
