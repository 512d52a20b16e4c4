"""Collections and their records: what is declared, and how a body becomes a record's document.

A document is an object with every declared field in declared order; a field without a value is null. In an open
collection others follow, where they have a value. `id`,
`created_at`, `updated_at` and `revision` are kept beside it and come first on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any, get_args

import msgspec

from hinterland.contract import indexed, values
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.fields import Text
from hinterland.contract.graphql_names import TYPE_NAMES, is_type_name
from hinterland.contract.kinds.field import (
    TRANSFORMS,
    Check,
    Field,
    Ids,
    NestedErrors,
    Transform,
    field_of,
    is_registered,
)
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.patches import merge_patch
from hinterland.kit import strict_json
from hinterland.kit.closest_first import closest_first

Document = dict[str, Any]
Errors = dict[str, list[str]]  # messages by field
Tried = tuple[Document, Errors]
MAX_ERRORS = 100  # fields that a refusal names
_MOST_LIKENED = 5  # of these, for which the names most like theirs come first: to liken names takes its time
TIMES = ("created_at", "updated_at")
SERVER_FIELDS = (*TIMES, "revision")  # what the server adds about each record's last change
HEAD = ("id", *SERVER_FIELDS)  # what a record begins with on the wire
META = (*HEAD, "parent")  # what expressions, lists and queries know beside the fields; no field has such a name
_POSTGRES_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})  # every table there has them
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LONGEST_NAME = 63  # what PostgreSQL keeps of a column's name


class Rules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """CEL expressions that say who may do what; an empty one allows administrators only.

    `list` and `view` read `record` and `auth`; `create` the new `record`; `update` the new `record` and the `old`;
    `delete` the `record` as it is.
    """

    list: str = ""
    view: str = ""
    create: str = ""
    update: str = ""
    delete: str = ""


EVERYBODY = Rules(list="true", view="true", create="true", update="true", delete="true")


class Collection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named set of records with `fields` and `rules`.

    `ids`: "string" (made by client or server, sortable) or "integer" (given by the server). `parent`: the collection
    whose records own these; they go when their owner goes. `indexes`: groups of fields that
    lists filter and sort by together, such as `("category", "price")`; `created_at`, `updated_at` and `revision` may be
    among them, or alone. `is_open`: records may have other fields beside the declared ones, with any JSON value.
    `graphql`: the name of its type in GraphQL, such as `Article`; "": made of its name. `description`: what it has.
    """

    name: str
    fields: dict[str, Field] = {}
    rules: Rules = Rules()
    ids: Ids = "string"
    parent: str = ""
    indexes: tuple[tuple[str, ...], ...] = ()
    is_open: bool = False
    graphql: str = ""
    description: str = ""

    def field(self, name: str) -> Field | None:
        """What a record may have under a name; None: nothing, or what the server sets."""
        found = self.fields.get(name)
        return UNDECLARED if found is None and self.is_open and name not in META else found

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            what = "collection names have up to 63 of a–z, 0–9 and _, and start with a letter"
            raise ValueError(f"collection {self.name!r}: {what}; rename it")
        if self.name.startswith("sqlite_"):
            raise ValueError(f"collection {self.name!r}: names that start with sqlite_ are SQLite's own; rename it")
        _check_parts(self)
        for name, field in self.fields.items():
            if not isinstance(field, Field):
                raise TypeError(f"{self.name}.{name}: a field must be Text(...) or another kind, not {field!r}")
            if not is_registered(field):
                where = f"{self.name}.{name}"
                raise TypeError(f"{where}: the kind {field.name} is not registered; decorate its class with @register")
            if problem := _name_problem(name):
                raise ValueError(f"{self.name}.{name}: {problem}; rename the field")
            _check_declaration(f"{self.name}.{name}", field)
        _check_case(self)
        for group in self.indexes:
            _check_index(self, group)
        for name, limit in indexed.limits(self.fields, self.indexes).items():
            field = self.fields[name]
            _check_default(f"{self.name}.{name}", field, indexed.bounded(field, field.checker(), limit))


def read_collection(text: str | bytes) -> Collection:
    """The collection of a stored declaration. Raises ValueError for one with an unknown kind of field."""
    stored = msgspec.json.decode(text)
    fields = {}
    for name, field in stored.pop("fields", {}).items():
        try:
            fields[name] = field_of(field)
        except ValueError as error:
            raise ValueError(f"{stored.get('name')}.{name}: {error}") from None
    groups = tuple(map(tuple, stored.pop("indexes", ())))
    rest = msgspec.convert(stored | {"fields": {}}, Collection)
    return msgspec.structs.replace(rest, fields=fields, indexes=groups)


def _check_parts(collection: Collection) -> None:
    """Raises TypeError and ValueError for arguments of another kind."""
    place = f"collection {collection.name!r}"
    if not isinstance(collection.rules, Rules):
        raise TypeError(f"{place}: its rules must be Rules(...), not {collection.rules!r}")
    for action in Rules.__struct_fields__:
        rule = getattr(collection.rules, action)
        if not isinstance(rule, str):
            raise TypeError(f"{place}: its rule {action} must be text, not {rule!r}")
    if collection.graphql and not is_type_name(collection.graphql):
        raise ValueError(f"{place}: graphql={collection.graphql!r}: {TYPE_NAMES}")
    if collection.ids not in get_args(Ids):
        raise ValueError(f"{place}: unknown ids {collection.ids!r}; use {' or '.join(get_args(Ids))}")
    fields: Any = collection.fields
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise TypeError(f"{place}: its fields must be a dict such as {{'title': Text()}}, not {fields!r}")


def _name_problem(name: str) -> str:
    """Why no field can have this name; "" where one can."""
    if name in META:
        return f"every record has {', '.join(META)} of the server's"
    if name.startswith("_"):
        return "names that start with _ are the server's"
    if _FIELD_NAME.fullmatch(name) is None:
        return "field names use letters a–z, A–Z, digits and _, and start with a letter"
    if len(name) > _LONGEST_NAME:
        return f"field names have at most {_LONGEST_NAME} characters"
    return f"PostgreSQL has a column {name} of its own in every table" if name in _POSTGRES_COLUMNS else ""


def _check_case(collection: Collection) -> None:
    """Raises ValueError where two columns differ by case only."""
    seen = {"id": "id"}
    for name in collection.fields:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            place = f"{collection.name}.{name}"
            raise ValueError(f"{place}: differs from {other} by case only, which SQLite ignores; rename the field")


def _check_index(collection: Collection, group: tuple[str, ...]) -> None:
    place = f"{collection.name}: the index {', '.join(group)}"
    is_of_server = len(group) == 1 and group[0] in SERVER_FIELDS
    if not is_of_server and (len(group) < 2 or len(set(group)) != len(group)):
        raise ValueError(f"{place} must name two or more different fields; for one field say index=True on it")
    if len(group) > indexed.GROUP_FIELDS:
        raise ValueError(f"{place} names {len(group)} fields; name at most {indexed.GROUP_FIELDS}")
    for name in group:
        field = collection.fields.get(name)
        if name not in SERVER_FIELDS and (field is None or not field.is_sortable):
            raise ValueError(f"{place}: {name!r} is not a field that can be indexed")


def _check_declaration(place: str, field: Field) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(field), type(field))
    except msgspec.ValidationError as error:
        raise ValueError(f"{place}: {error}") from None
    if problem := field.contradiction():
        raise ValueError(f"{place}: {problem}")
    if field.merge not in field.merges:
        known = ", ".join(field.merges)
        raise ValueError(f"{place}: merge={field.merge!r} can't be used on this kind of field; use one of {known}")
    if (field.unique or field.index) and not field.is_indexable:
        raise ValueError(
            f"{place}: a {type(field).__name__} can't be unique or indexed; keep what is looked up in a field"
        )
    try:
        check = field.checker()
    except re.error as error:
        raise ValueError(f"{place}: its pattern is not a regular expression: {error}") from None
    _check_default(place, field, check)


def _check_default(place: str, field: Field, check: Check) -> None:
    if field.default is not None:
        try:
            check(strict_json.checked(msgspec.to_builtins(field.default)))
        except ValueError as error:
            raise ValueError(f"{place}: its default {error}") from None


def users(
    *,
    fields: Mapping[str, Field] | None = None,
    rules: Rules | None = None,
    ids: Ids = "string",
    email_read: str = "auth.id == record.id",
) -> Collection:
    """The collection of people who sign up: `name`, `email`, and the `fields` that an app adds.

    By default people see and change only their own record; `email_read` is the rule of who sees an e-mail address.
    """
    own = Rules(list="auth.id == record.id", view="auth.id == record.id", update="auth.id == record.id")
    basic: dict[str, Field] = {
        "name": Text(required=True, max_length=200),
        "email": Text(required=True, max_length=254, format="email", unique=True, read=email_read),
    }
    return Collection(name="users", fields=basic | dict(fields or {}), rules=rules or own, ids=ids)


class CompiledCollection:
    """The compiled declaration of one collection: turns bodies into documents, with all errors by field."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.names = tuple(collection.fields)
        self._checks: dict[str, Check] = {name: field.checker() for name, field in collection.fields.items()}
        for name, limit in indexed.limits(collection.fields, collection.indexes).items():
            self._checks[name] = indexed.bounded(collection.fields[name], self._checks[name], limit)
        self._required = frozenset(name for name, field in collection.fields.items() if field.required)
        self._defaults = {n: self.check(n, f.default) for n, f in collection.fields.items() if f.default is not None}
        self._filled = tuple(n for n, f in collection.fields.items() if f.fill == "auth.id")
        self.admin_only = frozenset(name for name, field in collection.fields.items() if field.write == "admin")
        self._objects = frozenset(name for name, field in collection.fields.items() if field.merges_members)
        self._transforms: dict[str, dict[str, Transform]] = {n: f.transforms() for n, f in collection.fields.items()}
        self._other_transforms = UNDECLARED.transforms() if collection.is_open else {}
        self._empty: Document = dict.fromkeys(self.names)

    def new(self, body: Mapping[str, Any], caller: object = None) -> Document:
        """The document of a record that is created from `body`; `caller` fills the fields that ask for it.

        Raises the `validation` refusal with the messages of every field that is not valid.
        """
        return self._valid(*self.try_new(body, caller))

    def replaced(self, document: Document, body: Mapping[str, Any], unseen: Iterable[str] = ()) -> Document:
        """The document after a PUT of `body`. Fields that are `unseen` by the caller keep their values, and those that
        the server filled in unless the body names them."""
        return self._valid(*self.try_replace(document, body, unseen))

    def patched(self, document: Document, body: Mapping[str, Any]) -> Document:
        """The document after a PATCH: the fields of `body` change, null clears one, the others stay; objects in Json
        fields are merged alike, member by member (RFC 7396)."""
        return self._valid(*self.try_patch(document, body))

    def try_new(self, body: Mapping[str, Any], caller: object = None) -> Tried:
        """The document of a record that is created from `body`, and the errors."""
        filled = dict.fromkeys(self._filled, caller) if caller else {}
        return self._write(self._empty | self._defaults, {**filled, **body})

    def try_replace(self, document: Document, body: Mapping[str, Any], unseen: Iterable[str] = ()) -> Tried:
        """The document after a PUT, and the errors: a field whose new value is not valid keeps the old one."""
        kept = {name: document.get(name) for name in (*self._filled, *unseen)}
        return self._tried(document, self._empty | self._defaults | kept, body)

    def try_patch(self, document: Document, body: Mapping[str, Any], unseen: Container[str] = ()) -> Tried:
        """The document after a PATCH, and the errors: a field whose new value is not valid keeps the old one. The value
        of an object that is `unseen` by the caller must be valid by itself: which members it may leave out would tell
        whether there is one."""
        if self.collection.is_open or not self._objects.isdisjoint(body):
            body = {
                name: value
                if name in unseen and not self._is_valid(name, value)
                else self._merged(name, document, value)
                for name, value in body.items()
            }
        return self.try_set(document, body)

    def _is_valid(self, name: str, value: Any) -> bool:
        try:
            return value is None or self.check(name, value) is not None
        except ValueError:
            return False

    def try_set(self, document: Document, body: Mapping[str, Any]) -> Tried:
        """The document with the values of `body` in the place of its own, and the errors, as after a PATCH."""
        base = {name: document.get(name) for name in self.names}
        if self.collection.is_open:
            base |= {name: value for name, value in document.items() if self._is_undeclared(name)}
        return self._tried(document, base, body)

    def _merged(self, name: str, document: Document, value: Any) -> Any:
        field = self.collection.fields.get(name)
        if field is None:
            return merge_patch(document.get(name), value) if self._is_undeclared(name) else value
        return field.merged(document.get(name), value)

    def _is_undeclared(self, name: str) -> bool:
        """Whether a record may have this field though it is not declared."""
        return self.collection.is_open and name not in self._checks and name not in META

    def _tried(self, old: Document, document: Document, body: Mapping[str, Any]) -> Tried:
        result, errors = self._write(document, body)
        result.update({name: old.get(name) for name in map(field_of_path, errors) if name in result})
        return result, errors

    def readonly_violations(
        self, body: Mapping[str, Any], document: Mapping[str, Any], hidden: Container[str] = ()
    ) -> Errors:
        """The errors of a body that sets fields which only administrators set. One that the caller can read may be
        repeated with its value; one that is `hidden` is refused whatever the value, so that no guess is confirmed."""
        named = [name for name in self.admin_only if name in body]
        refused = [name for name in named if name in hidden or not self._keeps(name, body[name], document)]
        return {name: ["can only be set by an administrator"] for name in refused}

    def _keeps(self, name: str, value: Any, document: Mapping[str, Any]) -> bool:
        """Whether `value` is what the field has already."""
        old = document.get(name, self._defaults.get(name))
        try:
            return values.is_same(value if value is None else self.check(name, value), old)
        except ValueError:
            return False

    def transform(self, name: str, word: str) -> Transform | None:
        """The transform that a patch may use on a field, such as `$increment`; None: it may not."""
        return self._transforms.get(name, self._other_transforms).get(word)

    def check(self, name: str, value: Any) -> Any:
        """The store's form of one field's value. Raises ValueError."""
        return self._checks[name](value)

    def _write(self, document: Document, body: Mapping[str, Any]) -> Tried:
        """`document` with the valid fields of `body`, and the errors of the others."""
        errors: dict[str, list[str]] = {}
        for name, value in body.items():
            if name in self._checks:
                if value is None:
                    document[name] = None
                    continue
                try:
                    document[name] = self._checks[name](value)
                except NestedErrors as error:
                    errors.update({f"{name}.{path}": [message] for path, message in error.errors.items()})
                except ValueError as error:
                    errors[name] = [f"{error}{_transform_hint(value)}"]
            elif self._is_undeclared(name):
                _put(document, name, value)
            elif name not in META and len(errors) < MAX_ERRORS:
                known = closest_first(name, self.names) if len(errors) < _MOST_LIKENED else self.names
                errors[name] = [f"is not a field of {self.collection.name}; it has {', '.join(known)}"]
        for name in self._required:
            if name not in errors and document[name] in (None, ""):
                errors[name] = ["is required"]
        return document, errors

    def _valid(self, document: Document, errors: Errors) -> Document:
        if errors:
            raise self.refusal(errors)
        return document

    def refusal(self, errors: Errors) -> Refusal:
        """The `validation` refusal of these errors, in the order of the fields."""
        places = {name: place for place, name in enumerate(self.names)}
        paths = sorted(errors, key=lambda path: places.get(field_of_path(path), len(places)))
        return invalid({path: errors[path] for path in paths})


def field_of_path(path: str) -> str:
    """The field of what an error names: `lines.2.price` is inside of the field `lines`."""
    return path.partition(".")[0]


def _put(document: Document, name: str, value: Any) -> None:
    """Set a field that is not declared; null takes it out."""
    if value is None:
        document.pop(name, None)
    else:
        document[name] = value


def _transform_hint(value: object) -> str:
    """What to do where a refused value looks like a transform."""
    word = next(iter(value)) if type(value) is dict and len(value) == 1 else ""
    if type(word) is not str or not word.startswith("$"):
        return ""
    known = ", ".join(TRANSFORMS)
    if word in TRANSFORMS:
        return f"; transforms ({known}) are for PATCH, as a field's whole value"
    return f"; unknown transform {word[:40]}; supported in a PATCH: {known}"
