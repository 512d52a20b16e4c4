"""`/openapi.json`: the table of operations as OpenAPI 3.1; the schemas of collections are in `schemas`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hinterland.contract.aggregation import AggregatePage
from hinterland.contract.batches import MAX_BULK_ROWS
from hinterland.contract.errors import CODES, Problem
from hinterland.contract.json_patch import MEDIA_TYPE
from hinterland.contract.kinds.field import Field
from hinterland.contract.operations import (
    EVERY_OPERATION_ERRORS,
    OPERATIONS,
    Operation,
    PerCollection,
    segments_of,
)
from hinterland.contract.query import DEFAULT_LIMIT, MAX_LIMIT
from hinterland.contract.records import Collection
from hinterland.contract.searching import LONGEST_SEARCH, searched_fields
from hinterland.contract.transfers import Download, body_field
from hinterland.kit.body import Body
from hinterland.server.protocols.rest.schemas import (
    CURSOR,
    FILTER,
    JSON_PATCH,
    WANTED,
    aggregating,
    forms,
    record_schemas,
    sorting,
    upserting,
)

_REF = "#/components/schemas/{name}"
_QUERY: dict[str, Any] = {
    "page": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "cursor": CURSOR,
    "filter": FILTER,
    "search": {"type": "string", "maxLength": LONGEST_SEARCH, "description": 'words "a phrase" pre* -without'},
    "total": {"type": "boolean", "default": False},
    **WANTED,
}
_PRINTED = "\u00a1-\u00ac\u00ae-\u00ff"  # of Latin-1, which is what headers hold
_KEY = {"type": "string", "maxLength": 200, "pattern": f"^[ -~{_PRINTED}]*[!#-~{_PRINTED}][ -~{_PRINTED}]*$"}
_TAG = {"type": "string", "pattern": r'^(\*|"\d{1,15}"(, "\d{1,15}")*)$'}


def document(
    title: str,
    collections: Iterable[Collection],
    table: Iterable[Operation] = OPERATIONS.values(),
    *,
    known: Mapping[str, Mapping[str, Field]] | None = None,
    password_length: int = 1,
    extension: object = None,
) -> dict[str, Any]:
    """The whole document (OpenAPI 3.1). `known` are the collections and fields that the reader may know, if these are
    not all. A new password has at least `password_length` characters. `extension` is its member `x-hinterland`."""
    rows = list(table)
    declared = [collection for collection in collections if known is None or collection.name in known]
    fields = {each.name: each.fields for each in declared} if known is None else known
    types = list(dict.fromkeys([kind for row in rows for kind in (row.input, row.output) if _is_printed(kind)]))
    printed, components = msgspec.json.schema_components([Problem, *types], ref_template=_REF)
    printer = _Printer(declared, fields, dict(zip(types, printed[1:], strict=True)), components)
    schemas = {**components, "JsonPatch": JSON_PATCH, **forms(fields.get("users", {}), password_length)}
    for each in declared:
        schemas.update(record_schemas(each, fields[each.name]))
    _give_items(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        for path, collection in printer.paths(row):
            paths.setdefault(path, {})[row.method.lower()] = printer.operation(row, path, collection)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": "."}],  # relative to this document, wherever a proxy puts it
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        **({"x-hinterland": extension} if extension is not None else {}),
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


def _is_printed(kind: object) -> bool:
    """Whether an input or output has a schema of its own: bytes have none, records one for each collection."""
    return kind is not None and kind is not Download and not isinstance(kind, PerCollection) and not body_field(kind)


_PACKED_FORMS = ("body", "replacement", "patch", "rows")


class _Printer:
    """Prints operations of the table. `types` are the schemas of inputs and outputs."""

    def __init__(
        self,
        declared: list[Collection],
        fields: Mapping[str, Mapping[str, Field]],
        types: dict[Any, dict[str, Any]],
        components: dict[str, Any],
    ) -> None:
        self._declared = {collection.name: collection for collection in declared}
        self._fields = fields
        self._types = types
        self._components = components

    def paths(self, row: Operation) -> list[tuple[str, Collection | None]]:
        """The paths of an operation; those of records once for each collection."""
        if "{collection}" not in row.path:
            return [(path, None) for path in (row.path, *(alias.path for alias in row.aliases))]
        return [(row.path.replace("{collection}", self._place(c)), c) for c in self._declared.values()]

    def _place(self, collection: Collection) -> str:
        place, above = collection.name, collection.parent
        while above:
            place = f"{above}/{{{above}_id}}/{place}"
            above = self._declared[above].parent
        return place

    def operation(self, row: Operation, path: str, collection: Collection | None) -> dict[str, Any]:
        """One operation at one path."""
        name = collection.name if collection is not None else ""
        made: dict[str, Any] = {
            "operationId": ".".join(filter(None, (row.name, name, _alias(row, path, name)))),
            "summary": row.summary,
            "parameters": self._parameters(row, path, collection),
            "responses": self._responses(row, name),
        }
        if row.auth != "ignored":
            made["security"] = [{}, {"bearer": []}] if row.auth == "optional" else [{"bearer": []}]
        if row.auth == "admin":
            made["description"] = "For administrators, who log in at `POST /v1/admin/login`."
        if content := self._body(row, name):
            made["requestBody"] = {"required": True, "content": content}
            if row.takes_packed or (isinstance(row.input, PerCollection) and row.input.form in _PACKED_FORMS):
                text = "As JSON, or as MessagePack of the same values (`application/vnd.msgpack`)."
                made["requestBody"]["description"] = text
        return made

    def _parameters(self, row: Operation, path: str, collection: Collection | None) -> list[dict[str, Any]]:
        segments = segments_of(path)
        fields = self._properties(row)
        made = [
            {"name": name, "in": "path", "required": True, "schema": fields.get(name, {"type": "string"})}
            for name in segments
        ]
        if isinstance(row.input, PerCollection) and row.input.form == "query" and collection is not None:
            known = self._fields[collection.name]
            left_out = () if searched_fields(known) else ("search",)
            asked = {name: schema for name, schema in _QUERY.items() if name not in left_out}
            made += _asked({**asked, "sort": sorting(collection, known)})
        elif isinstance(row.input, PerCollection) and row.input.form == "aggregation" and collection is not None:
            made += _asked(aggregating(collection, self._fields[collection.name]))
        elif isinstance(row.input, PerCollection) and row.input.form in ("body", "rows") and collection is not None:
            made += _asked(upserting(self._fields[collection.name], collection.ids))
            made += _asked({"atomic": {"type": "boolean", "default": True}} if row.input.form == "rows" else {})
        elif row.name == "records.view":
            made += _asked(WANTED)
        elif row.input is not None and row.has_query_input:
            required = [field.encode_name for field in msgspec.structs.fields(row.input) if field.required]
            asked = {name: schema for name, schema in fields.items() if name not in segments}
            made += _asked(asked, required=required)
        if row.is_idempotent_by_key:
            made.append({"name": "Idempotency-Key", "in": "header", "schema": _KEY})
        if "stale" in row.errors and "{id}" in row.path:
            made.append({"name": "If-Match", "in": "header", "schema": _TAG})
            if row.method == "GET":
                made.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
        if row.is_tagged:
            made.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
        if row.output is Download:
            made.append({"name": "Range", "in": "header", "schema": {"type": "string"}})
        return made

    def _properties(self, row: Operation) -> dict[str, Any]:
        """The schemas of the fields of an input, without a body of bytes."""
        if row.input is None or isinstance(row.input, PerCollection):
            return {}
        if not body_field(row.input):
            name = self._types[row.input]["$ref"].rpartition("/")[2]
            return dict(self._components[name].get("properties", {}))
        fields = [field for field in msgspec.structs.fields(row.input) if field.type is not Body]
        return {field.encode_name: msgspec.json.schema(field.type) for field in fields}

    def _body(self, row: Operation, collection: str) -> dict[str, Any]:
        if isinstance(row.input, PerCollection):
            schema = {} if row.has_query_input else _ref(f"{collection}_{row.input.form}")
        elif row.input is None:
            schema = {}
        elif body_field(row.input):
            return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        else:
            schema = {} if row.has_query_input else self._without_segments(row)
        if isinstance(row.input, PerCollection) and row.input.form == "rows":
            rows = {"type": "array", "items": _ref(f"{collection}_body"), "maxItems": MAX_BULK_ROWS}
            return {"application/json": {"schema": rows}, "application/jsonl": {"schema": {"type": "string"}}}
        if isinstance(row.input, PerCollection) and row.input.form == "patch":
            merge, operations = {"schema": schema}, {"schema": _ref("JsonPatch")}
            return {"application/json": merge, "application/merge-patch+json": merge, MEDIA_TYPE: operations}
        return {"application/json": {"schema": schema}} if schema else {}

    def _without_segments(self, row: Operation) -> dict[str, Any]:
        """The schema of an input without the fields that are segments of the path."""
        segments, schema = row.segments, self._types[row.input]
        if not segments:
            return schema
        whole = self._components[schema["$ref"].rpartition("/")[2]]
        return {
            **whole,
            "properties": {name: of for name, of in whole["properties"].items() if name not in segments},
            "required": [name for name in whole["required"] if name not in segments],
        }

    def _responses(self, row: Operation, collection: str) -> dict[str, Any]:
        answer: dict[str, Any] = {"description": row.summary + _forms(row)}
        if row.view == "stream":
            answer["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
        elif row.output is Download:
            answer["content"] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        elif row.status != 204:
            answer["content"] = {"application/json": {"schema": self._answer(row, collection)}}
        responses = {str(row.status): answer}
        if row.view == "socket":
            responses = {"101": {"description": "The connection is a WebSocket from here on (RFC 6455)"}}
        if isinstance(row.input, PerCollection) and row.input.form == "body":
            responses["200"] = {**answer, "description": "An upsert changed the record that it found"}
        if row.output is Download:
            responses["206"] = {**answer, "description": "The range that Range asks for"}
        if row.method == "GET" and "stale" in row.errors:
            responses["304"] = {"description": "If-None-Match names the record as it is"}
        if row.is_tagged:
            responses["304"] = {"description": "If-None-Match names the ETag of what there is"}
        problem = {"application/problem+json": {"schema": _ref("Problem")}}
        if row.view == "graphql":
            problem = answer["content"] = {
                kind: {"schema": self._types[row.output]}
                for kind in ("application/graphql-response+json", "application/json")
            }
        by_status: dict[int, list[str]] = {}
        for code in (*row.all_errors, *EVERY_OPERATION_ERRORS):
            by_status.setdefault(CODES[code].status, []).append(f"{code}: {CODES[code].title}")
        for status, titles in sorted(by_status.items()):
            responses[str(status)] = {"description": "; ".join(titles), "content": problem}
        return responses

    def _answer(self, row: Operation, collection: str) -> dict[str, Any]:
        if row.output is None:
            return {"type": "object"}
        if not isinstance(row.output, PerCollection):
            return self._types[row.output]
        record = _ref(f"{row.output.of or collection}_record")
        if row.output.form == "record":
            return record
        properties = {"items": {"type": "array", "items": record}, "next": {"type": "string"}}
        return {"type": "object", "properties": {**properties, "total": {"type": "integer"}}, "required": [*properties]}


def _asked(schemas: dict[str, Any], required: Sequence[str] = ()) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "schema": schema, "required": name in required}
        for name, schema in schemas.items()
    ]


def _forms(row: Operation) -> str:
    """What else than JSON a response may be, in the words of a description: generators of clients want one form."""
    is_list = isinstance(row.output, PerCollection) and row.output.form == "list"
    kinds = ["JSON Lines (application/jsonl)"] if is_list or row.output is AggregatePage else []
    if kinds or (isinstance(row.output, PerCollection) and row.name.startswith("records.")):
        kinds.append("MessagePack (application/vnd.msgpack)")
    if row.name in ("records.list", "records.view"):
        kinds.append("HAL with `_links` and `_embedded` (application/hal+json)")
    return f"; by Accept also as {', '.join(kinds)}" if kinds else ""


def _alias(row: Operation, path: str, collection: str) -> str:
    return "" if collection or path == row.path else path.strip("/").replace("/", "_")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}
