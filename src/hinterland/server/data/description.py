"""The description of an app, as far as a reader may know it.

Administrators see everything. For others, collections that nobody but administrators may use are left out, and fields
that nobody else reads or writes; of a rule they see whom it lets pass, and its text where the app wants that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from hinterland.contract import sync
from hinterland.contract.changes import WriteKind
from hinterland.contract.indexed import limits, own_limit
from hinterland.contract.kinds.field import Field
from hinterland.contract.query import MAX_LIMIT
from hinterland.contract.records import META
from hinterland.contract.schemas import (
    API_VERSION,
    Access,
    ActionAccess,
    AppDescription,
    ChannelDescription,
    CollectionDescription,
    ServerLimits,
    described_field,
)
from hinterland.kit.strict_json import MAX_DEPTH
from hinterland.server.data.catalogue import ACTIONS, SIGNED_UP, Catalogue, Entry
from hinterland.server.data.rules import access_of
from hinterland.server.declaration import App


def describe(
    app: App, catalogue: Catalogue, channels: Sequence[ChannelDescription] = (), *, is_admin: bool
) -> AppDescription:
    """The description of `app`, whose `channels` are those of the reader, for administrators, or for all others."""
    settings, has_text = app.settings, has_rules(app, is_admin=is_admin)
    known = known_fields(catalogue, is_admin=is_admin)
    described = [_collection(app, catalogue[name], fields, known, has_text=has_text) for name, fields in known.items()]
    made = AppDescription(
        api=API_VERSION,
        name=app.name,
        fingerprint="",
        audience="admin" if is_admin else "everybody",
        log_days=settings.log_days,
        password_min_length=settings.auth.password_min_length,
        limits=ServerLimits(
            max_body_bytes=settings.max_body_bytes,
            max_record_bytes=settings.max_record_bytes,
            max_depth=MAX_DEPTH,
            max_page=MAX_LIMIT,
            max_pull_collections=sync.MAX_COLLECTIONS,
            max_push_mutations=sync.MAX_MUTATIONS,
            max_push_writes=sync.MAX_PUSH_WRITES,
            max_mutation_writes=sync.MAX_WRITES,
            max_unacknowledged=sync.MAX_UNACKNOWLEDGED,
        ),
        collections=described,
        channels=sorted(channels, key=lambda each: each.path),
    )
    # The order in which collections were declared differs between the processes of one database.
    ordered = msgspec.structs.replace(made, collections=sorted(described, key=lambda each: each.name))
    return msgspec.structs.replace(made, fingerprint=_fingerprint(ordered))


def has_rules(app: App, *, is_admin: bool) -> bool:
    """Whether administrators, or all others, may know the rules as they are written."""
    return is_admin or app.settings.public_rules


def known_fields(catalogue: Catalogue, *, is_admin: bool) -> dict[str, dict[str, Field]]:
    """The collections and fields that administrators, or all others, may know, by name. Everything that tells readers
    what there is asks this."""
    if is_admin:
        return {name: dict(entry.collection.fields) for name, entry in catalogue.entries.items()}
    entries = [entry for entry in catalogue.entries.values() if catalogue.is_used(entry)]
    return {entry.name: dict(_known_of(entry)) for entry in entries}


def _known_of(entry: Entry) -> Iterator[tuple[str, Field]]:
    """The fields that others than administrators read or write; those that they only write without the value that they
    have where it is left out."""
    access = _access(entry)
    for name, field in entry.collection.fields.items():
        if not _is_reached(entry, name, field, access):
            continue
        is_hidden = bool(field.read) and access_of(entry.private[name]) == "admin"
        has_default = is_hidden and field.default is not None
        yield name, msgspec.structs.replace(field, default=None, required=False) if has_default else field


def _access(entry: Entry) -> dict[str, Access]:
    return {action: access_of(entry.rules[action]) for action in ACTIONS}


def _collection(
    app: App, entry: Entry, fields: Mapping[str, Field], targets: Container[str], *, has_text: bool
) -> CollectionDescription:
    declared = entry.collection
    longest = limits(declared.fields, declared.indexes)
    known = {*fields, *META}
    fields = {name: field.referring_within(targets) for name, field in fields.items()}
    made = CollectionDescription(
        name=declared.name,
        fingerprint="",
        ids=declared.ids,
        parent=declared.parent,
        is_open=declared.is_open,
        graphql=declared.graphql,
        description=declared.description,
        indexes=[[*group] for group in declared.indexes if known.issuperset(group)],
        hooks=[kind for kind in get_args(WriteKind) if (declared.name, kind) in app.hooks.before],
        access=msgspec.convert(_access(entry), ActionAccess),
        rules=declared.rules if has_text else msgspec.UNSET,
        fields={
            name: _field(field, access_of(entry.private[name]) if field.read else None, longest.get(name), has_text)
            for name, field in fields.items()
        },
    )
    return msgspec.structs.replace(made, fingerprint=_fingerprint(made))


def _is_reached(entry: Entry, name: str, field: Field, access: Mapping[str, Access]) -> bool:
    """Whether others than administrators read the field in a response, or write it."""
    is_account = entry.name == SIGNED_UP
    is_read = is_account or any(access[action] != "admin" for action in ACTIONS if action != "delete")
    is_written = is_account or access["create"] != "admin" or access["update"] != "admin"
    is_hidden = bool(field.read) and access_of(entry.private[name]) == "admin"
    return (is_read and not is_hidden) or (is_written and field.write != "admin")


def _field(field: Field, read: Access | None, limit: int | None, has_text: bool) -> dict[str, Any]:
    made = described_field(field)
    text = made.pop("read", "")
    if limit is not None:
        made["max_bytes"] = own_limit(field, limit)
    if read is not None:
        made |= {"read_access": read, **({"read": text} if has_text else {})}
    return made


def _fingerprint(described: msgspec.Struct) -> str:
    return hashlib.sha256(msgspec.json.encode(described, order="sorted")).hexdigest()[:16]
