"""What an app declares, compiled: for each collection its shape, table, rules and private fields."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.graphql_names import collision
from hinterland.contract.identity import Principal, RecordId, is_record_id
from hinterland.contract.kinds.field import Field, OnDelete, item_type
from hinterland.contract.linking import linked
from hinterland.contract.records import Collection, CompiledCollection, Document
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.types import INT, STRING, TIMESTAMP
from hinterland.server.data import documents
from hinterland.server.data.caller_fields import auth_types, fields_of_caller
from hinterland.server.data.relations import Relations
from hinterland.server.data.rules import (
    ANY_ALIAS,
    AskedCollection,
    Rule,
    RuleBook,
    access_of,
    asked_collection,
)
from hinterland.server.data.select.compiler import Compiler, Viewing
from hinterland.server.data.select.order import SqlOrder
from hinterland.server.storage.protocol import DialectName, StoredRecord
from hinterland.server.storage.statements import CollectionTable

# Written in one way only: the path of a record is what its children are found by.
_INTEGER_ID = re.compile(r"[1-9][0-9]{0,15}")
_DECIDED_WHEN_ASKED = ("view", "create", "update", "delete")  # by one request, and not by a live view
_DECIDED_ALONE = ("create", "update", "delete")  # over one record at hand
ACTIONS = ("list", "view", "create", "update", "delete")
SIGNED_UP = "users"
"""The collection of those whom everybody creates by signing up, and who read their own record."""


class DeclarationError(Exception):
    """An app's declaration can't be used; the message names the place and says what to do."""


def _as_sent(segment: str) -> str:
    """A segment of a path for a message: NUL was an encoded slash."""
    return segment[:64].replace("\0", "/")


class Referring(NamedTuple):
    """A field that refers to records: its collection, its name, and what their deletion does."""

    collection: str
    field: str
    on_delete: OnDelete


def _described(asked: AskedCollection) -> list[Any]:
    """All that rules depend on of a collection that they ask."""
    fields = sorted((name, kind.name) for name, kind in asked.type.fields.items())
    return [fields, asked.type.is_open, sorted(asked.indexed)]


class Entry:
    """One compiled collection. `children` are the collections below it, `links` its fields that refer to records, and
    `referring` the fields that refer to its own. Of the `private` fields, by their read rules (None: administrators
    alone), `asking` are those whose rules ask other collections; a caller may see some and not others where it
    `is_mixed`."""

    def __init__(
        self,
        collection: Collection,
        users_are_integer: bool,
        dialect: DialectName,
        asked: Mapping[str, AskedCollection] = MappingProxyType({}),
        auth_fields: Mapping[str, Field] = MappingProxyType({}),
    ) -> None:
        self.collection = collection
        self.auth_fields = auth_fields
        self.name = collection.name
        self.shape = CompiledCollection(collection)
        self.table = CollectionTable(collection, dialect)
        self.is_integer = collection.ids == "integer"
        self.book = RuleBook(collection, *auth_types(users_are_integer, auth_fields), dialect, asked)
        self.rules = {action: self._rule(action, getattr(collection.rules, action)) for action in ACTIONS}
        self.private = {
            name: self._rule(f"fields.{name}.read", field.read)
            for name, field in collection.fields.items()
            if field.read
        }
        self.asking = frozenset(name for name, rule in self.private.items() if rule is not None and rule.asks)
        self.is_mixed = len({*self.private.values()}) > 1
        self.asked_names = frozenset[str]().union(
            *[rule.asked_names for rule in (*self.rules.values(), *self.private.values()) if rule is not None]
        )
        self.unique = tuple(name for name, field in collection.fields.items() if field.unique)
        self.instants = frozenset(name for name, field in collection.fields.items() if item_type(field) is TIMESTAMP)
        self.children: tuple[str, ...] = ()
        self.links = {name: field.link for name, field in collection.fields.items() if field.link is not None}
        self.referring: tuple[Referring, ...] = ()
        self.asked_types = {name: _described(asked[name]) for name in sorted(self.asked_names)}
        self._without_values: Document = dict.fromkeys(collection.fields)
        self.order = lru_cache(maxsize=256)(self._order)
        self._check_old()
        self._check_fields(users_are_integer)

    def _rule(self, place: str, text: str) -> Rule | None:
        try:
            rule = self.book.rule(text, is_update=place == "update")
            if rule is not None and place not in _DECIDED_ALONE:
                rule.whole(ANY_ALIAS)  # a list is one statement
            if rule is not None:
                for ask in rule.asks:
                    rule.statements(ask)  # what a database can't be asked is refused here
        except CelError as error:
            raise DeclarationError(f"collection {self.name!r}, rule {place}: {error}") from None
        if rule is not None and rule.asks and place.startswith("fields.") and "revision" in rule.reads_record:
            raise DeclarationError(
                f"collection {self.name!r}, rule {place}: a field's rule that asks another collection can't read "
                "record.revision, which a write has only once it is decided; compare another field"
            )
        if rule is not None and rule.reads_clock and place not in _DECIDED_WHEN_ASKED:
            raise DeclarationError(
                f"collection {self.name!r}, rule {place}: now() cannot decide what live views show, since time passes "
                "without a change; use it in view, create, update and delete rules, and in filters of lists"
            )
        return rule

    def _order(self, sort: tuple[str, ...]) -> SqlOrder:
        """The compiled order of a list. Raises `invalid_query`."""
        return SqlOrder(self.collection, sort, is_postgres=self.table.dialect == "postgres")

    @cached_property
    def ranked(self) -> SqlOrder:
        """The order of a search that is not sorted."""
        return SqlOrder(self.collection, (), is_postgres=self.table.dialect == "postgres", is_ranked=True)

    @cached_property
    def viewing(self) -> Viewing:
        """The statement of one record as the view rule shows it."""
        return Viewing(self)

    @cached_property
    def definition(self) -> str:
        """A digest of all that the collection's views are made of."""
        declared = self.collection
        fields = {
            name: msgspec.structs.replace(field, description="", deprecated="")
            for name, field in declared.fields.items()
        }
        parts = [declared.name, fields, declared.rules.list, declared.ids, declared.parent, declared.is_open]
        parts += [self.asked_types] if self.asked_types else []
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    def is_like(self, other: Entry) -> bool:
        """Whether all that was compiled of the other serves for this one."""
        is_declared_alike = self.collection == other.collection and self.auth_fields == other.auth_fields
        return is_declared_alike and self.asked_types == other.asked_types

    def _check_old(self) -> None:
        without = {name: rule for name, rule in self.rules.items() if name != "update"}
        without |= {f"fields.{name}.read": rule for name, rule in self.private.items()}
        for place, rule in without.items():
            if rule is not None and rule.reads_old:
                raise DeclarationError(f"collection {self.name!r}, rule {place}: only the update rule has `old`")

    def _check_fields(self, users_are_integer: bool) -> None:
        wanted, kind = (INT, "Integer") if users_are_integer else (STRING, "Text")
        for name, field in self.collection.fields.items():
            if field.fill and field.type is not wanted:
                raise DeclarationError(f"{self.name}.{name}: it is filled with the ids of users, so it must be {kind}")
        if self.name == "users" and "password" in self.collection.fields:
            raise DeclarationError("users.password: passwords are kept apart from records, hashed; leave the field out")

    def allows(self, action: str, caller: Principal, record: StoredRecord | None, instant: str | None = None) -> bool:
        """Whether the rule of `action` lets `caller` do it to `record` at an instant (None: that of the machine)."""
        rule = self.rules[action]
        if caller.is_admin or (rule is not None and rule.is_true):
            return True
        if rule is None:
            return False
        return rule.allows(self.variable(record, rule), caller.as_auth(), instant=instant)

    def variable(
        self, record: StoredRecord | None, rule: Rule, document: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The variable `record` for `rule`; the document is decoded only where the rule reads it."""
        if record is None:
            return None
        if not rule.needs_document:
            return documents.meta_of(record)
        return documents.with_meta(record, dict(document) if document is not None else documents.document_of(record))

    def shown(
        self,
        caller: Principal,
        record: StoredRecord | None,
        document: Mapping[str, Any] | None = None,
        asked: AbstractSet[str] = frozenset(),
    ) -> frozenset[str] | None:
        """The private fields that `caller` sees of `record` (of every record, where it is None); None: all. `asked`:
        those of which `RuleChecker.asked_fields` says so; the others are hidden where their rules depend on answers."""
        if caller.is_admin or not self.private:
            return None
        auth = caller.as_auth()
        seen = frozenset(
            name
            for name, rule in self.private.items()
            if rule is not None and (name in asked or rule.allows(self.variable(record, rule, document), auth))
        )
        return None if len(seen) == len(self.private) else seen

    def hidden(self, caller: Principal) -> frozenset[str]:
        """The fields that `caller` may not filter or sort by: those that are not shown of every record."""
        return self.hidden_of(caller, None) if self.private else frozenset()

    def hidden_of(
        self,
        caller: Principal,
        record: StoredRecord | None,
        document: Mapping[str, Any] | None = None,
        asked: AbstractSet[str] = frozenset(),
    ) -> frozenset[str]:
        """The private fields that `caller` does not see of `record` (its whole `document`, where it is at hand)."""
        seen = self.shown(caller, record, document, asked)
        return frozenset() if seen is None else frozenset(self.private) - seen

    def closed(self, caller: Principal) -> frozenset[str]:
        """The private fields that `caller` sees of no record, whatever is in it."""
        if caller.is_admin or not self.private:
            return frozenset()
        variables = {"auth": caller.as_auth()}
        return frozenset(
            name
            for name, rule in self.private.items()
            if rule is None or not all(test(variables) is True for test in rule.auth_tests)
        )

    def wire(self, caller: Principal, record: StoredRecord, asked: AbstractSet[str] = frozenset()) -> str:
        """The record as `caller` sees it: JSON text. `asked`: see `shown`."""
        return documents.wire(record, self.shown(caller, record, asked=asked) if self.private else None)

    def whole(self, record: StoredRecord) -> Document:
        """The record with all its fields, for the code of apps: null for one that was declared after its last write."""
        return documents.with_meta(record, {**self._without_values, **documents.document_of(record)})

    def seen(self, caller: Principal, record: StoredRecord) -> Document:
        """The record as `caller` sees it, with null for fields that were declared after its last write."""
        document: Document = msgspec.json.decode(self.wire(caller, record))
        return self.completed(document, self.hidden_of(caller, record) if self.private else frozenset())

    def completed(self, document: Document, hidden: AbstractSet[str]) -> Document:
        """A record as it is sent, with null for fields that were declared after its last write and are not `hidden`."""
        missing = self.collection.fields.keys() - document.keys()
        return {**document, **dict.fromkeys(missing - hidden)} if missing else document

    def parse_id(self, text: str) -> RecordId:
        """The id that a path names. Raises the `not_found` refusal for one that no record can have."""
        if not self.is_integer and is_record_id(text):
            return text
        if self.is_integer and _INTEGER_ID.fullmatch(text) is not None and int(text) < 2**53:
            return int(text)
        raise Refusal("not_found", f"there is no {self.name}/{_as_sent(text)}")


class Catalogue:
    """All compiled collections; `version` changes whenever a declaration does."""

    def __init__(
        self, collections: Sequence[Collection], dialect: DialectName, auth_fields: Sequence[str] = ()
    ) -> None:
        self.auth_fields = auth_fields
        self.entries: dict[str, Entry] = {}
        try:
            collections = linked(collections)
            users = next((c for c in collections if c.name == "users"), None)
            of_caller = fields_of_caller(users, auth_fields)
        except ValueError as error:
            raise DeclarationError(str(error)) from None
        self.users_are_integer = users is not None and users.ids == "integer"
        asked = {collection.name: asked_collection(collection) for collection in collections}
        for collection in collections:
            if collection.name in self.entries:
                raise DeclarationError(f"collection {collection.name!r} is declared twice")
            self.entries[collection.name] = Entry(collection, self.users_are_integer, dialect, asked, of_caller)
        self._link()
        if problem := collision([entry.collection for entry in self.entries.values() if self.is_used(entry)]):
            raise DeclarationError(problem)
        self._compile_anew()
        self.asked = self._asked()
        named = {collection.name: collection for collection in collections}
        self.version = hashlib.sha256(msgspec.json.encode(named, order="sorted")).hexdigest()[:16]

    def _asked(self) -> frozenset[str]:
        """The names of the collections that rules ask."""
        return frozenset[str]().union(*[entry.asked_names for entry in self.entries.values()])

    def _compile_anew(self) -> None:
        compiler = Compiler(self)
        self.compile, self.look_up = compiler.compile, compiler.look_up
        self.relations = Relations(self)

    def _link(self) -> None:
        for entry in self.entries.values():
            parent = entry.collection.parent
            if parent and parent not in self.entries:
                raise DeclarationError(f"collection {entry.name!r}: its parent {parent!r} is not declared")
            if parent:
                self.entries[parent].children += (entry.name,)
            for name, link in entry.links.items():
                self.entries[link.to].referring += (Referring(entry.name, name, link.on_delete),)
        for name in self.entries:
            above = {name}
            while parent := self.entries[name].collection.parent:
                if parent in above:
                    raise DeclarationError(f"collection {name!r}: its parent {parent!r} is below itself; name another")
                above.add(name := parent)

    def adopt(self, other: Catalogue) -> frozenset[str]:
        """Become `other` at once, for everyone who has this one; collections keep their order, and new ones follow.
        Returns the names of the collections of which lists, events and pulls are not what they were."""
        changed = {
            name
            for name, entry in self.entries.items()
            if name not in other.entries or other.entries[name].definition != entry.definition
        }
        for name, entry in self.entries.items():
            if name in other.entries and other.entries[name].is_like(entry):
                entry.children, entry.referring = other.entries[name].children, other.entries[name].referring
                other.entries[name] = entry  # with all that was compiled for it
        order = dict.fromkeys(name for name in (*self.entries, *other.entries) if name in other.entries)
        self.entries, self.version = {name: other.entries[name] for name in order}, other.version
        self._compile_anew()
        self.asked = other.asked
        return frozenset(changed)

    def __getitem__(self, name: str) -> Entry:
        entry = self.entries.get(name)
        return self.named(name) if entry is None else entry

    def named(self, name: str, *, is_admin: bool = False) -> Entry:
        """The collection. Raises `unknown_collection` with those that administrators, or all others, may know."""
        entry = self.entries.get(name)
        if entry is None:
            known = [each.name for each in self.entries.values() if is_admin or self.is_used(each)]
            hint = f"declared are {', '.join(known)}" if known else "declare it in the app file"
            message = f"there is no collection {_as_sent(name)!r}; {hint}"
            raise Refusal("unknown_collection", message, details={"collection": name[:64]})
        return entry

    def is_used(self, entry: Entry) -> bool:
        """Whether others than administrators use the collection, or one below it, whose paths name it."""
        is_open = entry.name == SIGNED_UP or any(access_of(rule) != "admin" for rule in entry.rules.values())
        return is_open or any(self.is_used(self.entries[name]) for name in entry.children)

    def collections(self) -> Iterable[Collection]:
        """The declarations."""
        return (entry.collection for entry in self.entries.values())

    def locate(self, path: Sequence[str]) -> tuple[Entry, str, str]:
        """The collection, the parent's path and the id's text ("" for the collection) that a path names.

        `("posts", "42", "comments")` is the collection comments below posts/42. Raises `unknown_collection`
        where a collection isn't declared below that parent.
        """
        entry = self[path[0] if len(path) < 3 else path[-1 if len(path) % 2 else -2]]
        parent = "/".join(path[: len(path) - (1 if len(path) % 2 else 2)])
        id = "" if len(path) % 2 else path[-1]
        self.check_parent(entry, parent)
        above = parent.split("/")
        for name, text in zip(above[::2], above[1::2], strict=False):
            self[name].parse_id(text)
        return entry, parent, id

    def check_parent(self, entry: Entry, parent: str) -> None:
        """Whether records of `entry` may live below the record path `parent`. Raises `unknown_collection`."""
        names = parent.split("/")[::2] if parent else []
        wanted: list[str] = []
        above = entry.collection.parent
        while above and len(wanted) <= len(names):
            wanted.insert(0, above)
            above = self[above].collection.parent
        if names != wanted:
            where = "/{id}/".join([*wanted, entry.name])
            why = "" if wanted else ", below no other record"
            raise Refusal("unknown_collection", f"records of {entry.name!r} are found under {where}{why}")
