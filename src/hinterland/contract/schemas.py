"""What a server says of its declarations: the messages of schema changes, and the description that clients read.

A field is described by the members of its declaration: `kind`, the limits of its kind, and what differs from the
defaults of `Field` (false, "", null, and `newest` for `merge`). `max_bytes` is there where an index limits the value,
`read_access` where the field has a read rule of its own, and `read` where the reader may know that rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hinterland.contract.changes import WriteKind
from hinterland.contract.kinds.field import Field, Ids
from hinterland.contract.records import Rules

API_VERSION = 1
Access = Literal["everybody", "signed_in", "admin", "rule"]
"""Whom a rule lets pass: everybody, all who are signed in, administrators only, or it depends on caller and record."""


class SchemaAddition(msgspec.Struct, frozen=True, kw_only=True):
    """Collections to declare, each as a whole, as the description of the schema has them; others stay as they are."""

    collections: list[dict[str, Any]]


class SchemaDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The declared collections, and a `version` that changes whenever one of them does."""

    collections: list[dict[str, Any]]
    version: str


class ActionAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Whom each rule of a collection lets pass."""

    list: Access
    view: Access
    create: Access
    update: Access
    delete: Access


class CollectionDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A declared collection, as far as the reader may know it. `fingerprint` changes with everything else in it.

    `hooks` are the kinds of writes that the app's code may change or refuse before they are checked. `rules` are there
    where the reader may know them; `graphql`, the name of the records' type in GraphQL, where it was given one,
    and its `description`, where it has one.
    """

    name: str
    fingerprint: str
    ids: Ids
    parent: str
    is_open: bool
    indexes: list[list[str]]
    hooks: list[WriteKind]
    access: ActionAccess
    rules: Rules | msgspec.UnsetType = msgspec.UNSET
    fields: dict[str, dict[str, Any]]
    graphql: str = ""
    description: str = ""


class ChannelAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the rules of a channel let pass."""

    join: Access
    send: Access


class ChannelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """Channels that are declared, as far as the reader may know them: the `path` that covers their names, and the
    `parameters` that it has in braces, each `text` or `integer`. `rules`, by `join` and `send`, are there where the
    reader may know them."""

    path: str
    parameters: dict[str, Literal["text", "integer"]]
    history: int
    history_days: float
    presence: bool
    shows: list[str]
    access: ChannelAccess
    rules: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of requests: bytes of a body and a record, levels of JSON, records of a page, collections of a pull,
    mutations and writes of a push, writes of a mutation, and outcomes that a device has not acknowledged."""

    max_body_bytes: int
    max_record_bytes: int
    max_depth: int
    max_page: int
    max_pull_collections: int
    max_push_mutations: int
    max_push_writes: int
    max_mutation_writes: int
    max_unacknowledged: int


class AppDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client must know of an app. `api` is the version of this description, `fingerprint` changes with
    everything else in it, and `audience` says for whom it is: administrators see everything. `channels` is left out
    where there are none."""

    api: int
    name: str
    fingerprint: str
    audience: Literal["everybody", "admin"]
    log_days: float
    password_min_length: int
    limits: ServerLimits
    collections: list[CollectionDescription]
    channels: list[ChannelDescription] = []


def described_field(field: Field) -> dict[str, Any]:
    """A field's declaration with the limits of its kind, also where they are the defaults."""
    own = [name for name in field.__struct_fields__ if name not in Field.__struct_fields__]
    limits = {name: _described(getattr(field, name)) for name in own}
    given = {name: limit for name, limit in limits.items() if limit is not False and limit not in (None, "", (), [])}
    return {**msgspec.to_builtins(field), **given}


def _described(value: object) -> Any:
    if isinstance(value, Mapping):
        return {name: _described(each) for name, each in value.items()}
    return described_field(value) if isinstance(value, Field) else msgspec.to_builtins(value)
