"""The declared collections of a running server, and the description of the app that clients read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection, read_collection
from hinterland.contract.schemas import SchemaAddition, SchemaDescription
from hinterland.kit import validation_mismatch
from hinterland.kit.closest_first import closest_first
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Catalogue, DeclarationError
from hinterland.server.data.description import describe, has_rules
from hinterland.server.data.schema import SchemaChange
from hinterland.server.operations.call import Call, Reply
from hinterland.server.storage.failures import StorageError


class DescribedApp(NamedTuple):
    """The description of an app as JSON, and its fingerprint."""

    text: msgspec.Raw
    fingerprint: str


_described: WeakKeyDictionary[Catalogue, tuple[str, dict[bool, DescribedApp]]] = WeakKeyDictionary()


def described(backend: Backend, reader: Principal) -> DescribedApp:
    """The description of the app as `reader` may know it. It is made once for each version of the schema."""
    catalogue = backend.catalogue
    version, made = _described.get(catalogue, ("", {}))
    if version != catalogue.version:
        made = {}
        _described[catalogue] = catalogue.version, made
    if reader.is_admin not in made:
        has_text = has_rules(backend.app, is_admin=reader.is_admin)
        channels = backend.channels.book.described(is_admin=reader.is_admin, has_text=has_text)
        whole = describe(backend.app, catalogue, channels, is_admin=reader.is_admin)
        made[reader.is_admin] = DescribedApp(msgspec.Raw(msgspec.json.encode(whole)), whole.fingerprint)
    return made[reader.is_admin]


async def describe_app(backend: Backend, call: Call[None]) -> Reply:
    """What a client must know of the app."""
    text, fingerprint = described(backend, call.caller)
    return Reply(text, tag=fingerprint)


async def describe_schema(backend: Backend, call: Call[None]) -> SchemaDescription:
    """The declared collections."""
    collections = [msgspec.to_builtins(collection) for collection in backend.catalogue.collections()]
    return SchemaDescription(collections=collections, version=backend.catalogue.version)


async def extend_schema(backend: Backend, call: Call[SchemaAddition]) -> SchemaDescription:
    """Declare collections and fields from now on. Raises `validation` for what can't be declared, and `conflict` for
    what touches stored records: nothing has changed then."""
    collections: dict[str, Collection] = {}
    for collection in _read(call.input.collections):
        if collection.name in collections:
            raise Refusal("validation", f"collection {collection.name!r} is declared twice")
        collections[collection.name] = collection
    try:
        await backend.schema.add([*collections.values()])
    except DeclarationError as error:
        raise Refusal("validation", str(error)) from None
    except SchemaChange as change:
        reasons = "; ".join(change.reasons)
        raise Refusal("conflict", f"this touches stored records: {reasons}; use hinterland migrate") from None
    except StorageError as error:
        raise Refusal("conflict", str(error)) from None
    return await describe_schema(backend, Call(caller=call.caller, input=None))


def _read(collections: Sequence[dict[str, Any]]) -> Iterator[Collection]:
    for given in collections:
        try:
            collection = read_collection(msgspec.json.encode(given))
        except msgspec.ValidationError as error:
            mismatch = validation_mismatch.read(error)
            raise Refusal("validation", f"{mismatch.path[2:]}: {validation_mismatch.phrase(mismatch)}") from None
        except (ValueError, TypeError) as error:
            raise Refusal("validation", str(error)) from None
        for place, name, known in _unknown(collection.name, given, collection):
            listed = ", ".join(closest_first(name, known))
            raise Refusal("validation", f"{place}: unknown member {name!r}; known: {listed}")
        yield collection


def _unknown(place: str, given: Mapping[str, Any], declared: msgspec.Struct) -> Iterator[tuple[str, str, list[str]]]:
    """The members of `given` that say nothing in `declared`, which was read from it, each with its place and the known
    ones: a misspelt read rule must not declare a field that everybody sees."""
    known = {field.encode_name: getattr(declared, field.name) for field in msgspec.structs.fields(declared)}
    for name, value in given.items():
        meant = known.get(name)
        if name not in known and name != declared.__struct_config__.tag_field:
            yield place, name, [*known]
        elif isinstance(meant, msgspec.Struct):
            yield from _unknown(f"{place}.{name}", value, meant)
        elif isinstance(meant, dict):
            for key, inner in meant.items():
                yield from _unknown(f"{place}.{key}", value[key], inner)
