"""References between the collections of an app: each is completed from what it refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hinterland.contract.kinds.field import Field
from hinterland.contract.records import Collection
from hinterland.kit.closest_first import closest_first


def linked(collections: Sequence[Collection]) -> tuple[Collection, ...]:
    """The collections, whose references know what ids their targets have.

    Raises ValueError for a target that is not declared, or whose records live below others.
    """
    targets = {collection.name: collection for collection in collections}
    return tuple([_linked(collection, targets) for collection in collections])


def _linked(collection: Collection, targets: Mapping[str, Collection]) -> Collection:
    found = {name: _field(f"{collection.name}.{name}", field, targets) for name, field in collection.fields.items()}
    if all(found[name] is field for name, field in collection.fields.items()):
        return collection
    return msgspec.structs.replace(collection, fields=found)


def _field(place: str, field: Field, targets: Mapping[str, Collection]) -> Field:
    if field.link is None:
        return field
    target = targets.get(field.link.to)
    if target is None:
        known = ", ".join(closest_first(field.link.to, targets))
        raise ValueError(f"{place}: it refers to {field.link.to!r}, which is not declared; declared are {known}")
    if target.parent:
        raise ValueError(
            f"{place}: it refers to {target.name!r}, whose records live below those of {target.parent}; refer to a "
            "collection without a parent"
        )
    return field.linked(target.ids)
