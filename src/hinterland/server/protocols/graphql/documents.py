"""Documents: parsed and validated once for each version of the schema, and kept by their digest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping

from hinterland.server.protocols.graphql.fixed import FixedParts
from hinterland.server.protocols.graphql.hints import hinted
from hinterland.server.protocols.graphql.trusted import digest_of

overlapping.MAX_COMPLEXITY_BUDGET = 50_000  # comparisons of fields with one key, of a document: a tenth of a second
_T = TypeVar("_T")
_KEPT = 1_000
_KEPT_TOKENS = 200_000  # of all documents that are kept: each takes some 350 bytes of memory
_REGISTERED = 10_000
_REGISTERED_CHARACTERS = 8 * 1024 * 1024
_REPEATED = 30  # fields of one selection that have the key of another
_TEXTS = (TokenKind.STRING, TokenKind.BLOCK_STRING)
_INTROSPECTION = frozenset({"__schema", "__type"})
_INCREMENTAL = frozenset({f"Unknown directive '@{name}'." for name in ("defer", "stream")})


class PlannedDocument(NamedTuple):
    """A document that can be carried out, or what is wrong with it. `encoders` are those of its subscriptions that are
    in use, by the operation's name and the variables as JSON; `fixed`: what of it depends on no variable; `text`: as it
    was sent; `introspection`: the first field of it that asks for the schema, wherever that is; `tokens`: how many
    words and marks it has."""

    operations: Mapping[str, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]
    errors: tuple[GraphQLError, ...]
    encoders: WeakValueDictionary[tuple[str, bytes], Any]
    fixed: FixedParts
    text: str = ""
    introspection: FieldNode | None = None
    tokens: int = 0


class Documents:
    """Reads documents of at most `tokens` words, nested at most `depth` deep."""

    def __init__(self, *, tokens: int, depth: int) -> None:
        self._tokens = tokens
        self._depth = depth
        self._schema: GraphQLSchema | None = None
        self._kept: OrderedDict[str, PlannedDocument] = OrderedDict()
        self._kept_tokens = 0
        self._registered: OrderedDict[str, str] = OrderedDict()

    def known(self, schema: GraphQLSchema, text: str) -> PlannedDocument | None:
        """The document of a text that was read before."""
        if schema is not self._schema:
            self._schema, self._kept_tokens = schema, 0
            self._kept.clear()
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
        return known

    def registered(self, digest: str) -> str | None:
        """The text that was sent with this SHA-256 before (automatic persisted queries)."""
        return self._registered.get(digest)

    def register(self, digest: str, text: str) -> bool:
        """Remember a text by its SHA-256 in hexadecimal digits; whether it is that of the text."""
        if digest_of(text) != digest:
            return False
        self._registered[digest] = text
        while len(self._registered) > _REGISTERED or sum(map(len, self._registered.values())) > _REGISTERED_CHARACTERS:
            self._registered.popitem(last=False)
        return True

    def keep(self, schema: GraphQLSchema, made: PlannedDocument) -> None:
        """Remember a document of this schema, unless something is wrong with it."""
        if made.errors or schema is not self._schema or made.text in self._kept:
            return
        self._kept[made.text] = made
        self._kept_tokens += made.tokens
        while len(self._kept) > 1 and (len(self._kept) > _KEPT or self._kept_tokens > _KEPT_TOKENS):
            _, old = self._kept.popitem(last=False)
            self._kept_tokens -= old.tokens

    def made(self, schema: GraphQLSchema, text: str, *, sees_schema: bool) -> PlannedDocument:
        """The document of a text, read anew; in any thread. `sees_schema`: its errors may have names of the schema that
        it does not have."""
        try:
            node = parse(text, max_tokens=self._tokens)
        except (GraphQLError, RecursionError) as error:
            return _wrong(error if isinstance(error, GraphQLError) else GraphQLError("the document is nested too deep"))
        operations = {each.name.value if each.name else "": each for each in _of(node, OperationDefinitionNode)}
        fragments = {each.name.value: each for each in _of(node, FragmentDefinitionNode)}
        depth = _Depth(fragments, self._depth)
        try:
            problem = depth.problem(operations) or _nul(node, text)
            errors = [problem] if problem is not None else self._validated(schema, node, sees_schema=sees_schema)
        except RecursionError:
            errors = [GraphQLError("the document is nested too deep")]
        found = (FixedParts(fragments), text, depth.introspection, node.token_count or 0)
        return PlannedDocument(operations, fragments, tuple(errors), WeakValueDictionary(), *found)

    def _validated(self, schema: GraphQLSchema, node: DocumentNode, *, sees_schema: bool) -> list[GraphQLError]:
        found = validate(schema, node, specified_rules, max_errors=20, hide_suggestions=not sees_schema)
        for error in found:
            if error.message in _INCREMENTAL:
                error.message = (
                    f"{error.message[:-1]}; a response comes as a whole: leave it out, or ask in two requests"
                )
        return [hinted(schema, error) for error in found] if sees_schema else found


def _nul(node: DocumentNode, text: str) -> GraphQLError | None:
    """What is wrong with a document that has a text with the character NUL, which no database of ours stores."""
    assert node.loc is not None
    token = node.loc.start_token if "\\u" in text or "\0" in text else None
    while token is not None:
        if token.kind in _TEXTS and "\0" in (token.value or ""):
            return GraphQLError(
                "a text holds the character NUL (U+0000)", source=node.loc.source, positions=[token.start]
            )
        token = token.next
    return None


def _of(node: DocumentNode, kind: type[_T]) -> list[_T]:
    return [each for each in node.definitions if isinstance(each, kind)]


def _wrong(error: GraphQLError) -> PlannedDocument:
    return PlannedDocument({}, {}, (error,), WeakValueDictionary(), FixedParts({}))


class _Depth:
    """Looks for what is nested too deep, or repeated too often, before anything walks through it, and for
    `introspection`, wherever it is."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], most: int) -> None:
        self.introspection: FieldNode | None = None
        self._fragments = fragments
        self._most = most
        self._depths: dict[str, int] = {}
        self._refused: GraphQLError | None = None

    def problem(self, operations: Mapping[str, OperationDefinitionNode]) -> GraphQLError | None:
        """What is wrong; None where nothing is."""
        for operation in operations.values():
            for node in operation.selection_set.selections:
                depth = self._node(node, ())
                is_introspection = isinstance(node, FieldNode) and node.name.value in _INTROSPECTION
                if depth > self._most and not is_introspection:
                    return GraphQLError(f"the document is nested {depth} levels deep; {self._most} are allowed", node)
            self._check_repeated(operation.selection_set)
        return self._refused

    def _set(self, selected: SelectionSetNode, above: tuple[str, ...]) -> int:
        self._check_repeated(selected)
        return max([self._node(node, above) for node in selected.selections], default=0)

    def _check_repeated(self, selected: SelectionSetNode) -> None:
        """Each pair of fields with one key is compared with each other."""
        keys = [each.alias or each.name for each in selected.selections if isinstance(each, FieldNode)]
        if len(keys) > _REPEATED and len(keys) - len({key.value for key in keys}) > _REPEATED:
            self._refused = self._refused or GraphQLError("the document repeats fields; select each once", selected)

    def _node(self, node: object, above: tuple[str, ...]) -> int:
        if isinstance(node, FieldNode):
            if node.name.value in _INTROSPECTION:
                self.introspection = self.introspection or node
            return 1 + (self._set(node.selection_set, above) if node.selection_set else 0)
        if isinstance(node, InlineFragmentNode):
            return self._set(node.selection_set, above)
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in above or name not in self._fragments:
                return 0  # which the validation refuses
            if name not in self._depths:
                self._depths[name] = self._set(self._fragments[name].selection_set, (*above, name))
            return self._depths[name]
        return 0
