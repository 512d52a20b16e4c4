"""What a client makes of a server's description of its app, which may be of another version than the client.

Members that are not known are ignored. A field of an unknown kind, or that this version can't declare, is any JSON
value, as in an open collection; a collection that this version can't declare is not known.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec

from hinterland.contract.changes import WriteKind
from hinterland.contract.records import META, Collection, CompiledCollection, Document, Tried, read_collection

_UNFIT = (TypeError, ValueError, KeyError, AttributeError, RecursionError, msgspec.MsgspecError)
_BESIDE = ("rules", "access", "fingerprint", "hooks")  # what clients don't need of a collection's declaration


def collections_in(text: bytes | str) -> dict[str, CompiledCollection] | None:
    """The collections of a description by name; None where `text` is no description, such as the page of a portal."""
    try:
        described = msgspec.json.decode(text)
    except _UNFIT:
        return None
    if not isinstance(described, dict) or "api" not in described or not isinstance(described.get("collections"), list):
        return None
    found = (_compiled(each) for each in described["collections"])
    return {each.collection.name: each for each in found if each is not None}


class HookedCollection(CompiledCollection):
    """A collection of which the app's code may change writes of some `kinds` before they are checked: only the server
    knows what is wrong with these, and a record shows what they set."""

    def __init__(self, collection: Collection, kinds: Container[str]) -> None:
        super().__init__(collection)
        self.kinds = kinds

    def try_new(self, body: Mapping[str, Any], caller: object = None) -> Tried:
        """The document of a record that is created from `body`, and the errors."""
        return self._let("create", super().try_new(body, caller), body)

    def try_replace(self, document: Document, body: Mapping[str, Any], unseen: Iterable[str] = ()) -> Tried:
        """The document after a PUT, and the errors."""
        return self._let("update", super().try_replace(document, body, unseen), body)

    def try_patch(self, document: Document, body: Mapping[str, Any]) -> Tried:
        """The document after a PATCH, and the errors."""
        return self._let("update", super().try_patch(document, body), body)

    def _let(self, kind: WriteKind, tried: Tried, body: Mapping[str, Any]) -> Tried:
        if kind not in self.kinds:
            return tried
        document, errors = tried
        return document | {name: body[name] for name in errors if name in body}, {}


def _compiled(described: Any) -> CompiledCollection | None:
    """A collection of a description; None where this version can't declare it."""
    try:
        hooks = [str(kind) for kind in described.get("hooks", ())]
        declared = {name: value for name, value in described.items() if name not in _BESIDE}
        given = declared.pop("fields")
        known = {name: field for name, field in given.items() if _is_known(name, field)}
        declared |= {"fields": known, "is_open": bool(declared.get("is_open")) or len(known) < len(given)}
        declared["indexes"] = [group for group in declared.get("indexes", ()) if {*known, *META}.issuperset(group)]
        collection = read_collection(msgspec.json.encode(declared))
        return HookedCollection(collection, hooks) if hooks else CompiledCollection(collection)
    except _UNFIT:
        return None


def _is_known(name: str, field: Any) -> bool:
    """Whether this version can declare the field."""
    try:
        read_collection(msgspec.json.encode({"name": "any", "fields": {name: field}}))
    except _UNFIT:
        return False
    return True
