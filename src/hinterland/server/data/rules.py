"""A collection's rules, compiled once: as a predicate for one record and as SQL for a list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property, lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from hinterland.contract.expressions import record_type
from hinterland.contract.indexed import limits
from hinterland.contract.records import Collection
from hinterland.contract.schemas import Access
from hinterland.kit.cel import operations
from hinterland.kit.cel.asking import asks_of, collections_of, finding_link
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.conditions import Condition
from hinterland.kit.cel.dialects import POSTGRES, SQLITE, Dialect
from hinterland.kit.cel.metering import is_metered, multiplies, size
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import Predicate, Variables, predicate, read_key
from hinterland.kit.cel.seeking import is_seeking, terms_of
from hinterland.kit.cel.sql import RelatedTable, Sql, Tables, to_sql
from hinterland.kit.cel.typed import (
    Apply,
    Choice,
    Constant,
    Exists,
    HasValue,
    Item,
    Logic,
    Macro,
    Made,
    Member,
    Path,
    Typed,
    reads,
    walk,
)
from hinterland.kit.cel.types import STRING, Environment, ObjectType
from hinterland.server.data.select.ask_statements import AskStatements
from hinterland.server.storage.statements import META_COLUMNS, quote

# The statements of this program carry `?` on both databases; the PostgreSQL driver numbers them.
_POSTGRES = Dialect(
    POSTGRES.operation,
    lambda number, kind: POSTGRES.placeholder(number, kind).replace(f"${number}", "?", 1),
    POSTGRES.bind_list,
    POSTGRES.templates,
    POSTGRES.elements,
    POSTGRES.inside,
    POSTGRES.of_json,
)
_LONG_TEXT = 10_000  # characters: the default limit of a text
ANY_ALIAS = "r0"  # of the outermost level of a statement
DIALECTS = {"sqlite": SQLITE, "postgres": _POSTGRES}


def column(alias: str, name: str) -> str:
    """The column of a field, qualified by the alias of the record's table."""
    return f'{alias}."{META_COLUMNS.get(name, name)}"'


def _operand(alias: str, dialect: Dialect, name: str) -> str:
    """The same in a condition, where "" is the document, which has the fields that are not declared."""
    if name:
        return column(alias, name)
    return f"{alias}._body::jsonb" if dialect is _POSTGRES else f"{alias}._body"


_SIZES = frozenset({operations.TEXT_SIZE, operations.LIST_SIZE})


def _is_costly(part: Typed) -> bool:
    is_inside = isinstance(part, Path) and part.declared is not None and len(part.fields) > part.declared
    is_grown = isinstance(part, Apply) and (part.operation.work is not None or part.operation in _SIZES)
    return isinstance(part, Item | Macro | Made | Member) or is_inside or is_grown


class Halves(NamedTuple):
    """A condition's parts that read the record, as SQL: those that an index answers and the others, each true exactly
    where all of it is; None where there is no such part."""

    sought: Sql | None
    tested: Sql | None


class RuleOperands(NamedTuple):
    """The operands of a rule's outermost `&&`, by what they read."""

    of_record: tuple[Predicate, ...]
    of_auth: tuple[Predicate, ...]
    of_both: tuple[Predicate, ...]


class KnownFields(NamedTuple):
    """The names of fields: those that indexes are over, and those whose texts may be long, which no index is over."""

    indexed: AbstractSet[str]
    long: AbstractSet[str]


class AskedCollection(NamedTuple):
    """What rules need of a collection that they ask: the type of its records, its table, and the fields that begin its
    indexes."""

    type: ObjectType
    table: str
    indexed: AbstractSet[str]


def asked_collection(collection: Collection) -> AskedCollection:
    """What rules need of a collection."""
    first = {names[0] for names in collection.indexes}
    own = {name for name, field in collection.fields.items() if field.index or field.unique}
    key = "parent" if collection.parent else "id"
    return AskedCollection(record_type(collection), quote(collection.name), frozenset({key, *own, *first}))


def tables_of(asked: Mapping[str, AskedCollection], dialect: Dialect) -> Tables:
    """The tables of collections, for the compiler."""
    return lambda name, alias: RelatedTable(asked[name].table, partial(_operand, alias, dialect), asked[name].indexed)


class Rule:
    """One compiled expression. `reads_record`: the record's fields that it reads; `is_true`: it is just `true`;
    `is_costly`: a database's work on one record grows with long texts and lists in it; `asks`: its questions to other
    collections. What a caller's condition has no use for is found when it is first asked for."""

    def __init__(
        self, text: str, tree: Typed, dialect: Dialect, fields: KnownFields, tables: Tables | None = None
    ) -> None:
        self.text = text
        self.tree = tree
        paths = [part for part in walk(tree) if isinstance(part, Path) and part.variable == "record"]
        self.reads_record = frozenset([path.fields[0] if path.fields else "" for path in paths])
        self.needs_document = bool(self.reads_record - META_COLUMNS.keys())
        self.is_true = text.strip() == "true"
        self.is_costly = not self.reads_record.isdisjoint(fields.long) or any(map(_is_costly, walk(tree)))
        self.asks = tuple(asks_of(tree))
        self.dialect = dialect
        self.tables = tables
        self._indexed = fields.indexed
        self._statements: dict[Exists, AskStatements] = {}
        self._whole: dict[str, Sql] = {}
        self._halves: dict[str, Halves] = {}

    @cached_property
    def asked_names(self) -> frozenset[str]:
        """The names of the collections that it asks."""
        return collections_of(self.tree) if self.asks else frozenset()

    def statements(self, ask: Exists) -> AskStatements:
        """The statements of one of its questions, for a record at hand."""
        if ask not in self._statements:
            assert self.tables is not None
            can_lock = self.dialect is _POSTGRES
            self._statements[ask] = AskStatements(ask, self.tables, self.dialect, can_lock=can_lock)
        return self._statements[ask]

    @cached_property
    def reads_clock(self) -> bool:
        """Whether it may become true or false as time goes by, with no change of a record."""
        return NOW in self.tree.variables

    @cached_property
    def reads_auth(self) -> frozenset[str]:
        """What it reads of the caller."""
        return reads(self.tree, "auth")

    @cached_property
    def reads_old(self) -> bool:
        """Whether it reads the record as it was before."""
        return bool(reads(self.tree, "old"))

    @cached_property
    def auth_key(self) -> Callable[[Variables], tuple[object, ...]]:
        """What it reads of the caller, as a key."""
        return read_key(self.tree, "auth")

    @cached_property
    def is_metered(self) -> bool:
        """Whether our work on one record grows with texts and lists in it, and is counted."""
        return is_metered(self.tree)

    @cached_property
    def multiplies(self) -> bool:
        """Whether the work on one record grows with the product of two sizes."""
        return multiplies(self.tree)

    @cached_property
    def is_asked(self) -> bool:
        """Whether the database decides it for one record, since to decode a large one would take longer than to find
        none."""
        return bool(self.asks) or (self.needs_document and not self.multiplies)

    @cached_property
    def size(self) -> int:
        """The number of its parts."""
        return size(self.tree)

    @cached_property
    def test(self) -> Predicate:
        """The expression as a predicate."""
        return predicate(self.tree)

    @cached_property
    def auth_tests(self) -> tuple[Predicate, ...]:
        """Its parts that read nothing of the record: where one is not true, no record is shown."""
        return tuple([predicate(term) for term in terms_of(self.tree) if "record" not in term.variables])

    @cached_property
    def structure(self) -> tuple[Any, ...]:
        """What a statement that it is a condition of depends on: rules of one structure differ only in parameters."""
        texts = [None if half is None else half.text for half in self.halves(ANY_ALIAS)]
        return (*texts, self.reads_record, bool(self.auth_tests))

    def whole(self, alias: str) -> Sql:
        """The condition over the columns of the table that is called `alias`. Raises `CelError` where SQL can't say it
        exactly."""
        if alias not in self._whole:
            self._whole[alias] = self._to_sql(self.tree, alias, is_search=False)
        return self._whole[alias]

    def halves(self, alias: str) -> Halves:
        """What of it is asked of the record in the table that is called `alias`."""
        if alias not in self._halves:
            terms = [term for term in terms_of(self.tree) if "record" in term.variables]
            sought = [term for term in terms if self._is_sought(term)]
            tested = [term for term in terms if term not in sought]
            self._halves[alias] = Halves(self._joined(sought, alias), self._joined(tested, alias))
        return self._halves[alias]

    def _is_sought(self, term: Typed) -> bool:
        """Whether indexes answer a part of it, or each of its branches."""
        if isinstance(term, Logic):
            return all(map(self._is_sought, term.terms))
        return is_seeking(term, self._indexed) or self._is_found(term)

    def _is_found(self, term: Typed) -> bool:
        """Whether it is a question to another collection whose records say by which index those of this one are
        found."""
        if not isinstance(term, Exists) or self.tables is None:
            return False
        link = finding_link(term, "record", self.tables(term.collection, "").indexed)
        return link is not None and link.outer.fields[0] in self._indexed

    def _joined(self, terms: Sequence[Typed], alias: str) -> Sql | None:
        if not terms:
            return None
        tree = terms[0] if len(terms) == 1 else Logic(self.tree.origin, True, tuple(terms))
        return self._to_sql(tree, alias, is_search=True)

    def _to_sql(self, tree: Typed, alias: str, *, is_search: bool) -> Sql:
        resolver = partial(_operand, alias, self.dialect)
        return to_sql(tree, self.dialect, resolver, tables=self.tables, is_search=is_search)

    @cached_property
    def parts(self) -> RuleOperands:
        """The parts of the rule: it is true just where each part is."""
        sorted_terms: tuple[list[Predicate], ...] = ([], [], [])
        for term in terms_of(self.tree):
            reads_record, reads_auth = "record" in term.variables, "auth" in term.variables
            sorted_terms[1 if not reads_record else 2 if reads_auth else 0].append(predicate(term))
        return RuleOperands(*(tuple(tests) for tests in sorted_terms))

    @cached_property
    def is_closed(self) -> bool:
        """Whether the rule denies every caller who is not signed in, which is known without a record."""
        return _is_never_true(self.tree)

    def allows(
        self,
        record: Mapping[str, Any] | None,
        auth: object,
        old: Mapping[str, Any] | None = None,
        *,
        instant: str | None = None,
    ) -> bool:
        """Whether the rule is true; false and error deny. A question to another collection is an error here."""
        return self.test({"record": record, "old": old, "auth": auth, NOW: instant}) is True


class RuleBook:
    """The compiler for one collection's expressions; conditions of callers are kept in a bounded cache. `auth` is the
    caller's type in rules, `shown_auth` in conditions of callers."""

    def __init__(
        self,
        collection: Collection,
        auth: ObjectType,
        shown_auth: ObjectType,
        dialect_name: str,
        asked: Mapping[str, AskedCollection] = MappingProxyType({}),
    ) -> None:
        self._dialect = DIALECTS[dialect_name]
        self._tables = tables_of(asked, self._dialect)
        self.known = KnownFields(_indexed(collection), _long_texts(collection))
        record, old = record_type(collection), record_type(collection, nullable=True)
        types = {name: each.type for name, each in asked.items()}
        variables = {"record": record, "old": old, "auth": auth}
        self._rule, self._rule_of_update = Environment(variables, types, ("old",)), Environment(variables, types)
        self._rules: dict[str, Rule] = {}  # equal ones are asked once
        self._condition = Environment({"record": record, "auth": shown_auth})
        self.kinds = record.fields
        self.condition = lru_cache(maxsize=256)(self._compile_condition)
        """The compiled condition of a key (`kit.cel.conditions`). Raises `CelError`."""

    def rule(self, text: str, *, is_update: bool = False) -> Rule | None:
        """A declared rule; None (administrators only) for an empty one. Raises `CelError`, which suggests `old` for
        updates only."""
        if not text.strip():
            return None
        if text not in self._rules:
            tree = check(parse(text), self._rule_of_update if is_update else self._rule)
            self._rules[text] = Rule(text, tree, self._dialect, self.known, self._tables)
        return self._rules[text]

    def _compile_condition(self, key: tuple[Any, ...]) -> Rule:
        node = Condition(key).node()
        rule = Rule(node.text, check(node, self._condition), self._dialect, self.known)
        rule.halves(ANY_ALIAS)  # what SQL can't say exactly is refused here
        return rule


def _indexed(collection: Collection) -> frozenset[str]:
    """The names of what the collection's indexes are over."""
    names = {name for name, field in collection.fields.items() if field.index or field.unique}
    return frozenset({"id", *names}.union(*collection.indexes))


def access_of(rule: Rule | None) -> Access:
    """Whom a rule lets pass."""
    tree = None if rule is None else rule.tree
    if tree is None or (isinstance(tree, Constant) and tree.value is False):
        return "admin"
    if isinstance(tree, Constant) and tree.value is True:
        return "everybody"
    if isinstance(tree, HasValue) and not tree.is_negated:
        return "signed_in" if tree.path.variable == "auth" and not tree.path.fields else "rule"
    return "rule"


def _long_texts(collection: Collection) -> frozenset[str]:
    short = limits(collection.fields, collection.indexes)
    texts = [(name, field) for name, field in collection.fields.items() if field.type is STRING and name not in short]
    return frozenset(name for name, field in texts if getattr(field, "max_length", _LONG_TEXT + 1) > _LONG_TEXT)


def _is_never_true(tree: Typed) -> bool:
    """Whether the expression is false or an error whenever `auth` is null."""
    if isinstance(tree, Logic):
        return (any if tree.is_and else all)(map(_is_never_true, tree.terms))
    if isinstance(tree, Choice):
        return _is_error(tree.condition) or (_is_never_true(tree.then) and _is_never_true(tree.otherwise))
    if isinstance(tree, HasValue) and _is_auth(tree.path):
        return bool(tree.path.fields) or not tree.is_negated
    if isinstance(tree, Exists):
        return _is_never_true(tree.body)
    return _is_error(tree)


def _is_error(tree: Typed) -> bool:
    """Whether the expression is an error whenever `auth` is null, since a strict part of it reads that."""
    if isinstance(tree, HasValue):
        return _is_auth(tree.path) and bool(tree.path.fields)
    if isinstance(tree, Apply | Item | Member):
        return any(map(_is_error, tree.parts()))
    return _is_auth(tree)


def _is_auth(tree: Typed) -> bool:
    return isinstance(tree, Path) and tree.variable == "auth"
