"""From tokens to a tree: an operator-precedence parser (the language's specification, "Syntax": grammar)."""

from __future__ import annotations

from hinterland.kit.cel import lexer
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.lexer import Lexeme
from hinterland.kit.cel.tree import FieldAccess, FunctionCall, Index, Literal, Name, Node, Sequence

MAX_DEPTH = 64
"""How deep brackets and operators may be nested."""

_TERNARY, _OR, _AND, _RELATION, _UNARY = 1, 2, 3, 4, 7
_BINARY = {
    "?": _TERNARY, "||": _OR, "&&": _AND,
    "==": _RELATION, "!=": _RELATION, "<": _RELATION, "<=": _RELATION, ">": _RELATION, ">=": _RELATION, "in": _RELATION,
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "namespace",
    "package", "return", "var", "void", "while",
})  # fmt: skip
_OTHER_LANGUAGES = {
    "and": 'use "&&"', "or": 'use "||"', "not": 'use "!"', "is": 'use "=="', "AND": 'use "&&"', "OR": 'use "||"',
    "NOT": 'use "!"', "IN": 'use "in"', "between": 'use "a <= x && x <= b"',
    "LIKE": "use contains(), startsWith() or endsWith()", "like": "use contains(), startsWith() or endsWith()",
}  # fmt: skip


def parse(source: str) -> Node:
    """The tree of an expression; ``CelError`` says where and why it is none.

    At most 8,192 characters and 64 levels deep. A chain of ``&&`` or of ``||`` is one level, however long.
    """
    parser = _Parser(source)
    node = parser.expression(0, 0)
    if parser.token.kind != lexer.END:
        raise parser.unexpected("an operator or the end")
    return node


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = lexer.tokens(source)
        self.position = 0
        self.token = self.tokens[0]
        self.heights: dict[Node, int] = {}
        self.grouped: set[Node] = set()

    # ------------------------------------------------------------------ tokens

    def advance(self) -> Lexeme:
        token = self.token
        self.position += 1
        self.token = self.tokens[min(self.position, len(self.tokens) - 1)]
        return token

    def is_at(self, sign: str) -> bool:
        return self.token.kind == lexer.SIGN and self.token.value == sign

    def expect(self, sign: str, opened: Lexeme | None = None) -> Lexeme:
        if not self.is_at(sign):
            if opened is not None and self.token.kind == lexer.END:
                raise CelError(f'this "{opened.value}" is never closed', self.source, opened.start, opened.end)
            raise self.unexpected(f'"{sign}"')
        return self.advance()

    def unexpected(self, wanted: str) -> CelError:
        token = self.token
        if token.kind == lexer.END:
            if not self.source.strip():
                return CelError("the expression is empty", self.source, 0, hint='write "true" to allow everybody')
            return CelError(f"the expression ends where {wanted} should follow", self.source, token.start)
        text = self.source[token.start : token.end]
        hint = "write a.contains(b)" if text == "contains" else _OTHER_LANGUAGES.get(text, "")
        return CelError(f'unexpected "{text}"; expected {wanted}', self.source, token.start, token.end, hint)

    # ------------------------------------------------------------------ nodes

    def made(self, node: Node) -> Node:
        """Note how deep the finished node is, and refuse it if too deep."""
        height = 1 + max((self.heights[part] for part in node.parts()), default=0)
        self.heights[node] = height
        if height > MAX_DEPTH:
            raise self.too_deep(node.start, node.end)
        return node

    def too_deep(self, start: int, end: int) -> CelError:
        hint = "split it, or write a chain of + as fewer parts"
        return CelError(f"the expression is nested deeper than {MAX_DEPTH} levels", self.source, start, end, hint)

    def expression(self, power: int, depth: int) -> Node:
        """An expression whose operators bind stronger than ``power``."""
        if depth > MAX_DEPTH:
            raise self.too_deep(self.token.start, self.token.end)
        left = self.prefix(depth)
        while (strength := self.strength()) > power:
            left = self.infix(left, strength, depth)
        return left

    def strength(self) -> int:
        token = self.token
        if token.kind == lexer.SIGN or (token.kind == lexer.NAME and token.value == "in"):
            return _BINARY.get(str(token.value), 0)
        return 0

    def infix(self, left: Node, strength: int, depth: int) -> Node:
        operator = str(self.advance().value)
        if operator == "?":
            return self.ternary(left, depth)
        if operator in ("&&", "||"):
            return self.chain(left, operator, strength, depth)
        right = self.expression(strength, depth + 1)
        is_relation = isinstance(left, FunctionCall) and _BINARY.get(left.function) == _RELATION
        if strength == _RELATION and is_relation and left not in self.grouped:
            hint = 'join two comparisons with "&&"'
            raise CelError("comparisons cannot be chained", self.source, left.start, right.end, hint)
        return self.made(FunctionCall(self.source, left.start, right.end, operator, (left, right)))

    def ternary(self, condition: Node, depth: int) -> Node:
        then = self.expression(0, depth + 1)
        self.expect(":")
        otherwise = self.expression(0, depth + 1)
        return self.made(FunctionCall(self.source, condition.start, otherwise.end, "?:", (condition, then, otherwise)))

    def chain(self, left: Node, operator: str, strength: int, depth: int) -> Node:
        terms = [left, self.expression(strength, depth + 1)]
        while self.is_at(operator):
            self.advance()
            terms.append(self.expression(strength, depth + 1))
        return self.made(FunctionCall(self.source, left.start, terms[-1].end, operator, tuple(terms)))

    def prefix(self, depth: int) -> Node:
        token = self.token
        if token.kind != lexer.SIGN or token.value not in ("!", "-"):
            return self.member(depth)
        self.advance()
        if token.value == "-" and self.token.kind in (lexer.INTEGER, lexer.DOUBLE):
            return self.negative(token, depth)
        operand = self.expression(_UNARY, depth + 1)
        return self.made(FunctionCall(self.source, token.start, operand.end, f"{token.value}_", (operand,)))

    def negative(self, minus: Lexeme, depth: int) -> Node:
        """A negative number is one literal, so that the lowest 64-bit integer can be written."""
        number = self.token
        sign = -1 if isinstance(number.value, int | float) else 1
        self.token = Lexeme(number.kind, sign * number.value, minus.start, number.end)  # type: ignore[operator]
        return self.member(depth)

    def member(self, depth: int) -> Node:
        node = self.primary(depth)
        while self.token.kind == lexer.SIGN and self.token.value in (".", "["):
            opened = self.advance()
            node = self.select(node, depth) if opened.value == "." else self.index(node, opened, depth)
        return node

    def select(self, operand: Node, depth: int) -> Node:
        token = self.token
        if token.kind != lexer.NAME or token.value in ("in", *_CONSTANTS):
            raise self.unexpected("the name of a field")
        self.advance()
        if not self.is_at("("):
            return self.made(FieldAccess(self.source, operand.start, token.end, operand, str(token.value)))
        arguments, end = self.arguments(")", depth)
        call = FunctionCall(self.source, operand.start, end, str(token.value), (operand, *arguments), is_method=True)
        return self.made(call)

    def index(self, operand: Node, opened: Lexeme, depth: int) -> Node:
        index = self.expression(0, depth + 1)
        end = self.expect("]", opened).end
        return self.made(Index(self.source, operand.start, end, operand, index))

    def arguments(self, closing: str, depth: int) -> tuple[list[Node], int]:
        """The expressions between an opening sign (the current token) and ``closing``, and where that ends."""
        opened = self.advance()
        items: list[Node] = []
        while not self.is_at(closing):
            items.append(self.expression(0, depth + 1))
            if not self.is_at(closing):
                if not self.is_at(","):
                    self.expect(closing, opened)
                self.advance()
        return items, self.advance().end

    def primary(self, depth: int) -> Node:
        token = self.token
        if token.kind == lexer.NAME:
            return self.name(depth)
        if token.kind in (lexer.INTEGER, lexer.UNSIGNED, lexer.DOUBLE, lexer.TEXT, lexer.BYTES):
            return self.literal(token)
        if self.is_at("("):
            return self.group(depth)
        if self.is_at("["):
            items, end = self.arguments("]", depth)
            return self.made(Sequence(self.source, token.start, end, tuple(items)))
        if self.is_at("{"):
            hint = "compare the fields one by one"
            raise CelError("maps cannot be written in an expression", self.source, token.start, token.end, hint)
        raise self.unexpected("a value")

    def group(self, depth: int) -> Node:
        opened = self.advance()
        inner = self.expression(0, depth + 1)
        closed = self.expect(")", opened)
        inner.start, inner.end = opened.start, closed.end
        self.grouped.add(inner)
        return inner

    def literal(self, token: Lexeme) -> Node:
        self.advance()
        if token.kind == lexer.INTEGER and not -(2**63) <= int(str(token.value)) < 2**63:
            raise CelError("this number is too big for a 64-bit integer", self.source, token.start, token.end)
        if token.kind == lexer.UNSIGNED and int(str(token.value)) >= 2**64:
            raise CelError("this number is too big for an unsigned 64-bit integer", self.source, token.start, token.end)
        kind = {lexer.INTEGER: "int", lexer.TEXT: "string"}.get(token.kind, token.kind)
        return self.made(Literal(self.source, token.start, token.end, kind, token.value))

    def name(self, depth: int) -> Node:
        token = self.advance()
        name = str(token.value)
        if name in _CONSTANTS:
            kind = "null" if name == "null" else "bool"
            return self.made(Literal(self.source, token.start, token.end, kind, _CONSTANTS[name]))
        if name in _RESERVED or name in _OTHER_LANGUAGES or name == "in":
            hint = _OTHER_LANGUAGES.get(name, "")
            raise CelError(f'"{name}" cannot stand here', self.source, token.start, token.end, hint)
        if not self.is_at("("):
            return self.made(Name(self.source, token.start, token.end, name))
        arguments, end = self.arguments(")", depth)
        return self.made(FunctionCall(self.source, token.start, end, name, tuple(arguments)))
