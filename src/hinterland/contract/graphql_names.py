"""The names that a collection has in GraphQL: known without its library, so that two with one name are refused where
they are declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from hinterland.contract.naming import plural, type_name
from hinterland.kit.cel.types import ListType, ObjectType, Type

if TYPE_CHECKING:
    from hinterland.contract.kinds.field import Field
    from hinterland.contract.records import Collection

NAME = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")
_TYPE_NAME = re.compile(r"[A-Z][0-9A-Za-z]{0,62}")
_LITERALS = frozenset({"true", "false", "null"})
_SCALARS = ("ID", "String", "Int", "Float", "Boolean", "Integer", "BigInt", "DateTime", "Bytes", "JSON")
RESERVED = {
    "type": frozenset(
        {
            "Query", "Mutation", "Subscription", "Node", "PageInfo", "ChangeKind", "Session", "AnyRecord", "BatchWrite",
            "BatchResult", "BatchWriteResult", "BulkResult", "LeftOutRow", *_SCALARS,
            *[f"{scalar}Filter" for scalar in _SCALARS],
        }
    ),
    "query": frozenset({"node", "me"}),
    "mutation": frozenset({"batch", "signUp", "logIn", "refresh", "logOut"}),
    "subscription": frozenset[str](),
}  # fmt: skip
"""The names of what is in every schema, by where they stand: among the types, or the fields of an operation."""
_OF_TYPES = (
    "", "Edge", "Connection", "Where", "Sort", "Aggregate", "Group", "GroupBy", "Change", "Input", "Patch", "Unique",
)  # fmt: skip
_OF_MUTATIONS = ("create", "update", "replace", "delete", "upsert")


class GraphQLNames(NamedTuple):
    """The type of a collection's records, and the field of those that are several: `Post` and `posts`."""

    type: str
    many: str

    @property
    def one(self) -> str:
        """The field of one record: `post`."""
        return self.type[0].lower() + self.type[1:]

    @property
    def lists(self) -> str:
        """The field of a list, which is called otherwise than one record."""
        return f"{self.many}List" if self.many == self.one else self.many

    @property
    def parent(self) -> str:
        """The argument that names the record below which others are: `postId`."""
        return f"{self.one}Id"


class GraphQLClaim(NamedTuple):
    """A `name` that something declared has, `where` names must differ."""

    where: str
    name: str
    of: str


def graphql_names(collection: Collection) -> GraphQLNames:
    """The names of a collection, or those that it is given by `graphql`."""
    if collection.graphql:
        many = plural(collection.graphql)
        return GraphQLNames(collection.graphql, many[0].lower() + many[1:])
    many = pascal(collection.name)
    return GraphQLNames(type_name(collection.name), many[:1].lower() + many[1:])


def pascal(name: str) -> str:
    """A name in the form of types: `BlogPost` for blog_post."""
    return "".join([part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", name)])


TYPE_NAMES = "a type of GraphQL begins with a capital and has letters and digits, such as Article"


def is_type_name(name: object) -> bool:
    """Whether a collection's type may be given this name."""
    return isinstance(name, str) and _TYPE_NAME.fullmatch(name) is not None


def named_choices(field: Field) -> tuple[str, ...]:
    """The values of a text, or of the texts of a list, where all are names that an enumeration can have; else none."""
    choices: tuple[str, ...] = getattr(getattr(field, "of", field), "choices", ())
    return choices if all(map(NAME.fullmatch, choices)) and _LITERALS.isdisjoint(choices) else ()


def enum_name(collection: Collection, field: str) -> str:
    """The name of a field's enumeration: `PostStatus`, or `PostSortChoice` where there is a `PostSort`."""
    end = pascal(field)
    return f"{graphql_names(collection).type}{end}{'Choice' if end in _OF_TYPES else ''}"


def claims(collection: Collection) -> Iterator[GraphQLClaim]:
    """All names that the schema has of a collection."""
    names, of = graphql_names(collection), f"the collection {collection.name!r}"
    made, many = names.type, names.many[0].upper() + names.many[1:]
    yield from [GraphQLClaim("type", made + end, of) for end in _OF_TYPES]
    writes = [f"{act}{made}" for act in _OF_MUTATIONS]
    yield from [GraphQLClaim("type", f"{write[0].upper()}{write[1:]}Write", of) for write in writes]
    yield from [GraphQLClaim("mutation", write, of) for write in writes]
    yield GraphQLClaim("mutation", f"create{many}" if many != made else f"create{many}List", of)
    for name in (names.one, names.lists, f"{names.lists}Connection", f"{names.lists}Aggregate"):
        yield GraphQLClaim("query", name, of)
    yield GraphQLClaim("subscription", names.many, of)
    for name, field in collection.fields.items():
        if named_choices(field) and NAME.fullmatch(name):
            title = enum_name(collection, name)
            place = f"the field {name!r} of {collection.name!r}"
            yield from [GraphQLClaim("type", title + end, place) for end in ("", "Filter")]
        elif field.link is None and NAME.fullmatch(name):
            for end in ("", "Input", "Patch"):
                place = f"the field {name!r} of {collection.name!r}"
                yield from _of_objects(f"{made}{end}{pascal(name)}", field.type, place)


def _of_objects(name: str, kind: Type, of: str) -> Iterator[GraphQLClaim]:
    while isinstance(kind, ListType):
        kind = kind.element
    if isinstance(kind, ObjectType) and kind.fields and all(map(NAME.fullmatch, kind.fields)):
        yield GraphQLClaim("type", name, of)
        for inner, within in kind.fields.items():
            yield from _of_objects(name + pascal(inner), within, of)


def collision(collections: Iterable[Collection]) -> str:
    """Which two things would have one name, and what to do; "" where there are none."""
    owners = {(where, name): "" for where, names in RESERVED.items() for name in names}
    for collection in collections:
        for where, name, of in claims(collection):
            if (where, name) not in owners:
                owners[where, name] = of
                continue
            other, kind = owners[where, name], "the type" if where == "type" else f"the {where}"
            who = f"{of} and {other} would both have" if other else f"{of} would have"
            rest = "" if other else ", which is in every schema"
            return f"{who} {kind} {name} in GraphQL{rest}; {_advice(of)}"
    return ""


def _advice(of: str) -> str:
    if of.startswith("the field"):
        return "rename the field"
    return f'name the type of {of} otherwise: Collection(…, graphql="…")'
