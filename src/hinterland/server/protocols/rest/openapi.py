"""`/openapi.json`: the table of operations as OpenAPI 3.1; the schemas of collections are made next door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hinterland.contract.errors import CODES, Problem
from hinterland.contract.operations import EVERY_OPERATION_ERRORS, OPERATIONS, Operation
from hinterland.contract.query import DEFAULT_LIMIT, MAX_LIMIT
from hinterland.contract.records import Collection
from hinterland.contract.sync import MAX_COLLECTIONS
from hinterland.server.protocols.rest.schemas import forms, record_schemas, sorting

_REF = "#/components/schemas/{name}"
_CURSOR: dict[str, Any] = {"type": "string", "format": "cursor", "description": "as the server gave it"}
_FILTER: dict[str, Any] = {"type": "string", "format": "cel", "description": "CEL over `record` and `auth`"}
_QUERY: dict[str, Any] = {
    "page": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "cursor": _CURSOR,
    "filter": _FILTER,
    "total": {"type": "boolean", "default": False},
}
_STREAM: dict[str, Any] = {
    "collection": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_COLLECTIONS},
    "filter": _FILTER,
    "cursor": _CURSOR,
    "ticket": {"type": "string", "description": "lets those in who can't send a header"},
}
_PRINTED = "\u00a1-\u00ac\u00ae-\u00ff"  # of Latin-1, which is what headers hold
_KEY = {"type": "string", "maxLength": 200, "pattern": f"^[ -~{_PRINTED}]*[!#-~{_PRINTED}][ -~{_PRINTED}]*$"}
_BODIES = {"records.create": "body", "records.replace": "replacement", "records.patch": "patch"}
_TAG = {"type": "string", "pattern": r'^(\*|"\d{1,15}"(, "\d{1,15}")*)$'}


def document(title: str, collections: Iterable[Collection], *, password_length: int = 1) -> dict[str, Any]:
    """The whole document (OpenAPI 3.1). A new password has at least `password_length` characters."""
    declared = list(collections)
    structs = [s for o in OPERATIONS.values() for s in (o.input, o.output) if s is not None] + [Problem]
    _, components = msgspec.json.schema_components(structs, ref_template=_REF)
    schemas = {**components, **forms(declared, password_length)}
    for each in declared:
        schemas.update(record_schemas(each))
    _give_items(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS.values():
        for path, collection in _paths(operation, declared):
            paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, path, collection)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": "."}],  # relative to this document, wherever a proxy puts it
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _give_items(schema: Any) -> None:
    """Say of every array what its items are, anything where nothing else is said: generators refuse one without."""
    if isinstance(schema, dict):
        if schema.get("type") == "array":
            schema.setdefault("items", {})
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            _give_items(inner)


def _paths(operation: Operation, declared: list[Collection]) -> list[tuple[str, Collection | None]]:
    """The paths of an operation; those of records once for each collection."""
    if "{collection}" not in operation.path:
        return [(path, None) for path in (operation.path, *(alias.path for alias in operation.aliases))]
    by_name = {collection.name: collection for collection in declared}
    return [(operation.path.replace("{collection}", _place(c, by_name)), c) for c in declared]


def _place(collection: Collection, by_name: dict[str, Collection]) -> str:
    place, above = collection.name, collection.parent
    while above:
        place = f"{above}/{{{above}_id}}/{place}"
        above = by_name[above].parent
    return place


def _operation(operation: Operation, path: str, collection: Collection | None) -> dict[str, Any]:
    name = collection.name if collection is not None else ""
    made: dict[str, Any] = {
        "operationId": ".".join(filter(None, (operation.name, name, _alias(operation, path, name)))),
        "summary": operation.summary,
        "parameters": _parameters(operation, path, collection),
        "responses": _responses(operation, name),
    }
    if operation.auth != "ignored":
        made["security"] = [{}, {"bearer": []}] if operation.auth == "optional" else [{"bearer": []}]
    if operation.auth == "admin":
        made["description"] = "For administrators, who log in at `POST /v1/admin/login`."
    body = _body(operation, name)
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def _parameters(operation: Operation, path: str, collection: Collection | None) -> list[dict[str, Any]]:
    made = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if operation.name == "records.list" and collection is not None:
        made += _asked({**_QUERY, "sort": sorting(collection)})
    if operation.view == "stream":
        made += _asked(_STREAM, required=["collection"])
    if operation.is_idempotent_by_key:
        made.append({"name": "Idempotency-Key", "in": "header", "schema": _KEY})
    if "stale" in operation.errors:
        made.append({"name": "If-Match", "in": "header", "schema": _TAG})
    return made


def _asked(schemas: dict[str, Any], required: Sequence[str] = ()) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "schema": schema, "required": name in required}
        for name, schema in schemas.items()
    ]


def _alias(operation: Operation, path: str, collection: str) -> str:
    return "" if collection or path == operation.path else path.strip("/").replace("/", "_")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def _body(operation: Operation, collection: str) -> dict[str, Any] | None:
    if operation.name == "admin.create":
        return _ref("NewAdministrator")
    if operation.input is not None:
        return _ref(operation.input.__name__)
    if operation.name in _BODIES:
        return _ref(f"{collection}_{_BODIES[operation.name]}")
    return None


def _responses(operation: Operation, collection: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    schema = _answer(operation, collection)
    if operation.view == "stream":
        answer["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif schema is not None and operation.status != 204:
        answer["content"] = {"application/json": {"schema": schema}}
    responses = {str(operation.status): answer}
    problem = {"application/problem+json": {"schema": _ref("Problem")}}
    by_status: dict[int, list[str]] = {}
    for code in (*operation.errors, *EVERY_OPERATION_ERRORS):
        by_status.setdefault(CODES[code].status, []).append(f"{code}: {CODES[code].title}")
    for status, titles in sorted(by_status.items()):
        responses[str(status)] = {"description": "; ".join(titles), "content": problem}
    return responses


def _answer(operation: Operation, collection: str) -> dict[str, Any] | None:
    if operation.output is not None:
        return _ref(operation.output.__name__)
    record = _ref(f"{collection}_record") if collection and operation.view != "plain" else {"type": "object"}
    if operation.view == "list":
        properties = {"items": {"type": "array", "items": record}, "next": {"type": "string"}}
        return {"type": "object", "properties": {**properties, "total": {"type": "integer"}}, "required": [*properties]}
    return record if operation.view in ("record", "profile", "plain") else None
