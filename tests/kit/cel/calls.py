"""Random expressions that call every function and macro that a database can be asked, in each other's operands."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import note
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.dialects import POSTGRES, SQLITE
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.sql import to_sql
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, INT, INT64, STRING, TIMESTAMP, ListType, Type
from tests.kit.cel.engines import column
from tests.kit.cel.expressions import Expression, Writer, quoted
from tests.kit.cel.schema import ENVIRONMENT, STRINGS

_TEXTS = (
    *STRINGS,
    "e\u0301",
    "👩\u200d👩\u200d👧",
    "\u00a0a\u3000",
    " a b ",
    "aa",
    "\u0085",
    "-7",
    "9223372036854775808",
    "true",
)
_PATTERNS = ("^a", "a$", "[^a-z]", "^(a|ab)*b{0,1}$", "(?i)^AB?", "\\\\W", "^.$", "\\\\d+", "(a*)*b", "", "é|😀")
_SPANS = ("0s", "1h30m", "-1.5s", "6us", "876000h", "2562047h", "-2562047h", "250ms")
_ZONES = ("UTC", "+05:30", "-04:00", "23:59", "-23:59")
_CALENDAR = (
    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
)  # fmt: skip
Maker = Callable[[int], Expression]


class CallWriter(Writer):
    """Writes expressions of calls. What no oracle knows has no words for it."""

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw)
        self.names: list[tuple[str, Type]] = []

    def called(self, template: str, *parts: Expression) -> Expression:
        """A template with parts in its `{}`, in order."""
        between = template.split("{}")
        filled = [text + part.text for text, part in zip(between, parts, strict=False)]
        return Expression("".join([*filled, *between[len(parts) :]]), None)

    def path(self, *kinds: Type) -> Expression:
        """A field, or a variable of a macro around."""
        local = [name for name, kind in self.names if kind in kinds]
        if local and self.draw(st.sampled_from((True, False))):
            return Expression(self.pick(local), None)
        return super().path(*kinds)

    def string(self, depth: int) -> Expression:
        if depth <= 0 or self.draw(st.integers(0, 3)) == 0:
            own = [lambda: Expression(quoted(self.pick(_TEXTS)), None), *[lambda: self.path(STRING)] * 3]
            return super().string(depth) if depth > 0 else self.one(own)
        names = ("trim", "reverse", "lowerAscii", "upperAscii")
        inner = depth - 1
        return self.one([
            lambda: self.called("{}.charAt({})", self.string(inner), self.small(inner)),
            lambda: self.called("{}.substring({})", self.string(inner), self.small(inner)),
            lambda: self.called("{}.substring({}, {})", self.string(inner), self.small(inner), self.small(inner)),
            lambda: self.called("{}.replace({}, {})", *[self.string(inner) for _ in range(3)]),
            lambda: self.called(f"{{}}.{self.pick(names)}()", self.string(inner)),
            lambda: self.called("strings.quote({})", self.string(inner)),
            lambda: self.called("{}.join({})", self.listed(STRING, inner), self.string(inner)),
            lambda: self.called("{}.split({})[" + self.pick("0012") + "]", self.string(inner), self.string(inner)),
            lambda: self.called("string({})", self.one([lambda: self.moment(inner), lambda: self.span(inner)])),
            lambda: self.called("base64.encode({})", self.path(BYTES)),
        ])  # fmt: skip

    def small(self, depth: int) -> Expression:
        if depth <= 0 or self.draw(st.booleans()):
            return super().small(depth)
        inner = depth - 1
        place, zone = self.pick(("indexOf", "lastIndexOf")), quoted(self.pick(_ZONES))
        return self.one([
            lambda: self.called(f"{{}}.{place}({{}})", self.string(inner), self.string(inner)),
            lambda: self.called(f"{{}}.{place}({{}}, {{}})", self.string(inner), self.string(inner), self.small(inner)),
            lambda: self.called("size({})", self.listed(self.pick_kind(), inner)),
            lambda: self.called("size({})", self.path(BYTES)),
            lambda: self.called("size(bytes({}))", self.string(inner)),
            lambda: self.called(f"{{}}.{self.pick(_CALENDAR)}()", self.moment(inner)),
            lambda: self.called(f"{{}}.{self.pick(_CALENDAR)}({zone})", self.moment(inner)),
        ])  # fmt: skip

    def integer(self, depth: int) -> Expression:
        if depth <= 0 or self.draw(st.booleans()):
            return super().integer(depth)
        inner = depth - 1
        return self.one([
            lambda: self.called(f"math.{self.pick(('abs', 'sign', 'bitNot'))}({{}})", self.integer(inner)),
            lambda: self.called(f"math.{self.pick(('bitAnd', 'bitOr', 'bitXor', 'greatest', 'least'))}({{}}, {{}})",
                                self.integer(inner), self.integer(inner)),
            lambda: self.called("int({})", self.one([lambda: self.string(inner), lambda: self.moment(inner)])),
            lambda: self.called(f"{{}}.{self.pick(_CALENDAR[6:])}()", self.span(inner)),
        ])  # fmt: skip

    def double(self, depth: int) -> Expression:
        if depth <= 0 or self.draw(st.booleans()):
            return super().double(depth)
        names = ("abs", "sign", "ceil", "floor", "round", "trunc")
        return self.one([
            lambda: self.called(f"math.{self.pick(names)}({{}})", self.double(depth - 1)),
            lambda: self.called(f"math.{self.pick(('greatest', 'least'))}({{}}, {{}})",
                                self.double(depth - 1), self.double(depth - 1)),
        ])  # fmt: skip

    def moment(self, depth: int) -> Expression:
        if depth <= 0 or self.draw(st.booleans()):
            return super().moment(depth)
        return self.one([
            lambda: self.called(f"({{}} {self.pick('+-')} {{}})", self.moment(depth - 1), self.span(depth - 1)),
            lambda: self.called("timestamp({})", self.integer(depth - 1)),
            lambda: Expression("now()", None),
        ])  # fmt: skip

    def span(self, depth: int) -> Expression:
        """A duration."""
        literal = Expression(f'duration("{self.pick(_SPANS)}")', None)
        if depth <= 0 or self.draw(st.booleans()):
            return literal
        return self.one([
            lambda: self.called("({} - {})", self.moment(depth - 1), self.moment(depth - 1)),
            lambda: self.called(f"({{}} {self.pick('+-')} {{}})", self.span(depth - 1), self.span(depth - 1)),
        ])  # fmt: skip

    def pick_kind(self) -> Type:
        """A type of elements."""
        return self.draw(st.sampled_from((STRING, INT, INT64, DOUBLE, BOOL, TIMESTAMP)))

    def made(self, kind: Type) -> Maker:
        """What makes values of a type."""
        makers: dict[Type, Maker] = {STRING: self.string, INT: self.small, INT64: self.integer, DOUBLE: self.double,
                                     BOOL: self.boolean, TIMESTAMP: self.moment}  # fmt: skip
        return makers[kind]

    def listed(self, kind: Type, depth: int) -> Expression:
        """A list, stored or made."""
        if depth <= 0 or len(self.names) > 1 or self.draw(st.booleans()):
            return self.path(ListType(kind))
        inner = depth - 1
        source = self.pick_kind()
        options = [
            lambda: self.of_each(".filter({e}, {body})", kind, BOOL, inner),
            lambda: self.of_each(".map({e}, {body})", source, kind, inner),
            lambda: self.of_each(".transformList(p, {e}, {body})", source, kind, inner),
        ]
        if kind is STRING:
            options.append(lambda: self.called("{}.split({})", self.string(inner), self.string(inner)))
        return self.one(options)

    def of_each(self, template: str, source: Type, result: Type, depth: int) -> Expression:
        """A macro over a list of `source`, whose body is a `result`."""
        container = self.listed(source, depth)
        name = f"e{len(self.names)}"
        self.names.append((name, source))
        if "(p, " in template:
            self.names.append(("p", INT))
        body = self.made(result)(depth)
        self.names = self.names[: -2 if "(p, " in template else -1]
        return Expression(container.text + template.format(e=name, body=body.text), None)

    def macro(self, depth: int) -> Expression:
        if len(self.names) > 2:
            return self.negation(depth)
        name = self.pick(("exists", "all", "exists_one", "existsOne"))
        places = "p, " if self.draw(st.integers(0, 3)) == 0 and name != "exists_one" else ""
        return self.of_each(f".{name}({places}{{e}}, {{body}})", self.pick_kind(), BOOL, depth - 1)

    def boolean(self, depth: int) -> Expression:
        if depth <= 0 or self.draw(st.integers(0, 2)) == 0:
            return super().boolean(depth)
        inner = depth - 1
        kind = self.pick_kind()
        return self.one([
            lambda: self.called(f"{{}}.matches('{self.pick(_PATTERNS)}')", self.string(inner)),
            lambda: self.called("({} in {})", self.made(kind)(inner), self.listed(kind, inner)),
            lambda: self.called("bool({})", self.string(inner)),
            lambda: self.called(f"math.{self.pick(('isNaN', 'isInf', 'isFinite'))}({{}})", self.double(inner)),
            lambda: self.called(f"({{}} {self.pick(('==', '<', '>='))} {{}})", self.span(inner), self.span(inner)),
            lambda: self.macro(depth),
            lambda: self.called(f"({{}} {self.pick(('==', '<', '!='))} {{}})",
                                self.made(kind)(inner), self.made(kind)(inner)),
        ])  # fmt: skip


@st.composite
def calls(draw: st.DrawFn, depth: int = 3) -> str:
    """A random rule of calls."""
    return CallWriter(draw).boolean(depth).text


def compiled(rules: list[str]) -> list[Typed]:
    """The rules that both databases can be asked, as trees."""
    trees: list[Typed] = []
    for rule in rules:
        try:
            tree = check(parse(rule), ENVIRONMENT)
            for dialect in (SQLITE, POSTGRES):
                to_sql(tree, dialect, column, is_exact=True)
        except CelError as error:
            note(f"refused: {error}")
        else:
            trees.append(tree)
    return trees
