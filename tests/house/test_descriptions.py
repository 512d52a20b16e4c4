"""The description of an app holds all that is declared, so that no client has to guess."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.contract import fields
from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Date,
    Field,
    Instant,
    Int64,
    Integer,
    Json,
    List,
    Number,
    Object,
    Reference,
    Text,
)
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.contract.schemas import CollectionDescription
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.description import describe
from hinterland.server.declaration import App

# Attributes of declarations that are described in another form, and what for.
OF_COLLECTIONS = {"rules": "as `access` for everybody, and as text for those who may know it"}
OF_FIELDS = {"read": "as `read_access` for everybody, and as text for those who may know it"}
DERIVED = {"fingerprint", "access", "hooks"}  # what a description has beside the attributes

# A value of each attribute that all kinds share which is not the default, and of each kind one with all its limits.
SHARED: dict[str, Any] = {
    "required": True, "unique": True, "index": True, "read": "false", "write": "admin", "fill": "auth.id",
    "default": "a", "merge": "server", "description": "d", "deprecated": "no",
}  # fmt: skip
KINDS: tuple[Field, ...] = (
    Boolean(),
    Bytes(),
    Date(),
    Instant(),
    Int64(),
    Integer(minimum=1, maximum=2),
    Json(),
    List(of=Text(), max_items=3),
    Number(minimum=1, maximum=2),
    Object(fields={"a": Text(max_length=3)}),
    Reference(to="users", on_delete="cascade"),
    Text(min_length=1, max_length=2, format="email", choices=("a",), pattern="a", search=True),
)


def described(field: Field, *, is_admin: bool) -> dict[str, Any]:
    """A field as it is described."""
    notes = Collection(name="notes", fields={"field": field}, rules=EVERYBODY)
    app = App(collections=[users(), notes])
    found = describe(app, Catalogue(app.collections, "sqlite"), is_admin=is_admin)
    return {collection.name: collection for collection in found.collections}["notes"].fields["field"]


def test_every_attribute_of_a_collection_is_described() -> None:
    """Each attribute of a declaration is a member of its description, or is listed above with a reason."""
    members = {field.encode_name for field in msgspec.structs.fields(CollectionDescription)}
    declared = {field.encode_name for field in msgspec.structs.fields(Collection)}
    assert members - DERIVED == declared
    assert OF_COLLECTIONS.keys() <= declared


def test_every_attribute_of_all_fields_is_known_here() -> None:
    """A new attribute of fields, and a new kind, is added to the lists above."""
    assert SHARED.keys() == set(Field.__struct_fields__)
    kinds = {kind for kind in vars(fields).values() if isinstance(kind, type) and issubclass(kind, Field)} - {Field}
    assert {type(field) for field in KINDS} == kinds


@pytest.mark.parametrize("name", SHARED)
def test_every_attribute_of_a_field_is_described(name: str) -> None:
    """Each attribute that differs from its default is a member of the description, with its value."""
    found = described(Text(**{name: SHARED[name]}), is_admin=True)
    assert found[name] == SHARED[name]
    if name not in OF_FIELDS:
        assert described(Text(**{name: SHARED[name]}), is_admin=False)[name] == SHARED[name]


@pytest.mark.parametrize("field", KINDS, ids=lambda field: type(field).__name__)
def test_every_limit_of_a_kind_is_described(field: Field) -> None:
    """Each attribute of the kind itself is a member of the description."""
    own = {name for name in field.__struct_fields__ if name not in Field.__struct_fields__}
    assert own <= described(field, is_admin=False).keys()
