"""Paths of collections and parents as the client takes them, so that none reaches another place than it names."""

from __future__ import annotations

from hinterland.client.answers import refused_here
from hinterland.client.errors import StatusError
from hinterland.contract.errors import invalid
from hinterland.contract.identity import is_record_id, is_temporary


def checked_collection(path: str) -> str:
    """The name of a collection, or the path of a nested one: `posts/42/comments`. Raises ValidationFailed."""
    parts = path.split("/")
    if len(parts) % 2 == 0 or not all(is_record_id(part) for part in parts):
        raise _refused("collection", f"must be a name, or a path such as posts/42/comments; it is {path!r}")
    return path


def checked_parent(path: str, *, is_local: bool = False) -> str:
    """The path of the record that owns others, `posts/42`; "": none does. Raises ValidationFailed."""
    parts = path.split("/") if path else []
    if len(parts) % 2 or not all(is_record_id(part) or (is_local and is_temporary(part)) for part in parts):
        raise _refused("parent", f"must be a record's path such as posts/42; it is {path!r}")
    return path


def _refused(name: str, message: str) -> StatusError:
    return refused_here(invalid({name: [message]}))
