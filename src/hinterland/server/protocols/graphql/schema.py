"""The schema: what of the collections GraphQL names, made anew with each version of the catalogue.

Types have no resolvers: a document is planned as a whole. What a field of the schema stands for is kept beside it, in
`extensions`, where the planner finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
)

from hinterland.contract.graphql_names import NAME, GraphQLNames, graphql_names, pascal
from hinterland.contract.kinds.field import Field
from hinterland.contract.operations import Operation
from hinterland.kit.cel.types import ListType, ObjectType, Type
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.relations import Relation
from hinterland.server.protocols.graphql.aggregate_types import aggregate_arguments, aggregate_type
from hinterland.server.protocols.graphql.argument_types import ArgumentTypes
from hinterland.server.protocols.graphql.batch_types import batch_arguments, batch_type, bulk_arguments, bulk_type
from hinterland.server.protocols.graphql.enums import Enums
from hinterland.server.protocols.graphql.federation import subgraph_fields
from hinterland.server.protocols.graphql.inputs import Inputs
from hinterland.server.protocols.graphql.meaning import MEANING, NODE_ID, Meaning, description_of
from hinterland.server.protocols.graphql.own_types import OwnTypes
from hinterland.server.protocols.graphql.scalars import DATE_TIME, INTEGER, JSON, SCALARS


class SchemaMaker:
    """Makes the schema of a catalogue. `is_subgraph`: one that a federation's gateway can ask."""

    def __init__(self, catalogue: Catalogue, *, is_subgraph: bool) -> None:
        self._catalogue = catalogue
        self._is_subgraph = is_subgraph
        self._entries = {entry.name: entry for entry in catalogue.entries.values() if catalogue.is_used(entry)}
        self._types: dict[str, GraphQLObjectType] = {}
        self._names: dict[str, GraphQLNames] = {}
        self._enums = Enums()
        self._arguments = ArgumentTypes(self._enums)
        self._connections: dict[str, GraphQLObjectType] = {}
        self._objects: dict[str, GraphQLObjectType] = {}
        self._inputs = Inputs(self._enums)
        kinds = ("create", "update", "delete", "left")
        text = "Of all records of all types, each has another one"
        self._node = GraphQLInterfaceType(
            "Node", {NODE_ID: GraphQLField(GraphQLNonNull(GraphQLID), description=text)}, description="A record"
        )
        self._change_kind = GraphQLEnumType("ChangeKind", {kind: kind for kind in kinds})
        self.page_info = GraphQLObjectType(
            "PageInfo",
            {
                "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "hasPreviousPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "startCursor": GraphQLField(GraphQLString),
                "endCursor": GraphQLField(GraphQLString),
            },
        )

    def made(self, own: Sequence[Operation] = (), taken: Container[str] = ()) -> GraphQLSchema:
        """The schema, with the `own` operations of an app, whose types have none of the names `taken`."""
        for name, entry in self._entries.items():
            made = self._names[name] = graphql_names(entry.collection)
            self._types[name] = GraphQLObjectType(
                made.type,
                self._thunk(entry),
                interfaces=self._interfaces(entry),
                description=entry.collection.description or f"A record of {name}",
                extensions={MEANING: Meaning("record", entry)},
            )
        roots: dict[str, GraphQLField] = {}
        changes: dict[str, GraphQLField] = {}
        for name in self._types:
            roots |= self._roots(self._entries[name])
            changes |= self._changes(self._entries[name])
        if changes:
            writes = batch_arguments(changes)
            bulk = bulk_type()
            for name in self._types:
                changes |= self._bulk(self._entries[name], bulk, changes)
            changes["batch"] = _field(batch_type([*self._types.values()]), Meaning("batch"), writes)
        if self._types and not self._is_subgraph:  # of a federation each subgraph would have one
            asked = {NODE_ID: GraphQLArgument(GraphQLNonNull(GraphQLID))}
            roots["node"] = _field(self._node, Meaning("node"), asked)
        if "users" in self._types:
            roots["me"] = _field(self._types["users"], Meaning("me", self._entries["users"]))
            changes |= self._account()
        if self._is_subgraph:
            keys = {of.name: self._keys(name) for name, of in self._types.items()}
            meanings = {"_service": Meaning("service"), "_entities": Meaning("entities")}
            keyed = [of for of in self._types.values() if keys[of.name]]
            roots |= subgraph_fields(keys, keyed, {name: {MEANING: each} for name, each in meanings.items()})
        of_queries, of_mutations = OwnTypes(taken).fields(own, roots, changes)
        roots, changes = roots | of_queries, changes | of_mutations
        query, mutation = GraphQLObjectType("Query", roots), GraphQLObjectType("Mutation", changes)
        followed = {self._names[name].many: self._followed(self._entries[name]) for name in self._types}
        return GraphQLSchema(
            query,
            mutation if changes else None,
            GraphQLObjectType("Subscription", followed) if followed else None,
            types=[*self._types.values()],
        )

    def _thunk(self, entry: Entry) -> Callable[[], dict[str, GraphQLField]]:
        return lambda: {**dict(self._identity(entry)), **dict(self._fields(entry))}

    def _interfaces(self, entry: Entry) -> Callable[[], list[GraphQLInterfaceType]]:
        # Other subgraphs of a federation may have a Node with other fields.
        return lambda: [] if self._is_subgraph or not _is_node(self._types[entry.name]) else [self._node]

    def _keys(self, name: str) -> list[str]:
        """The fields by each of which a gateway asks for records of a collection."""
        by_id = [] if self._entries[name].collection.parent else ["id"]
        return [*by_id, NODE_ID] if _is_node(self._types[name]) else by_id

    # ---------------------------------------------------------------- root fields

    def _roots(self, entry: Entry) -> dict[str, GraphQLField]:
        of, names = self._types[entry.name], self._names[entry.name]
        name, one, many = names.type, names.one, names.lists
        above = {part: GraphQLArgument(GraphQLNonNull(GraphQLID)) for part in self._parents(entry)}
        id = {"id": GraphQLArgument(GraphQLNonNull(GraphQLID))}
        return {
            one: _field(of, Meaning("view", entry), {**above, **id}),
            many: _field(
                GraphQLList(GraphQLNonNull(of)), Meaning("list", entry), {**above, **self._arguments.of_lists(entry)}
            ),
            f"{many}Connection": _field(
                self._connection(entry),
                Meaning("connection", entry),
                {**above, **self._arguments.of_connections(entry)},
            ),
            f"{many}Aggregate": _field(
                aggregate_type(name, entry.collection, self._enums),
                Meaning("aggregate", entry),
                {**above, **aggregate_arguments(name, entry.collection, self._arguments.of_lists(entry))},
            ),
        }

    def _parents(self, entry: Entry) -> list[str]:
        names: list[str] = []
        while entry.collection.parent:
            entry = self._catalogue[entry.collection.parent]
            names.insert(0, graphql_names(entry.collection).parent)
        return names

    # ---------------------------------------------------------------- subscriptions

    def _followed(self, entry: Entry) -> GraphQLField:
        of, name = self._types[entry.name], self._names[entry.name].type
        change = GraphQLObjectType(
            f"{name}Change",
            {
                "kind": GraphQLField(GraphQLNonNull(self._change_kind)),
                "id": GraphQLField(GraphQLNonNull(GraphQLID)),
                "recordNodeId": GraphQLField(GraphQLNonNull(GraphQLID), description="Also where the record is gone"),
                "parent": GraphQLField(GraphQLString, description="The path of the record that it is below"),
                "revision": GraphQLField(GraphQLNonNull(INTEGER)),
                "record": _field(of, Meaning("record", entry)),
            },
        )
        arguments = {"where": GraphQLArgument(self._arguments.where(entry)), "filter": GraphQLArgument(GraphQLString)}
        return GraphQLField(
            _list(change),
            args=arguments,
            extensions={MEANING: Meaning("follow", entry)},
            description=f"The changes of {entry.name} that one commit makes, as they become visible",
        )

    # ---------------------------------------------------------------- mutations

    def _changes(self, entry: Entry) -> dict[str, GraphQLField]:
        of, name = self._types[entry.name], self._names[entry.name].type
        above = {part: GraphQLArgument(GraphQLNonNull(GraphQLID)) for part in self._parents(entry)}
        id = {"id": GraphQLArgument(GraphQLNonNull(GraphQLID))}
        revision = {"revision": GraphQLArgument(INTEGER, description="That the record must have")}
        body = GraphQLArgument(GraphQLNonNull(self._inputs.of(entry, "Input")))
        made = {
            f"create{name}": _field(
                of, Meaning("create", entry), {**above, "id": GraphQLArgument(GraphQLID), "input": body}
            ),
            f"update{name}": _field(
                of,
                Meaning("patch", entry),
                {**above, **id, "patch": GraphQLArgument(GraphQLNonNull(self._inputs.of(entry, "Patch"))), **revision},
            ),
            f"replace{name}": _field(of, Meaning("replace", entry), {**above, **id, "input": body, **revision}),
            f"delete{name}": _field(GraphQLID, Meaning("delete", entry), {**above, **id, **revision}),
        }
        unique = [each for each in entry.unique if NAME.fullmatch(each)]
        if unique:
            by = GraphQLEnumType(f"{name}Unique", {each: each for each in unique})
            arguments = {**above, "by": GraphQLArgument(GraphQLNonNull(by)), "input": body}
            made[f"upsert{name}"] = _field(of, Meaning("upsert", entry), arguments)
        return made

    def _bulk(
        self, entry: Entry, of: GraphQLObjectType, changes: Mapping[str, GraphQLField]
    ) -> dict[str, GraphQLField]:
        name, many = self._names[entry.name].type, pascal(self._names[entry.name].many)
        above = {part: GraphQLArgument(GraphQLNonNull(GraphQLID)) for part in self._parents(entry)}
        given = bulk_arguments(changes.get(f"upsert{name}"), changes[f"create{name}"].args["input"])
        title = f"create{many}" if many != name else f"create{many}List"
        return {title: _field(of, Meaning("bulk", entry), {**above, **given})}

    def _account(self) -> dict[str, GraphQLField]:
        text = GraphQLArgument(GraphQLNonNull(GraphQLString))
        fields = {
            "access_token": GraphQLField(GraphQLString), "refresh_token": GraphQLField(GraphQLString),
            "token_type": GraphQLField(GraphQLString), "expires_in": GraphQLField(INTEGER),
            "user": _field(self._types["users"], Meaning("one", self._entries["users"])),
        }  # fmt: skip
        session = GraphQLObjectType("Session", fields)
        profile = GraphQLArgument(self._inputs.of(self._entries["users"], "Input"))
        return {
            "signUp": _field(session, Meaning("sign_up"), {"email": text, "password": text, "profile": profile}),
            "logIn": _field(session, Meaning("log_in"), {"email": text, "password": text}),
            "refresh": _field(session, Meaning("refresh"), {"refresh_token": text}),
            "logOut": _field(GraphQLBoolean, Meaning("log_out")),
        }

    # ---------------------------------------------------------------- fields of records

    def _identity(self, entry: Entry) -> Iterator[tuple[str, GraphQLField]]:
        """The fields that say which record it is, in the place of which there may be a declared field of the name."""
        yield NODE_ID, _field(GraphQLNonNull(GraphQLID), Meaning("node_id", entry), text="The id among all records")
        for place, name in enumerate(self._parents(entry)):
            yield name, _field(GraphQLNonNull(GraphQLID), Meaning("parent_id", entry, str(place)))

    def _fields(self, entry: Entry) -> Iterator[tuple[str, GraphQLField]]:
        yield "id", _field(GraphQLNonNull(GraphQLID), Meaning("value", entry, "id"))
        yield "revision", _field(GraphQLNonNull(INTEGER), Meaning("value", entry, "revision"))
        for name in ("created_at", "updated_at"):
            yield name, _field(GraphQLNonNull(DATE_TIME), Meaning("value", entry, name))
        relations = self._catalogue.relations.of(entry)
        taken = {"id", "revision", "created_at", "updated_at", *entry.collection.fields}
        for name, field in entry.collection.fields.items():
            relation = relations.get(name)
            scalar, related = name, ""
            if relation is not None and relation.by and relation.collection in self._types:
                scalar, related = _names_of_reference(name, taken, "" if relation.is_one else "s")
            if NAME.fullmatch(scalar):
                kind = self._type_of(entry, name, field)
                kind = GraphQLNonNull(kind) if field.required and not field.read else kind
                yield scalar, _noted(field, _field(kind, Meaning("value", entry, name)))
            if related and relation is not None:
                for shown, made in self._related(related, name, relation, taken):
                    yield shown, _noted(field, made)
        for name, relation in relations.items():
            if not relation.by and relation.collection in self._types and name not in taken and NAME.fullmatch(name):
                yield from self._related(name, name, relation, taken)

    def _related(
        self, shown: str, name: str, relation: Relation, taken: AbstractSet[str]
    ) -> Iterator[tuple[str, GraphQLField]]:
        entry, of = self._entries[relation.collection], self._types[relation.collection]
        if relation.is_one:
            yield shown, _field(of, Meaning("one", entry, name, relation))
        else:
            of_lists, of_pages = self._arguments.of_lists(entry), self._arguments.of_connections(entry)
            del of_lists["search"], of_pages["search"]  # which lists at the root have
            yield shown, _field(_list(of), Meaning("list", entry, name, relation), of_lists)
            if (paged := f"{shown}Connection") not in taken:
                meaning = Meaning("related_connection", entry, name, relation)
                yield paged, _field(GraphQLNonNull(self._connection(entry)), meaning, of_pages)

    def _type_of(self, entry: Entry, name: str, field: Field) -> Any:
        if field.link is not None:
            return GraphQLList(GraphQLNonNull(GraphQLID)) if isinstance(field.type, ListType) else GraphQLID
        if (enum := self._enums.of(entry.collection, name, field)) is not None:
            return GraphQLList(GraphQLNonNull(enum)) if isinstance(field.type, ListType) else enum
        return self._type(f"{self._names[entry.name].type}{pascal(name)}", field.type)

    def _type(self, place: str, kind: Type) -> Any:
        if isinstance(kind, ListType):
            item = self._type(place, kind.element)
            return GraphQLList(item if isinstance(item, GraphQLObjectType) else GraphQLNonNull(item))
        if isinstance(kind, ObjectType) and kind.fields and all(map(NAME.fullmatch, kind.fields)):
            made = self._objects.get(place)
            if made is None:
                fields = {
                    name: _field(self._type(f"{place}{pascal(name)}", inner), Meaning("member", None, name))
                    for name, inner in kind.fields.items()
                }
                made = self._objects[place] = GraphQLObjectType(place, fields)
            return made
        return SCALARS.get(kind, JSON)

    def _connection(self, entry: Entry) -> GraphQLObjectType:
        made = self._connections.get(entry.name)
        if made is None:
            name, of = self._names[entry.name].type, self._types[entry.name]
            edge = GraphQLObjectType(
                f"{name}Edge",
                {"cursor": GraphQLField(GraphQLNonNull(GraphQLString)), "node": GraphQLField(GraphQLNonNull(of))},
            )
            made = self._connections[entry.name] = GraphQLObjectType(
                f"{name}Connection",
                {
                    "edges": GraphQLField(_list(edge)),
                    "nodes": GraphQLField(_list(of)),
                    "pageInfo": GraphQLField(GraphQLNonNull(self.page_info)),
                    "totalCount": GraphQLField(GraphQLNonNull(GraphQLInt)),
                },
            )
        return made


def schema_of(catalogue: Catalogue, own: Sequence[Operation] = (), *, is_subgraph: bool = False) -> GraphQLSchema:
    """The schema of a catalogue and of an app's own operations."""
    made = SchemaMaker(catalogue, is_subgraph=is_subgraph).made()
    return SchemaMaker(catalogue, is_subgraph=is_subgraph).made(own, made.type_map) if own else made


def _field(
    of: Any, meaning: Meaning, arguments: dict[str, GraphQLArgument] | None = None, text: str | None = None
) -> GraphQLField:
    text = text or description_of(meaning)
    return GraphQLField(of, args=arguments or {}, extensions={MEANING: meaning}, description=text)


def _noted(field: Field, made: GraphQLField) -> GraphQLField:
    """A field of the schema with what is declared for its readers."""
    made.description = field.description or made.description
    made.deprecation_reason = field.deprecated or None
    return made


def _is_node(type: GraphQLObjectType) -> bool:
    """Whether a type has node ids, and no field of its own under that name."""
    meaning: Meaning = type.fields[NODE_ID].extensions[MEANING]
    return meaning.act == "node_id"


def _list(of: Any) -> Any:
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(of)))


def _names_of_reference(name: str, taken: set[str], plural: str) -> tuple[str, str]:
    """The names of the id that a field holds, and of the record that has it: `authorId` and `author`, or `tagsIds` and
    `tags` with the `plural` s."""
    for end in ("_id", "Id", "_ids", "Ids"):
        shown = name.removesuffix(end)
        if shown and shown != name:
            shown += "s" if end.endswith("s") else ""
            return (name, shown) if shown not in taken else (name, f"{name}_record")
    held = f"{name}Id{plural}"
    return held if held not in taken else f"{name}_id{plural}", name
