"""What an error of a document says to write instead, to those who write what other servers' tutorials have."""

from __future__ import annotations

import re

from graphql import GraphQLError, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, get_named_type

_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'\.$")
_ARGUMENT = re.compile(r"Unknown argument '(\w+)' on field '(\w+)\.(\w+)'\.(?: Did you mean .+\?)?$")
_VALUE = re.compile(r"Expected value of type '(\w+)'(?: to be an object)?, found:? .+\.$", re.DOTALL)
_SORT = re.compile(r"(?:Value '\w+' does not exist in|Enum) '\w+Sort'(?: enum\.| cannot represent non-enum value)")
_LIKE = re.compile(r"unknown field '_?(?:n?i?like|matches|regex|iregex)'")
_OF_PAGES = frozenset({"edges", "nodes", "pageInfo", "totalCount"})
_ORDERS = frozenset({"order_by", "orderBy", "order", "sortBy"})
_WINDOWS = frozenset({"skip", "take", "page", "pageSize", "perPage"})
_CURSORS = frozenset({"first", "after", "last", "before"})
_BODIES = frozenset({"input", "data", "object", "objects", "set", "_set", "changes"})
_MAKING = re.compile(r"(?:add|new|insert|make|save)_?(\w+?)(?:_one)?")
_BY_KEY = re.compile(r"(\w+?)_by_pk")
_EVENT = re.compile(r"(?:on)?_?(\w+?)(?:Added|Created|Updated|Changed|Deleted|Removed)")


def hinted(schema: GraphQLSchema, error: GraphQLError) -> GraphQLError:
    """The error of a document, whose message says what to write instead where that is known."""
    if (found := _FIELD.match(error.message)) is not None:
        hint = _of_field(schema, *found.groups())
    elif (found := _ARGUMENT.match(error.message)) is not None:
        hint = _of_argument(schema, *found.groups())
    elif _SORT.match(error.message) is not None:
        hint = "The direction is part of the name: [created_at_DESC]."
    elif _LIKE.search(error.message) is not None:
        hint = "Texts have contains, startsWith and endsWith."
    else:
        found = _VALUE.match(error.message)
        hint = "Name the comparison: {eq: …}." if found is not None and found[1].endswith("Filter") else ""
    if hint:
        error.message = f"{error.message} {hint}"
    return error


def _of_field(schema: GraphQLSchema, name: str, kind: str) -> str:
    if kind in ("Query", "Mutation", "Subscription"):
        return _of_root(schema, name, kind)
    record = _fields_of(schema, kind, "record")
    if name in record:
        return f"It is of the record: record {{ {name} }}."
    if name in _fields_of(schema, kind, "edges", "node"):
        return f"It is of each record: edges {{ node {{ {name} }} }}."
    if name in _OF_PAGES and (asked := _root_of(schema, f"{kind}Connection")):
        return f"Lists have no pages; {asked} has: {asked} {{ edges {{ node {{ id }} }} }}."
    return ""


def _of_root(schema: GraphQLSchema, name: str, kind: str) -> str:
    if kind == "Mutation" and (found := _MAKING.fullmatch(name)) is not None:
        created = f"create{_type_named(schema, found[1])}"
        return f"Did you mean '{created}'?" if _has(schema.mutation_type, created) else ""
    if kind == "Query" and (found := _BY_KEY.fullmatch(name)) is not None:
        one = _type_named(schema, found[1])
        one = one[:1].lower() + one[1:]
        return f"Did you mean '{one}(id: …)'?" if _has(schema.query_type, one) else ""
    if kind == "Subscription" and (found := _EVENT.fullmatch(name)) is not None:
        for each, field in schema.subscription_type.fields.items() if schema.subscription_type else ():
            if get_named_type(field.type).name == f"{_type_named(schema, found[1])}Change":
                return f"Changes of every kind are of {each}: {each} {{ kind record {{ id }} }}."
    return ""


def _of_argument(schema: GraphQLSchema, name: str, kind: str, field: str) -> str:
    owner = schema.type_map.get(kind)
    arguments = owner.fields[field].args if isinstance(owner, GraphQLObjectType) else {}
    if name in _ORDERS and "sort" in arguments:
        return "Lists are sorted by sort: [created_at_DESC]."
    if name in _CURSORS and "limit" in arguments:
        return f"A list has limit and offset; {field}Connection has first and after."
    if name in _WINDOWS and arguments.keys() & {"limit", "first"}:
        return "Its page is limit and offset." if "limit" in arguments else "Its page is first and after."
    for body in ("input", "patch"):
        taken = get_named_type(arguments[body].type) if body in arguments else None
        if isinstance(taken, GraphQLInputObjectType):
            if name in taken.fields:
                return f"It is a member of {body}: {{{name}: …}}."
            if name in _BODIES:
                return f"Did you mean '{body}'?"
    return ""


def _fields_of(schema: GraphQLSchema, kind: str, *path: str) -> frozenset[str]:
    """The fields of the type that a path of fields of a type leads to."""
    found = schema.type_map.get(kind)
    for name in path:
        if not isinstance(found, GraphQLObjectType) or name not in found.fields:
            return frozenset()
        found = get_named_type(found.fields[name].type)
    return frozenset(found.fields) if isinstance(found, GraphQLObjectType) else frozenset()


def _root_of(schema: GraphQLSchema, kind: str) -> str:
    """The query that returns a type."""
    fields = schema.query_type.fields if schema.query_type else {}
    return next((name for name, field in fields.items() if get_named_type(field.type).name == kind), "")


def _type_named(schema: GraphQLSchema, name: str) -> str:
    """The type of records that a name is of: of their list, or their own with a small letter."""
    if _has(schema.query_type, name) and schema.query_type:
        return str(get_named_type(schema.query_type.fields[name].type))
    return name[:1].upper() + name[1:]


def _has(kind: GraphQLObjectType | None, name: str) -> bool:
    return kind is not None and name in kind.fields
