"""The description of an app, as far as a reader may know it.

Administrators see everything. For others, collections that nobody but administrators may use are left out, and fields
that nobody else reads or writes; of a rule they see whom it lets pass, and its text where the app wants that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
    CollectionDescription,
    ServerLimits,
    described_field,
)
from hinterland.kit.cel.typed import Constant, HasValue
from hinterland.kit.strict_json import MAX_DEPTH
from hinterland.server.data.catalogue import ACTIONS, Catalogue, Entry
from hinterland.server.data.rules import Rule
from hinterland.server.declaration import App

_SIGNED_UP = "users"  # whom everybody creates by signing up, and who read their own record


def describe(app: App, catalogue: Catalogue, *, is_admin: bool) -> AppDescription:
    """The description of `app` for administrators, or for all others."""
    has_text = is_admin or app.settings.public_rules
    described = []
    for entry in catalogue.entries.values():
        if is_admin or _is_used(catalogue, entry):
            described.append(_collection(app, entry, is_whole=is_admin, has_text=has_text))
    settings = app.settings
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
    )
    # The order in which collections were declared differs between the processes of one database.
    ordered = msgspec.structs.replace(made, collections=sorted(described, key=lambda each: each.name))
    return msgspec.structs.replace(made, fingerprint=_fingerprint(ordered))


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


def _is_used(catalogue: Catalogue, entry: Entry) -> bool:
    """Whether others than administrators use the collection, or one below it, whose paths name it."""
    is_open = entry.name == _SIGNED_UP or any(access_of(rule) != "admin" for rule in entry.rules.values())
    return is_open or any(_is_used(catalogue, catalogue.entries[name]) for name in entry.children)


def _collection(app: App, entry: Entry, *, is_whole: bool, has_text: bool) -> CollectionDescription:
    declared = entry.collection
    longest = limits(declared.fields, declared.indexes)
    access = {action: access_of(entry.rules[action]) for action in ACTIONS}
    fields = {
        name: _field(field, access_of(entry.private[name]) if field.read else None, longest.get(name), has_text)
        for name, field in declared.fields.items()
        if is_whole or _is_reached(entry, name, field, access)
    }
    if not is_whole:
        for name, field in fields.items():
            if field.get("read_access") == "admin":
                fields[name] = _without_default(field)
    known = {*fields, *META}
    made = CollectionDescription(
        name=declared.name,
        fingerprint="",
        ids=declared.ids,
        parent=declared.parent,
        is_open=declared.is_open,
        indexes=[[*group] for group in declared.indexes if known.issuperset(group)],
        hooks=[kind for kind in get_args(WriteKind) if (declared.name, kind) in app.hooks.before],
        access=msgspec.convert(access, ActionAccess),
        rules=declared.rules if has_text else msgspec.UNSET,
        fields=fields,
    )
    return msgspec.structs.replace(made, fingerprint=_fingerprint(made))


def _is_reached(entry: Entry, name: str, field: Field, access: Mapping[str, Access]) -> bool:
    """Whether others than administrators read the field in a response, or write it."""
    is_account = entry.name == _SIGNED_UP
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


def _without_default(field: dict[str, Any]) -> dict[str, Any]:
    """A field that its writers don't read, without the value that it has where they leave it out."""
    hidden = {"default", "required"} if "default" in field else set()
    return {name: value for name, value in field.items() if name not in hidden}


def _fingerprint(described: msgspec.Struct) -> str:
    return hashlib.sha256(msgspec.json.encode(described, order="sorted")).hexdigest()[:16]
