"""Random expressions, each with the same in words that the oracle understands.

The oracle is cel-python. Where it or we deviate from the other, the oracle's text says what we mean (``None`` where it
has no words for it):

- null and missing are one for us: a field without a value is left out of the oracle's objects, and ``x == null`` is
  ``!has(x)`` to it; its ``has(old.x)`` is false where ``old`` is null, which should be an error, and its
  ``old == null`` is an error where ``old`` is an object, so it gets booleans that say which;
- the oracle compares an integer with a double only after a conversion, which is exact for what we let through;
- our double arithmetic answers an error beyond 1e-150 … 1e150 and for a division by zero, which is written out;
- ``int()`` of -2^63 is an error, as the specification's conformance tests want it, and not to the oracle;
- it has no lowerAscii and upperAscii, and writes booleans as "True" and "False";
- it fails over its own message about an error beside an empty list, and its ``a + b`` of strings lacks the methods of
  a string.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hypothesis import note
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, INT, INT64, STRING, TIMESTAMP, ListType, Type
from tests.kit.cel.schema import AUTH_FIELDS, BIG_INTEGERS, DOUBLES, ENVIRONMENT, FIELDS, INTEGERS, STRINGS

_ERROR_BOOL, _ERROR_DOUBLE = "(1 / 0 == 0)", "[0.0][1]"
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_MOMENTS = (
    "2026-01-02T03:04:05Z",
    "2026-01-02T04:04:05.000006+01:00",
    "2026-01-01T23:04:05-04:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
)
_BYTES = {'b""': "", 'b"a"': "YQ==", 'b"\\xff\\xef"': "/+8="}


class Expression(NamedTuple):
    """An expression, and the same for the oracle."""

    text: str
    oracle: str | None


def _join(template: str, *parts: Expression, oracle: str | None = "") -> Expression:
    """A template filled with parts; ``oracle`` is its other template, None if there is none."""
    text = template.format(*(part.text for part in parts))
    words = [part.oracle for part in parts]
    if oracle is None or None in words:
        return Expression(text, None)
    return Expression(text, (oracle or template).format(*words))


def _same(text: str) -> Expression:
    return Expression(text, text)


def quoted(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


class Writer:
    """Writes expressions of a given type; ``draw`` makes the choices."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.local: tuple[str, Type] | None = None

    def one(self, options: Sequence[Callable[[], Expression]]) -> Expression:
        """One of several."""
        return self.draw(st.sampled_from(options))()

    def pick(self, values: Sequence[str]) -> str:
        return self.draw(st.sampled_from(values))

    # ------------------------------------------------------------------ leaves

    def path(self, *kinds: Type) -> Expression:
        """A field of any of the variables, or the variable of the macro around."""
        names = [f"{owner}.{name}" for owner in ("record", "record", "old") for name in FIELDS if FIELDS[name] in kinds]
        names += [f"auth.{name}" for name in AUTH_FIELDS if AUTH_FIELDS[name] in kinds]
        if self.local and self.local[1] in kinds:
            names += [self.local[0]] * len(names)
        return _same(self.pick(names))

    def item(self, kind: Type) -> Expression:
        container = self.path(ListType(kind))
        return _join("{0}[" + self.pick("0001") + "]", container)

    def leaf(self, kind: Type, literal: Callable[[], Expression]) -> list[Callable[[], Expression]]:
        return [literal, *[lambda: self.path(kind)] * 4, lambda: self.item(kind)]

    def choice(self, depth: int, make: Callable[[int], Expression]) -> Expression:
        return _join("({0} ? {1} : {2})", self.boolean(depth - 1), make(depth - 1), make(depth - 1))

    # ------------------------------------------------------------------ types

    def string(self, depth: int) -> Expression:
        options = self.leaf(STRING, lambda: _same(quoted(self.pick(STRINGS))))
        if depth > 0:
            options += [
                lambda: _join(
                    "({0} + {1})", self.string(depth - 1), self.string(depth - 1), oracle="string({0} + {1})"
                ),
                lambda: _join(
                    "{0}." + self.pick(("lowerAscii", "upperAscii")) + "()", self.string(depth - 1), oracle=None
                ),
                lambda: _join("string({0})", self.integer(depth - 1)),
                lambda: _join("string({0})", self.boolean(depth - 1), oracle='({0} ? "true" : "false")'),
                lambda: self.choice(depth, self.string),
            ]
        return self.one(options)

    def small(self, depth: int) -> Expression:
        """An integer that is known to be within ±(2^53-1)."""
        options = self.leaf(INT, lambda: _same(str(self.draw(st.sampled_from(INTEGERS)))))
        if depth > 0:
            options += [
                lambda: _join("size({0})", self.string(depth - 1)),
                lambda: _join("{0}.size()", self.path(ListType(STRING), ListType(INT64), ListType(DOUBLE))),
            ]
        return self.one(options)

    def integer(self, depth: int) -> Expression:
        options = self.leaf(INT64, lambda: _same(str(self.draw(st.sampled_from(BIG_INTEGERS)))))
        options += [lambda: self.small(depth), lambda: self.small(depth)]
        if depth > 0:
            options += [
                lambda: _join("({0} " + self.pick("+-*/%") + " {1})", self.integer(depth - 1), self.integer(depth - 1)),
                lambda: _join("-({0})", self.integer(depth - 1)),
                lambda: _join(
                    "int({0})",
                    self.double(depth - 1),
                    oracle="({0} == -9223372036854775808.0 ? [0][1] : int({0}))",
                ),
                lambda: self.choice(depth, self.integer),
            ]
        return self.one(options)

    def double(self, depth: int) -> Expression:
        options = self.leaf(DOUBLE, lambda: _same(repr(self.draw(st.sampled_from(DOUBLES)))))
        if depth > 0:
            options += [
                lambda: self.double_arithmetic(depth),
                lambda: _join("-({0})", self.double(depth - 1)),
                lambda: _join("double({0})", self.integer(depth - 1)),
                lambda: self.choice(depth, self.double),
            ]
        return self.one(options)

    def factor(self, depth: int) -> Expression:
        literals = [repr(value) for value in DOUBLES if value == 0 or 1e-150 <= abs(value) <= 1e150]
        if self.draw(st.booleans()):
            return _same(self.pick(literals))
        bounded = (
            "(({0} == 0.0 || ({0} >= 1e-150 && {0} <= 1e150) || ({0} >= -1e150 && {0} <= -1e-150))"
            f" ? {{0}} : {_ERROR_DOUBLE})"
        )
        return _join("{0}", self.double(min(depth, 2) - 1), oracle=bounded)

    def double_arithmetic(self, depth: int) -> Expression:
        left, right = self.factor(depth), self.factor(depth)
        if self.draw(st.booleans()):
            return _join("({0} / {1})", left, right, oracle=f"({{1}} == 0.0 ? {_ERROR_DOUBLE} : {{0}} / {{1}})")
        return _join("({0} " + self.pick("+-*") + " {1})", left, right)

    def moment(self, depth: int) -> Expression:
        options = self.leaf(TIMESTAMP, lambda: _same(f'timestamp("{self.pick(_MOMENTS)}")'))
        if depth > 0:
            options.append(lambda: self.choice(depth, self.moment))
        return self.one(options)

    # ------------------------------------------------------------------ booleans

    def boolean(self, depth: int) -> Expression:
        options = self.leaf(BOOL, lambda: _same(self.pick(("true", "false"))))
        options += [self.null_test, self.presence]
        if depth <= 0:
            return self.one(options)
        compound = [
            self.logic, self.logic, self.comparison, self.comparison, self.comparison, self.mixed, self.search,
            self.membership, self.membership, self.written_membership, self.macro, self.negation,
        ]  # fmt: skip
        if self.draw(st.integers(0, 15)) == 15:
            return self.one(options)
        if self.draw(st.integers(0, 15)) == 15:
            return self.choice(depth, self.boolean)
        return self.draw(st.sampled_from(compound))(depth)

    def null_test(self) -> Expression:
        owner, name = self.pick(("record", "old", "auth")), self.pick(list(AUTH_FIELDS))
        operator = self.pick(("==", "!="))
        negation = "!" if operator == "!=" else ""
        if owner != "auth":
            name = self.pick(list(FIELDS))
        if owner != "record" and self.draw(st.booleans()):
            return Expression(f"({owner} {operator} null)", f"{negation}{owner}_is_null")
        negation = "!" if operator == "==" else ""
        has = f"{negation}has({owner}.{name})"
        return Expression(f"({owner}.{name} {operator} null)", f"({owner}_is_null ? {_ERROR_BOOL} : {has})")

    def presence(self) -> Expression:
        owner = self.pick(("record", "old"))
        has = f"has({owner}.{self.pick(list(FIELDS))})"
        return Expression(has, f"({owner}_is_null ? {_ERROR_BOOL} : {has})")

    def negation(self, depth: int) -> Expression:
        return _join("!({0})", self.boolean(depth - 1))

    def logic(self, depth: int) -> Expression:
        terms = [self.boolean(depth - 1) for _ in range(self.draw(st.integers(2, 3)))]
        operator = self.pick((" && ", " || "))
        return _join("(" + operator.join(f"{{{number}}}" for number in range(len(terms))) + ")", *terms)

    def comparison(self, depth: int) -> Expression:
        make = self.draw(
            st.sampled_from([self.string, self.integer, self.double, self.moment, self.boolean, self.blob])
        )
        operators = ("==", "!=") if make == self.blob else _COMPARISONS
        return _join("({0} " + self.pick(operators) + " {1})", make(depth - 1), make(depth - 1))

    def blob(self, depth: int) -> Expression:
        return self.one([lambda: _same(self.pick(list(_BYTES))), lambda: self.path(BYTES)])

    def mixed(self, depth: int) -> Expression:
        """An integer beside a double, in either order."""
        whole, double, operator = self.small(depth - 1), self.double(depth - 1), self.pick(_COMPARISONS)
        if self.draw(st.booleans()):
            return _join(f"({{0}} {operator} {{1}})", whole, double, oracle=f"(double({{0}}) {operator} {{1}})")
        return _join(f"({{1}} {operator} {{0}})", whole, double, oracle=f"({{1}} {operator} double({{0}}))")

    def search(self, depth: int) -> Expression:
        method = self.pick(("contains", "startsWith", "endsWith"))
        return _join(f"{{0}}.{method}({{1}})", self.string(depth - 1), self.string(depth - 1))

    def element(self, depth: int) -> tuple[Type, Callable[[int], Expression]]:
        return self.draw(
            st.sampled_from([(STRING, self.string), (INT, self.integer), (INT64, self.integer), (DOUBLE, self.double),
                             (BOOL, self.boolean), (TIMESTAMP, self.moment)])
        )  # fmt: skip

    def membership(self, depth: int) -> Expression:
        kind, make = self.element(depth)
        return _join("({0} in {1})", make(depth - 1), self.path(ListType(kind)))

    def written_membership(self, depth: int) -> Expression:
        _, make = self.element(depth)
        items = [make(depth - 1) for _ in range(self.draw(st.integers(0, 3)))]
        if not items:
            return _join("({0} in [])", make(depth - 1), oracle="({0} != {0})")
        written = ", ".join(f"{{{number + 1}}}" for number in range(len(items)))
        return _join(f"({{0}} in [{written}])", make(depth - 1), *items)

    def macro(self, depth: int) -> Expression:
        if self.local is not None:
            return self.negation(depth)
        kind, _ = self.element(depth)
        container = self.path(ListType(kind))
        if kind is STRING and self.draw(st.booleans()):
            container = _same(f"[{quoted(self.pick(STRINGS))}, {quoted(self.pick(STRINGS))}]")
        if kind is INT64 and self.draw(st.booleans()):
            container = _same(f"[{self.draw(st.sampled_from(BIG_INTEGERS))}, 9007199254740993]")
        self.local = ("e", kind)
        body = self.boolean(depth - 1)
        self.local = None
        return _join(f"{{0}}.{self.pick(('exists', 'all'))}(e, {{1}})", container, body)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Expression:
    """A random rule."""
    return Writer(draw).boolean(depth)


def checked(rules: list[Expression]) -> list[tuple[Expression, Typed]]:
    """The rules that can be exact, with their trees."""
    trees = []
    for rule in rules:
        try:
            trees.append((rule, check(parse(rule.text), ENVIRONMENT)))
        except CelError as error:
            note(f"refused: {error}")
    return trees
