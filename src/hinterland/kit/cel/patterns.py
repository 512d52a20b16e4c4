"""Regular expressions that mean the same in Python and in both databases: a part of RE2, searched in linear time.

A pattern may have literals, ``.``, classes such as ``[a-z]``, ``\\d \\w \\s`` and their opposites (ASCII), groups,
``|``, ``* + ? {n,m}``, ``^`` and ``$``. It is read into a tree, written out again in words that RE2 and PostgreSQL
share, and searched by states that are made as the text asks for them: no pattern takes more than a look-up for each
character once its states are there.
"""

from __future__ import annotations

from functools import lru_cache

MOST_PATTERN = 512
"""Characters that a pattern may have."""
MOST_REPEATS = 100
MOST_STATES = 300
"""States of a pattern with its repetitions written out."""
MOST_STATES_TOGETHER = 1_000
"""The same of all patterns of one expression."""
MOST_VISITS = 400_000
"""Visits of states that a search may take: a text may be so long, divided by the pattern's states."""
LONGEST_TEXT = 100_000

_MOST_SETS = 1_000  # sets of states that are kept; with more, they are made anew
_LAST = 0x10FFFF
_CLASSES = {"d": ((48, 57),), "w": ((48, 57), (65, 90), (95, 95), (97, 122)), "s": ((9, 10), (12, 13), (32, 32))}
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_SPECIAL = frozenset("\\.+*?()|[]{}^$")

Ranges = tuple[tuple[int, int], ...]


class PatternError(ValueError):
    """Why a pattern is refused; ``hint`` says what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class _Part:
    """A part of a pattern: ``set`` (ranges), ``join``, ``either``, ``repeat`` (least, most), ``begin`` or ``end``."""

    __slots__ = ("kind", "least", "most", "parts", "ranges")

    def __init__(
        self, kind: str, parts: tuple[_Part, ...] = (), ranges: Ranges = (), least: int = 0, most: int | None = None
    ) -> None:
        self.kind = kind
        self.parts = parts
        self.ranges = ranges
        self.least = least
        self.most = most


def _inverted(ranges: Ranges) -> Ranges:
    found, at = [], 0
    for first, last in sorted(ranges):
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    return (*found, (at, _LAST)) if at <= _LAST else tuple(found)


_ANY_BUT_LINE = _inverted(((10, 10),))


class _PatternReader:
    """Reads a pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ignores_case = text.startswith("(?i)")
        if self.ignores_case:
            self.at = 4
        self.depth = 0

    @property
    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        if self.at >= len(self.text):
            raise PatternError("it ends too soon")
        self.at += 1
        return self.text[self.at - 1]

    def either(self) -> _Part:
        options = [self.joined()]
        while self.next == "|":
            self.at += 1
            options.append(self.joined())
        return options[0] if len(options) == 1 else _Part("either", tuple(options))

    def joined(self) -> _Part:
        parts = []
        while self.next and self.next not in "|)":
            parts.append(self.repeated(self.atom()))
        return _Part("join", tuple(parts))

    def repeated(self, part: _Part) -> _Part:
        bounds = self.bounds()
        if bounds is None:
            return part
        if part.kind in ("begin", "end"):
            raise PatternError("^ and $ cannot be repeated")
        if self.next == "?":
            self.at += 1  # to prefer fewer changes nothing where only whether it matches is asked
        if self.next in ("*", "+", "?", "{"):
            raise PatternError("a repetition cannot follow another", "put the first one in brackets: (a*)*")
        return _Part("repeat", (part,), least=bounds[0], most=bounds[1])

    def bounds(self) -> tuple[int, int | None] | None:
        if self.next in ("*", "+", "?") and self.next:
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.take()]
        if self.next != "{":
            return None
        inside, closed, rest = self.text[self.at + 1 :].partition("}")
        least, comma, most = inside.partition(",")
        if (
            not closed
            or not least.isascii()
            or not least.isdigit()
            or (most and not (most.isascii() and most.isdigit()))
        ):
            raise PatternError("{ begins a repetition such as {2} or {2,5}", "write \\\\{ for the character")
        self.at = len(self.text) - len(rest)
        low, high = int(least[:9]), (int(most[:9]) if most else None) if comma else int(least[:9])
        if max(low, high or 0) > MOST_REPEATS or (high is not None and low > high):
            raise PatternError(f"a repetition is at most {MOST_REPEATS} times, the least first")
        return low, high

    def atom(self) -> _Part:
        sign = self.take()
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.set()
        if sign == ".":
            return _Part("set", ranges=_ANY_BUT_LINE)
        if sign in "^$":
            return _Part("begin" if sign == "^" else "end")
        if sign == "\\":
            return _Part("set", ranges=self.folded(self.escape()))
        if sign in _SPECIAL and sign != "]" and sign != "}":
            raise PatternError(f'"{sign}" has nothing to repeat' if sign in "*+?{" else f'"{sign}" cannot stand here')
        return _Part("set", ranges=self.folded(((ord(sign), ord(sign)),)))

    def group(self) -> _Part:
        self.depth += 1
        if self.depth > 32:
            raise PatternError("groups are nested deeper than 32 levels")
        if self.next == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise PatternError("(? begins no group that is the same everywhere", "write (…) or (?:…)")
            self.at += 2
        part = self.either()
        if self.next != ")":
            raise PatternError("a group is not closed")
        self.at += 1
        self.depth -= 1
        return part

    def escape(self) -> Ranges:
        sign = self.take()
        if sign.lower() in _CLASSES and sign.isascii():
            ranges = _CLASSES[sign.lower()]
            return _inverted(ranges) if sign.isupper() else ranges
        if sign in _CONTROLS:
            return ((_CONTROLS[sign], _CONTROLS[sign]),)
        if sign.isalnum() or not sign.isascii():
            raise PatternError(f"\\{sign} is not the same everywhere", "name the characters in a class such as [a-z]")
        return ((ord(sign), ord(sign)),)

    def set(self) -> _Part:
        is_inverted = self.next == "^"
        self.at += is_inverted
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or self.next != "]":
            if self.text.startswith(("[:", "[.", "[="), self.at):
                raise PatternError("classes with names are not the same everywhere", "write [a-z] or \\\\d")
            first = self.member()
            is_first = False
            if self.next == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                last = self.member()
                if len(first) > 1 or len(last) > 1 or first[0][0] != first[0][1] or last[0][0] < first[0][0]:
                    raise PatternError("a range goes from a lesser character to a greater one")
                first = ((first[0][0], last[0][1]),)
            ranges.extend(first)
        self.at += 1
        found = self.folded(tuple(ranges))
        return _Part("set", ranges=_inverted(found) if is_inverted else found)

    def member(self) -> Ranges:
        sign = self.take()
        return self.escape() if sign == "\\" else ((ord(sign), ord(sign)),)

    def folded(self, ranges: Ranges) -> Ranges:
        """The ranges and, where case is ignored, the other case of the letters A to Z in them."""
        if not self.ignores_case:
            return ranges
        if any(last > 127 and (first, last) != (128, _LAST) for first, last in ranges if last < _LAST):
            raise PatternError("(?i) is for letters A to Z", "name both cases of other letters: [äÄ]")
        others = []
        for first, last in ranges:
            for low, high, step in ((65, 90, 32), (97, 122, -32)):
                if max(first, low) <= min(last, high):
                    others.append((max(first, low) + step, min(last, high) + step))
        return (*ranges, *others)


def _character(code: int) -> str:
    sign = chr(code)
    return f"\\{sign}" if sign in _SPECIAL or sign in "-^&~#" else sign


def _written(part: _Part) -> str:
    """A part in the words that RE2 and PostgreSQL share."""
    if part.kind == "set":
        return _written_set(part.ranges)
    if part.kind in ("begin", "end"):
        return "^" if part.kind == "begin" else "$"
    if part.kind == "join":
        return "".join(f"({_written(each)})" if each.kind == "either" else _written(each) for each in part.parts)
    if part.kind == "either":
        return "|".join(_written(each) or "()" for each in part.parts)
    inner = part.parts[0]
    text = _written(inner) if inner.kind == "set" else f"({_written(inner)})"
    most = "" if part.most is None else part.most
    return f"{text}{{{part.least},{most}}}"


def _written_set(ranges: Ranges) -> str:
    found = _inverted(_inverted(ranges))  # sorted and joined
    if not found:
        raise PatternError("a class has no characters")
    if len(found) == 1 and found[0][0] == found[0][1]:
        sign = chr(found[0][0])
        return f"\\{sign}" if sign in _SPECIAL else sign
    is_inverted = found[-1][1] == _LAST and found != ((0, _LAST),)
    shown = _inverted(found) if is_inverted else found
    shown = ((1, _LAST),) if shown == ((0, _LAST),) else shown
    pairs = [_character(a) if a == b else f"{_character(a)}-{_character(b)}" for a, b in shown]
    return f"[{'^' if is_inverted else ''}{''.join(pairs)}]"


# ---------------------------------------------------------------- states

_Accept, _Begin, _End, _Split, _Set = range(5)


class _Program:
    """Thompson's states: what each reads, and where it leads."""

    def __init__(self, part: _Part) -> None:
        self.kinds: list[int] = []
        self.ranges: list[Ranges] = []
        self.next: list[tuple[int, ...]] = []
        self.start = self.add(part, self.state(_Accept))

    def state(self, kind: int, following: tuple[int, ...] = (), ranges: Ranges = ()) -> int:
        if len(self.kinds) >= MOST_STATES:
            raise PatternError(f"with its repetitions written out it has more than {MOST_STATES} parts")
        self.kinds.append(kind)
        self.next.append(following)
        self.ranges.append(ranges)
        return len(self.kinds) - 1

    def add(self, part: _Part, after: int) -> int:
        """The state in which a part begins that leads to ``after``."""
        if part.kind == "set":
            return self.state(_Set, (after,), part.ranges)
        if part.kind in ("begin", "end"):
            return self.state(_Begin if part.kind == "begin" else _End, (after,))
        if part.kind == "join":
            for each in reversed(part.parts):
                after = self.add(each, after)
            return after
        if part.kind == "either":
            return self.state(_Split, tuple(self.add(each, after) for each in part.parts))
        return self.repeat(part, after)

    def repeat(self, part: _Part, after: int) -> int:
        inner = part.parts[0]
        if part.most is None:
            loop = self.state(_Split)
            self.next[loop] = (self.add(inner, loop), after)
            start = loop
        else:
            start = after
            for _ in range(part.most - part.least):
                start = self.state(_Split, (self.add(inner, start), after))
        for _ in range(part.least):
            start = self.add(inner, start)
        return start


_States = frozenset[int]


class Pattern:
    """A pattern that is ready to be searched for; ``canonical`` is how both databases are given it."""

    __slots__ = ("_always", "_moves", "_program", "_start", "canonical", "longest", "states")

    def __init__(self, text: str) -> None:
        if len(text) > MOST_PATTERN:
            raise PatternError(f"it has {len(text):,} characters, at most {MOST_PATTERN} are possible")
        reader = _PatternReader(text)
        part = reader.either()
        if reader.at < len(text):
            raise PatternError("a group is closed that was not opened", "write \\\\) for the character")
        self.canonical = _written(part)
        self._program = _Program(part)
        self.states = len(self._program.kinds)
        self.longest = min(LONGEST_TEXT, MOST_VISITS // self.states)
        self._start = self._reached([self._program.start], is_begin=True)
        self._always = self._reached([self._program.start], is_begin=False)
        self._moves: dict[_States, dict[str, _States]] = {}

    def _reached(self, waiting: list[int], *, is_begin: bool) -> _States:
        """The states that are reached without a character."""
        program, found = self._program, set[int]()
        while waiting:
            state = waiting.pop()
            if state in found:
                continue
            found.add(state)
            if program.kinds[state] == _Split or (program.kinds[state] == _Begin and is_begin):
                waiting.extend(program.next[state])
        return frozenset(found)

    def _is_end(self, states: _States) -> bool:
        """Whether the text may end here."""
        program, waiting, found = self._program, list(states), set[int]()
        is_begin = states is self._start
        while waiting:
            state = waiting.pop()
            if program.kinds[state] == _Accept:
                return True
            if state not in found:
                found.add(state)
                kind = program.kinds[state]
                if kind in (_Split, _End) or (kind == _Begin and is_begin):
                    waiting.extend(program.next[state])
        return False

    def _move(self, states: _States, sign: str) -> _States:
        program, code = self._program, ord(sign)
        following = [
            program.next[state][0]
            for state in states
            if program.kinds[state] == _Set and any(low <= code <= high for low, high in program.ranges[state])
        ]
        return self._reached(following, is_begin=False) | self._always

    def is_in(self, text: str) -> bool:
        """Whether some part of the text matches."""
        states, moves, accept = self._start, self._moves, 0  # the first state that a program has
        if accept in states:
            return True
        known = moves.setdefault(states, {})
        for sign in text:
            following = known.get(sign)
            if following is None:
                following = known[sign] = self._move(states, sign)
                if len(moves) > _MOST_SETS or len(known) > _MOST_SETS:
                    moves.clear()
            states = following
            if accept in states:
                return True
            known = moves.setdefault(states, {})
        return self._is_end(states)


@lru_cache(maxsize=256)
def pattern_of(text: str) -> Pattern:
    """The pattern that a text is. Raises PatternError."""
    return Pattern(text)
