"""The declared collections of a running server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.records import Collection, read_collection
from hinterland.contract.schemas import SchemaAddition, SchemaDescription
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import DeclarationError
from hinterland.server.data.schema import SchemaChange
from hinterland.server.operations.call import Call
from hinterland.server.storage.failures import StorageError


async def describe_schema(backend: Backend, call: Call[None]) -> SchemaDescription:
    """The declared collections."""
    collections = [msgspec.to_builtins(collection) for collection in backend.catalogue.collections()]
    return SchemaDescription(collections=collections, version=backend.catalogue.version)


async def extend_schema(backend: Backend, call: Call[SchemaAddition]) -> SchemaDescription:
    """Declare collections and fields from now on. Raises `validation` for what can't be declared, and `conflict` for
    what touches stored records: nothing has changed then."""
    collections = _read(call.input.collections)
    try:
        await backend.schema.add(collections)
    except DeclarationError as error:
        raise Refusal("validation", str(error)) from None
    except (SchemaChange, StorageError) as error:
        raise Refusal("conflict", str(error)) from None
    return await describe_schema(backend, Call(caller=call.caller, input=None))


def _read(collections: Sequence[dict[str, Any]]) -> list[Collection]:
    try:
        return [read_collection(msgspec.json.encode(collection)) for collection in collections]
    except (ValueError, TypeError) as error:
        raise Refusal("validation", str(error)) from None
