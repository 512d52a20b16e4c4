"""What a client makes of a server's description of its app, which may be of another version than the client.

Members that are not known are ignored. A field of an unknown kind, or that this version can't declare, is any JSON
value, as in an open collection; a collection that this version can't declare is not known.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec

from hinterland.contract.changes import WriteKind
from hinterland.contract.kinds.field import Transform
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.records import (
    META,
    Collection,
    CompiledCollection,
    Document,
    Errors,
    Tried,
    field_of_path,
    read_collection,
)

_UNFIT = (TypeError, ValueError, KeyError, AttributeError, RecursionError, msgspec.MsgspecError)
_BESIDE = ("rules", "access", "fingerprint", "hooks")  # what clients don't need of a collection's declaration


def collections_in(text: bytes | str, *, is_certain: bool = True) -> dict[str, DescribedCollection] | None:
    """The collections of a description by name; None where `text` is no description, such as the page of a portal.

    One that is not `is_certain` may be older than the app, whose writes then may have fields that it lacks.
    """
    try:
        described = msgspec.json.decode(text)
    except _UNFIT:
        return None
    if not isinstance(described, dict) or "api" not in described or not isinstance(described.get("collections"), list):
        return None
    found = (_compiled(each, is_certain=is_certain) for each in described["collections"])
    return {each.collection.name: each for each in found if each is not None}


class DescribedCollection(CompiledCollection):
    """A collection as a reader knows it, whose documents may lack fields and have others.

    `hooks` are the kinds of writes that the app's code may change before they are checked: only the server knows what
    is wrong with these, and a record shows what they set. `private` are the fields that not every reader sees: where a
    document lacks one, it may have a value all the same. Where the description is not `is_certain`, writes may have
    other fields than those that it names.
    """

    def __init__(
        self, collection: Collection, hooks: Container[str], private: frozenset[str], *, is_certain: bool
    ) -> None:
        super().__init__(collection)
        self.hooks = hooks
        self.private = private
        self.is_certain = is_certain

    def is_same(self, other: DescribedCollection) -> bool:
        """Whether both describe the same."""
        known = self.collection, self.hooks, self.private
        return known == (other.collection, other.hooks, other.private)

    def transform(self, name: str, word: str) -> Transform | None:
        """The transform that a patch may use on a field."""
        if self.is_certain or name in self.names:
            return super().transform(name, word)
        return UNDECLARED.transforms().get(word)

    def try_new(self, body: Mapping[str, Any], caller: object = None) -> Tried:
        """The document of a record that is created from `body`, and the errors."""
        return self._let("create", super().try_new(body, caller), body)

    def try_replace(self, document: Document, body: Mapping[str, Any], unseen: Iterable[str] = ()) -> Tried:
        """The document after a PUT, and the errors."""
        return self._let("update", self._seen(document, body, super().try_replace(document, body, unseen)), body)

    def try_patch(self, document: Document, body: Mapping[str, Any], unseen: Container[str] = ()) -> Tried:
        """The document after a PATCH, and the errors."""
        result, errors = self._seen(document, body, super().try_patch(document, body, unseen))
        known = {*result, *body, *self.private}
        more = {name: value for name, value in document.items() if name not in known}
        return self._let("update", (result | more, errors), body)

    def _seen(self, document: Document, body: Mapping[str, Any], tried: Tried) -> Tried:
        """Without the fields that the reader does not see."""
        hidden = self.private - document.keys() - body.keys()
        result, errors = ({name: part[name] for name in part if name not in hidden} for part in tried)
        return result, errors

    def _let(self, kind: WriteKind, tried: Tried, body: Mapping[str, Any]) -> Tried:
        document, errors = tried
        left: Errors = {}
        for name, messages in errors.items():
            if kind in self.hooks or not (self.is_certain or field_of_path(name) in self.names):
                document |= {field: body[field] for field in (field_of_path(name),) if field in body}
            else:
                left[name] = messages
        return document, left


def _compiled(described: Any, *, is_certain: bool) -> DescribedCollection | None:
    """A collection of a description; None where this version can't declare it."""
    try:
        hooks = [str(kind) for kind in described.get("hooks", ())]
        declared = {name: value for name, value in described.items() if name not in _BESIDE}
        given = declared.pop("fields")
        known = {name: field for name, field in given.items() if _is_known(name, field)}
        has_others = bool(declared.get("is_open")) or len(known) < len(given)
        groups = [group for group in declared.get("indexes", ()) if {*known, *META}.issuperset(group)]
        declared |= {"fields": known, "is_open": has_others, "indexes": groups}
        private = frozenset(
            name for name, field in known.items() if field.get("read_access", "everybody") != "everybody"
        )
        collection = read_collection(msgspec.json.encode(declared))
        return DescribedCollection(collection, hooks, private, is_certain=is_certain)
    except _UNFIT:
        return None


def _is_known(name: str, field: Any) -> bool:
    """Whether this version can declare the field."""
    try:
        read_collection(msgspec.json.encode({"name": "any", "fields": {name: field}}))
    except _UNFIT:
        return False
    return True
