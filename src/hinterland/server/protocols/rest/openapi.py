"""`/openapi.json`: the table of operations and the declared collections as OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from hinterland.contract.errors import CODES, Problem
from hinterland.contract.fields import AnyField, Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.operations import EVERY_OPERATION_ERRORS, OPERATIONS, Operation
from hinterland.contract.query import DEFAULT_LIMIT, MAX_LIMIT
from hinterland.contract.records import Collection

_REF = "#/components/schemas/{name}"
_QUERY: dict[str, Any] = {
    "page": {"type": "integer", "minimum": 1},
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "cursor": {"type": "string"},
    "filter": {"type": "string", "description": "CEL over `record` and `auth`"},
    "sort": {"type": "string", "description": "field names with commas between, `-` before one for descending"},
    "total": {"type": "boolean", "default": False},
}
_META: dict[str, Any] = {
    "created_at": {"type": "string", "format": "date-time", "readOnly": True},
    "updated_at": {"type": "string", "format": "date-time", "readOnly": True},
    "revision": {"type": "integer", "readOnly": True},
}


def document(title: str, collections: Iterable[Collection]) -> dict[str, Any]:
    """The whole document (OpenAPI 3.1)."""
    declared = list(collections)
    structs = [s for o in OPERATIONS.values() for s in (o.input, o.output) if s is not None] + [Problem]
    _, components = msgspec.json.schema_components(structs, ref_template=_REF)
    schemas = {**components, **{name: schema for c in declared for name, schema in _records(c).items()}}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS.values():
        for path, names in _paths(operation, declared):
            paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, path, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _paths(operation: Operation, declared: list[Collection]) -> list[tuple[str, str]]:
    """The paths of an operation; those of records once for each collection, with its name."""
    if "{collection}" not in operation.path:
        return [(path, "") for path in (operation.path, *(alias.path for alias in operation.aliases))]
    by_name = {collection.name: collection for collection in declared}
    return [(operation.path.replace("{collection}", _place(c, by_name)), c.name) for c in declared]


def _place(collection: Collection, by_name: dict[str, Collection]) -> str:
    place, above = collection.name, collection.parent
    while above:
        place = f"{above}/{{{above}_id}}/{place}"
        above = by_name[above].parent
    return place


def _operation(operation: Operation, path: str, collection: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": ".".join(filter(None, (operation.name, collection, _alias(operation, path, collection)))),
        "summary": operation.summary,
        "parameters": _parameters(operation, path),
        "responses": _responses(operation, collection),
    }
    if operation.auth != "ignored":
        made["security"] = [{"bearer": []}] if operation.auth == "required" else [{}, {"bearer": []}]
    body = _body(operation, collection)
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def _parameters(operation: Operation, path: str) -> list[dict[str, Any]]:
    made = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if operation.name == "records.list":
        made += [{"name": name, "in": "query", "schema": schema} for name, schema in _QUERY.items()]
    if operation.is_idempotent_by_key:
        made.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}})
    if "stale" in operation.errors:
        made.append({"name": "If-Match", "in": "header", "schema": {"type": "string"}})
    return made


def _alias(operation: Operation, path: str, collection: str) -> str:
    return "" if collection or path == operation.path else path.strip("/").replace("/", "_")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def _body(operation: Operation, collection: str) -> dict[str, Any] | None:
    if operation.input is not None:
        return _ref(operation.input.__name__)
    if operation.name in ("records.create", "records.replace"):
        return _ref(f"{collection}_body")
    if operation.name == "records.patch":
        return _ref(f"{collection}_patch")
    if operation.name == "admin.import":
        rows = {"type": "array", "items": {"type": "object"}, "maxItems": MAX_LIMIT}
        return {"type": "object", "properties": {"rows": rows}}
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
    record = _ref(f"{collection}_record") if collection else {"type": "object"}
    if operation.view == "list":
        properties = {"items": {"type": "array", "items": record}, "next": {"type": "string"}}
        return {"type": "object", "properties": {**properties, "total": {"type": "integer"}}, "required": [*properties]}
    return record if operation.view in ("record", "profile", "plain") else None


def _records(collection: Collection) -> dict[str, dict[str, Any]]:
    """The schemas of a collection: the record as it is answered, the body that makes one, and the one that changes
    one."""
    declared = collection.fields.items()
    id_type = {"type": "integer" if collection.ids == "integer" else "string"}
    fields = {name: _field(field) for name, field in declared}
    # A field with a rule of its own is not in every caller's answers.
    shown = [name for name, field in declared if field.required and not field.read]
    asked = [name for name, field in declared if field.required and field.default is None and not field.fill]
    patch = {name: _transformed(schema) for name, schema in fields.items()}
    body = {"id": id_type, **fields} if collection.ids == "string" else fields
    return {
        f"{collection.name}_record": _object({"id": id_type, **_META, **fields}, ["id", *_META, *shown]),
        f"{collection.name}_body": _object(body, asked),
        f"{collection.name}_patch": _object(patch, []),
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    made = {"type": "object", "properties": properties}
    return {**made, "required": required} if required else made


def _transformed(schema: dict[str, Any]) -> dict[str, Any]:
    """A value, or a transform such as `{"$increment": 1}`."""
    transform = {"type": "object", "minProperties": 1, "maxProperties": 1, "patternProperties": {"^[$]": {}}}
    return {"anyOf": [schema, transform]} if schema else schema


def _field(field: AnyField) -> dict[str, Any]:
    match field:
        case Text():
            schema: dict[str, Any] = {"type": "string", "maxLength": field.max_length}
            if field.min_length:
                schema["minLength"] = field.min_length
            if field.format:
                schema["format"] = {"email": "email", "url": "uri"}[field.format]
            if field.pattern:
                schema["pattern"] = f"^(?:{field.pattern})$"
            if field.choices:
                schema["enum"] = [*field.choices] if field.required else [*field.choices, None]
        case Integer():
            schema = {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}
        case Number():
            schema = {"type": "number"}
        case Boolean():
            schema = {"type": "boolean"}
        case Instant():
            schema = {"type": "string", "format": "date-time"}
        case Int64():
            schema = {"type": "string", "format": "int64"}
        case Bytes():
            schema = {"type": "string", "contentEncoding": "base64"}
        case List():
            schema = {"type": "array", "items": _field(field.of), "maxItems": field.max_items}
        case Json():
            return {}
    return schema if field.required else {**schema, "type": [schema["type"], "null"]}
