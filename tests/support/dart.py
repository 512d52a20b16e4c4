"""The Dart code of a page, parsed: where its syntax is wrong, which requests it sends, and which names it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import tree_sitter_dart_orchard
from tree_sitter import Language, Node, Parser

from tests.support.pages import ROOT

_FENCE = re.compile(r"^```dart\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INTERPOLATION = re.compile(r"\$\{.*\}|\$\w+")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class DartRequest(NamedTuple):
    """A request that the code sends: `{}` in the path is a value, `body` has the names of the body's members."""

    method: str
    path: str
    body: frozenset[str]


def dart_blocks(page: str) -> list[str]:
    """The blocks of Dart of a page."""
    return _FENCE.findall((ROOT / page).read_text())


def parse(code: str) -> Node:
    """The syntax tree of Dart code."""
    return Parser(Language(tree_sitter_dart_orchard.language())).parse(code.encode()).root_node


def walk(node: Node) -> Iterator[Node]:
    """A node, and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def mistakes(code: str) -> list[str]:
    """Each place where the syntax is wrong."""
    return [
        f"line {node.start_point.row + 1}: {source(node)[:60] or f'{node.type} is missing'}"
        for node in walk(parse(code))
        if node.is_error or node.is_missing
    ]


def source(node: Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode()


def value(node: Node) -> str | None:
    """The value of a literal text, with `{}` for what is inserted into it; None: it is not one."""
    return _INTERPOLATION.sub("{}", source(node)[1:-1]) if node.type == "string_literal" else None


def requests(root: Node) -> list[DartRequest]:
    """The requests that are sent: calls with a method and a path, and streams, which are opened with a path."""
    found = []
    for call in (node for node in walk(root) if node.type == "arguments"):
        positional = [value(each.named_children[0]) for each in call.named_children if each.type == "argument"]
        path = positional[1] if len(positional) > 1 else None
        if path is not None and path.startswith("/"):
            method = positional[0] if positional[0] in _METHODS else "GET"
            found.append(DartRequest(str(method), path, frozenset(_body(call))))
    return found


def _body(call: Node) -> list[str]:
    for named in (each for each in call.named_children if each.type == "named_argument"):
        label, given = named.named_children[0], named.named_children[-1]
        if source(label).rstrip(":") == "body":
            return _keys(_definition(given) if given.type == "identifier" else given)
    return []


def _definition(name: Node) -> Node:
    """What a local variable is set to, in the function around its use."""
    scope: Node | None = name
    while scope is not None:
        for node in walk(scope):
            if node.type == "initialized_variable_definition" and source(name) in map(source, node.named_children):
                return node.named_children[-1]
        scope = scope.parent
    raise LookupError(source(name))


def _keys(literal: Node) -> list[str]:
    pairs = (node for node in literal.named_children if node.type == "pair")
    return [str(value(pair.named_children[0])) for pair in pairs]


def members(root: Node) -> set[str]:
    """The names by which members of maps are read or written."""
    found = set()
    for node in walk(root):
        if node.type in ("pair", "index_selector") and node.named_children:
            name = value(node.named_children[0])
            found |= {name} if name is not None else set()
    return found


def compared(root: Node) -> set[str]:
    """The words that values are compared with: by `==`, in a `switch`, or as one of a set."""
    places = ("equality_expression", "constant_pattern", "set_or_map_literal")
    children = [child for node in walk(root) if node.type in places for child in node.named_children]
    return {word for child in children if (word := value(child))}
