"""Reading a GraphQL document (§2 of its specification), as far as a client must: what each operation selects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from hinterland.client.errors import BadRequest

OperationKind = Literal["query", "mutation", "subscription"]
_KINDS: tuple[OperationKind, ...] = ("query", "mutation", "subscription")
_TOKEN = re.compile(
    r'(?P<skip>[\s,\ufeff]+|#[^\n\r]*)|(?P<block>"""(?:\\"""|[^"]|"(?!""))*""")|(?P<text>"(?:\\.|[^"\\\n\r])*")'
    r"|(?P<float>-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+))|(?P<int>-?(?:0|[1-9]\d*))"
    r"|(?P<name>[_A-Za-z]\w*)|(?P<mark>\.\.\.|[!$&()\[\]:=@{|}])"
)
_TYPENAME = "__typename"


class _Variable(NamedTuple):
    name: str


class SelectedField(NamedTuple):
    """A field that is selected, as `key` in the result. `selections` is None for a value without parts."""

    key: str
    name: str
    arguments: tuple[tuple[str, Any], ...]
    directives: tuple[tuple[str, Any], ...]
    selections: tuple[Any, ...] | None


class SelectedPart(NamedTuple):
    """Fields of a fragment, in its place (`name` is "") or by its name. `on` is the type that it is for; "": any."""

    name: str
    on: str
    directives: tuple[tuple[str, Any], ...]
    selections: tuple[Any, ...]


class GraphQLOperation(NamedTuple):
    """An operation of a document; `defaults` are those of its variables."""

    kind: OperationKind
    name: str
    defaults: dict[str, Any]
    selections: tuple[Any, ...]


class GraphQLDocument(NamedTuple):
    """A document. `text` asks for `__typename` in each object, so that its record can be recognised."""

    text: str
    operations: tuple[GraphQLOperation, ...]
    fragments: dict[str, SelectedPart]

    def operation(self, name: str = "") -> GraphQLOperation:
        """The operation of this name, or the only one. Raises BadRequest."""
        found = [each for each in self.operations if each.name == name or not name]
        if len(found) != 1:
            names = ", ".join(each.name or "one without a name" for each in self.operations) or "none"
            which = f"the document has no operation {name!r}" if name else "which operation to run is not known"
            raise BadRequest(f"{which}; give operation= the name of one: {names}", sent="no")
        return found[0]


@lru_cache(maxsize=512)
def parsed(text: str) -> GraphQLDocument:
    """The document of a text. Raises BadRequest."""
    reader = _DocumentReader(text)
    operations: list[GraphQLOperation] = []
    fragments: dict[str, SelectedPart] = {}
    while not reader.is_at_end:
        if reader.word == "fragment":
            fragment = reader.fragment()
            fragments[fragment.name] = fragment
        else:
            operations.append(reader.operation())
    return GraphQLDocument(reader.with_typenames(), tuple(operations), fragments)


def resolved(value: Any, variables: Mapping[str, Any]) -> Any:
    """The value of an argument; a variable without one is `msgspec.UNSET`, and left out of objects."""
    if isinstance(value, _Variable):
        return variables.get(value.name, msgspec.UNSET)
    if isinstance(value, list):
        items = [resolved(item, variables) for item in value]
        return [None if item is msgspec.UNSET else item for item in items]
    if isinstance(value, dict):
        members = {name: resolved(item, variables) for name, item in value.items()}
        return {name: item for name, item in members.items() if item is not msgspec.UNSET}
    return value


class _DocumentReader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), ("end", "", len(text))]
        self._at = 0
        self._inserted: list[int] = []

    @property
    def is_at_end(self) -> bool:
        return self._tokens[self._at][0] == "end"

    @property
    def word(self) -> str:
        """The token that comes next."""
        return self._tokens[self._at][1]

    def with_typenames(self) -> str:
        pieces, last = [], 0
        for place in sorted(self._inserted):
            pieces += [self._text[last:place], f"{_TYPENAME} "]
            last = place
        return "".join([*pieces, self._text[last:]])

    def operation(self) -> GraphQLOperation:
        kind: OperationKind = "query"
        name, defaults = "", {}
        if self.word != "{":
            named = self._name()
            if named not in _KINDS:
                raise self._wrong()
            kind = named
            name = self._name() if self._tokens[self._at][0] == "name" else ""
            defaults = self._defaults() if self.word == "(" else {}
            self._directives()
        return GraphQLOperation(kind, name, defaults, self._selections())

    def fragment(self) -> SelectedPart:
        self._take("fragment")
        name = self._name()
        self._take("on")
        on = self._name()
        return SelectedPart(name, on, self._directives(), self._selections())

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {}
        self._take("(")
        while self.word != ")":
            self._take("$")
            name = self._name()
            self._take(":")
            self._type()
            if self.word == "=":
                self._take("=")
                defaults[name] = self._value()
            self._directives()
        self._take(")")
        return defaults

    def _type(self) -> None:
        if self.word == "[":
            self._take("[")
            self._type()
            self._take("]")
        else:
            self._name()
        if self.word == "!":
            self._take("!")

    def _selections(self) -> tuple[Any, ...]:
        self._take("{")
        found: list[Any] = []
        while self.word != "}":
            found.append(self._part() if self.word == "..." else self._field())
        self._take("}")
        return tuple(found)

    def _field(self) -> SelectedField:
        name = key = self._name()
        if self.word == ":":
            self._take(":")
            name = self._name()
        arguments = self._arguments() if self.word == "(" else ()
        directives = self._directives()
        selections: tuple[Any, ...] | None = None
        if self.word == "{":
            place = self._tokens[self._at][2] + 1
            selections = self._selections()
            if not any(isinstance(each, SelectedField) and each.key == _TYPENAME for each in selections):
                self._inserted.append(place)
                selections = (SelectedField(_TYPENAME, _TYPENAME, (), (), None), *selections)
        return SelectedField(key, name, arguments, directives, selections)

    def _part(self) -> SelectedPart:
        self._take("...")
        name = on = ""
        if self.word == "on":
            self._take("on")
            on = self._name()
        elif self._tokens[self._at][0] == "name":
            name = self._name()
        directives = self._directives()
        return SelectedPart(name, on, directives, () if name else self._selections())

    def _directives(self) -> tuple[tuple[str, Any], ...]:
        found: list[tuple[str, Any]] = []
        while self.word == "@":
            self._take("@")
            name = self._name()
            found.append((name, dict(self._arguments()) if self.word == "(" else {}))
        return tuple(found)

    def _arguments(self) -> tuple[tuple[str, Any], ...]:
        self._take("(")
        found: list[tuple[str, Any]] = []
        while self.word != ")":
            name = self._name()
            self._take(":")
            found.append((name, self._value()))
        self._take(")")
        return tuple(found)

    def _value(self) -> Any:
        kind, word, _ = self._tokens[self._at]
        if word == "$":
            self._take("$")
            return _Variable(self._name())
        if word == "[":
            return self._list()
        if word == "{":
            return self._object()
        if kind == "mark" or kind == "end":
            raise self._wrong()
        self._at += 1
        return _literal(kind, word)

    def _list(self) -> list[Any]:
        self._take("[")
        items: list[Any] = []
        while self.word != "]":
            items.append(self._value())
        self._take("]")
        return items

    def _object(self) -> dict[str, Any]:
        self._take("{")
        members: dict[str, Any] = {}
        while self.word != "}":
            name = self._name()
            self._take(":")
            members[name] = self._value()
        self._take("}")
        return members

    def _name(self) -> str:
        kind, word, _ = self._tokens[self._at]
        if kind != "name":
            raise self._wrong()
        self._at += 1
        return word

    def _take(self, word: str) -> None:
        if self.word != word:
            raise self._wrong()
        self._at += 1

    def _wrong(self) -> BadRequest:
        _, word, place = self._tokens[self._at]
        if not word:
            return BadRequest("the document ends too early; close what is open, such as { or (", sent="no")
        return BadRequest(f"the document is wrong at character {place}, {word!r}; correct its syntax", sent="no")


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            message = f"the document is wrong at character {at}, {text[at]!r}; correct its syntax"
            raise BadRequest(message, sent="no")
        if match.lastgroup != "skip":
            found.append((match.lastgroup or "", match[0], at))
        at = match.end()
    return found


def _literal(kind: str, word: str) -> Any:
    """The value of a token; that of an enumeration is its name, as a variable has it."""
    match kind:
        case "int":
            return int(word)
        case "float":
            number = float(word)
            return int(number) if number.is_integer() else number
        case "text":
            return msgspec.json.decode(word)
        case "block":
            return _block(word[3:-3].replace('\\"""', '"""'))
        case _:
            return {"true": True, "false": False, "null": None}.get(word, word)


def _block(text: str) -> str:
    """The value of a block string (§2.9.4): without its common indentation and empty lines around it."""
    lines = re.split(r"\r\n|\n|\r", text)
    indents = [len(line) - len(line.lstrip(" \t")) for line in lines[1:] if line.strip(" \t")]
    common = min(indents, default=0)
    lines = [lines[0], *[line[common:] for line in lines[1:]]]
    while lines and not lines[0].strip(" \t"):
        lines.pop(0)
    while lines and not lines[-1].strip(" \t"):
        lines.pop()
    return "\n".join(lines)
