"""`/openapi.json`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.errors import CODES
from hinterland.contract.fields import Field, Instant, Int64, Integer, List, Number, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.matching import MAX_SORT
from hinterland.contract.operations import OPERATIONS
from hinterland.contract.query import WORDS
from hinterland.contract.records import EVERYBODY, HEAD, Collection, users
from hinterland.kit.blank_text import is_blank
from hinterland.server import ADMINISTRATOR, App, Backend, Call
from hinterland.server.protocols.rest.documents import openapi_answer
from hinterland.server.protocols.rest.openapi import document
from hinterland.server.protocols.rest.schemas import record_schemas
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import COLLECTIONS, Api, problem, serving

TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """The document of the tests' collections."""
    return document("tests", COLLECTIONS)


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation."""
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """Every object anywhere in the document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from schemas(item)


async def test_it_is_served(api: Api) -> None:
    """The document is at /openapi.json, in version 3.1, under the app's name."""
    answer = await api("GET", "/openapi.json")
    assert (answer.status_code, answer.json()["openapi"]) == (200, "3.1.0")
    assert answer.json()["info"] == {"title": "tests", "version": "1"}


async def test_the_description_of_the_app(api: Api) -> None:
    """The document has the description of the app as its reader sees it, and the operation that has it takes a tag."""
    ada = await api.sign_up("ada")
    for headers in ({}, ada["headers"], api.admin):
        described = (await api("GET", "/v1/schema", headers=headers)).json()
        assert (await api("GET", "/openapi.json", headers=headers)).json()["x-hinterland"] == described
    problem(await api("GET", "/openapi.json", headers={"Authorization": "Bearer no"}), 401, "unauthorized")
    operation = (await api("GET", "/openapi.json")).json()["paths"]["/v1/schema"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["If-None-Match"]
    assert "content" not in operation["responses"]["304"]


async def test_what_others_may_not_know(tmp_path: Path) -> None:
    """The document tells nobody but administrators of collections, fields and operations that nobody else may use: all
    of it names what the description of the app names. What others write and don't read has no default."""
    fields: dict[str, Field] = {
        "title": Text(), "kept_hidden": Text(read="false", write="admin"), "guess": Text(read="false", default="a"),
        "staff_only": Text(read="'staff' in auth.roles"),
    }  # fmt: skip
    notes = Collection(name="notes", fields=fields, rules=EVERYBODY, indexes=(("title", "kept_hidden"),))
    below = Collection(name="below_vault", parent="vault", fields={"text": Text()})
    people = users(fields={"plan_kept": Text(read="false", write="admin", required=True), "city": Text()})
    collections = [people, notes, Collection(name="vault", fields={"pin": Text()}), below]

    async def empty(backend: Backend, call: Call[None]) -> None:
        """Empty it."""

    def declare(app: App) -> None:
        app.operation("vault.empty", auth="admin")(empty)

    async with serving(SqliteStorage(tmp_path), collections=collections, declare=declare) as api:
        for path in ("/openapi.json", "/", "/v1/records/nowhere"):
            text = (await api("GET", path)).text
            assert not re.findall("vault|kept_hidden|plan_kept", text), path
        made = (await api("GET", "/openapi.json")).json()
        schemas = made["components"]["schemas"]
        assert [*schemas["notes_body"]["properties"]] == ["id", "title", "guess", "staff_only"]
        assert schemas["notes_body"]["properties"]["title"]["maxLength"] == 1_000  # by the index of both
        assert [*schemas["Registration"]["properties"]] == ["name", "email", "city", "password"]
        assert schemas["Registration"]["required"] == ["name", "email", "password"]
        described = {each["name"]: each for each in made["x-hinterland"]["collections"]}
        assert [*described] == ["users", "notes"]
        assert [*described["notes"]["fields"]] == ["title", "guess", "staff_only"]
        whole = (await api("GET", "/openapi.json", headers=api.admin)).json()
        assert "kept_hidden" in whole["components"]["schemas"]["notes_record"]["properties"]
        assert "plan_kept" in whole["components"]["schemas"]["Registration"]["properties"]
        assert {"/v1/records/vault", "/v1/records/vault/{vault_id}/below_vault", "/v1/functions/vault.empty"} <= {
            *whole["paths"]
        }


async def test_it_is_made_once(api: Api) -> None:
    """To ask for the document again costs little: anybody may, and others wait meanwhile. It is made for administrators
    and for all others."""
    of_nobody, of_ada, of_admin, again = [
        openapi_answer(api.backend, reader)
        for reader in (SIGNED_OUT, Principal(id="ada"), ADMINISTRATOR, ADMINISTRATOR)
    ]
    assert of_nobody is of_ada
    assert of_admin is again
    assert of_admin is not of_ada
    first = await api("GET", "/openapi.json")
    start = time.process_time()
    assert all([(await api("GET", "/openapi.json")).content == first.content for _ in range(50)])
    assert time.process_time() - start < 1.5


async def test_every_operation_is_described_and_mounted(api: Api) -> None:
    """Each row of the table is in the document, and each path of the document takes its method."""
    described = document("tests", COLLECTIONS)
    names = {operation["operationId"].split(".")[0] for _, _, operation in operations(described)}
    assert names == {name.split(".")[0] for name in OPERATIONS}
    for path, method, operation in operations(described):
        if operation["operationId"] in ("events.stream", "graphql"):
            continue  # one would not end, and the other has errors in its own form
        answer = await api(method.upper(), re.sub(r"\{(\w+)\}", "1", path))
        assert answer.status_code != 405, path
        if answer.status_code >= 400:
            problem(answer, answer.status_code, answer.json()["code"])
            assert str(answer.status_code) in operation["responses"], (path, method, answer.text)


def test_ids_are_unique(made: dict[str, Any]) -> None:
    """No two operations have the same id, and each placeholder of a path is a parameter."""
    ids = [operation["operationId"] for _, _, operation in operations(made)]
    assert len(ids) == len(set(ids))
    for path, _, operation in operations(made):
        required = [p["name"] for p in operation["parameters"] if p["in"] == "path" and p["required"]]
        assert required == re.findall(r"\{(\w+)\}", path)


def test_arrays_say_their_items(made: dict[str, Any]) -> None:
    """Each array has `items`, without which generators of clients leave the operation out, that of imports first."""
    arrays = [schema for schema in schemas(made) if schema.get("type") == "array"]
    assert arrays
    assert [schema for schema in arrays if "items" not in schema] == []
    assert made["components"]["schemas"]["Import"]["properties"]["rows"]["items"] == {}


def test_references_lead_somewhere(made: dict[str, Any]) -> None:
    """Each reference names a schema of the document, and each type is one of JSON Schema's."""
    for schema in schemas(made):
        if isinstance(schema.get("$ref"), str):
            assert schema["$ref"].removeprefix("#/components/schemas/") in made["components"]["schemas"]
        kind = schema.get("type")
        if isinstance(kind, str | list) and "in" not in schema and "scheme" not in schema:
            assert {kind} <= TYPES if isinstance(kind, str) else set(kind) <= TYPES


def test_answers(made: dict[str, Any]) -> None:
    """Each operation has its success and every error of its row and of all rows, as a problem."""
    for _, _, operation in operations(made):
        assert any(status.startswith("2") or status == "101" for status in operation["responses"])
        is_graphql = operation["operationId"] == "graphql"
        for status, answer in operation["responses"].items():
            assert answer["description"]
            if status in ("101", "304"):
                assert "content" not in answer
            elif is_graphql:
                assert list(answer["content"]) == ["application/graphql-response+json", "application/json"]
            elif not status.startswith("2"):
                assert list(answer["content"]) == ["application/problem+json"]
                assert int(status) in {code.status for code in CODES.values()}


def test_what_is_sent_and_what_is_answered(made: dict[str, Any]) -> None:
    """A creation asks for the required fields, a patch for none, and only answers hold what the server sets."""
    paths = made["paths"]["/v1/records/notes"], made["paths"]["/v1/records/notes/{id}"]
    sent = {
        method: made["components"]["schemas"][_ref(operation["requestBody"]["content"]["application/json"]["schema"])]
        for methods in paths
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert (sent["post"]["required"], sent["put"]["required"]) == (["text"], ["text"])
    assert "required" not in sent["patch"]
    assert all("revision" not in schema["properties"] for schema in sent.values())
    seen = made["components"]["schemas"]["notes_record"]
    assert [*seen["properties"]][:5] == [*HEAD, "text"]
    assert seen["required"] == [*HEAD, "text"]


def test_the_questions_of_a_list(made: dict[str, Any]) -> None:
    """A list tells its query parameters, a write the headers that it understands."""
    listing = made["paths"]["/v1/records/notes"]["get"]["parameters"]
    assert {p["name"] for p in listing if p["in"] == "query"} == {*WORDS} - {"search"}
    patch = made["paths"]["/v1/records/notes/{id}"]["patch"]["parameters"]
    assert {p["name"] for p in patch if p["in"] == "header"} == {"If-Match", "Idempotency-Key"}
    view = made["paths"]["/v1/records/notes/{id}"]["get"]
    assert {p["name"] for p in view["parameters"] if p["in"] == "header"} == {"If-Match", "If-None-Match"}
    assert {"304", "412"} <= view["responses"].keys()
    sign_up = made["paths"]["/v1/auth/signup"]["post"]["responses"]
    assert {"413", "415"} <= sign_up.keys()  # its body may be too large, or of another type


def test_limits_of_fields() -> None:
    """What a field allows is in its schema."""
    fields: dict[str, Field] = {
        "kind": Text(choices=("a", "b")),
        "code": Text(pattern="[a-z]+", min_length=2, required=True),
    }
    made = document("x", [Collection(name="c", fields=fields)])["components"]["schemas"]["c_record"]["properties"]
    assert made["kind"] == {"type": ["string", "null"], "maxLength": 10_000, "enum": ["a", "b", None]}
    assert made["code"] == {"type": "string", "maxLength": 10_000, "minLength": 2, "pattern": "^(?:[a-z]+)$"}


def test_a_filled_field_is_asked_for_in_a_replacement() -> None:
    """What the server fills at a creation need not be sent then; a replacement holds it, and nothing undeclared."""
    fields: dict[str, Field] = {"text": Text(required=True), "owner": Text(fill="auth.id", required=True)}
    made = document("x", [Collection(name="c", fields=fields)])["components"]["schemas"]
    assert (made["c_body"]["required"], made["c_replacement"]["required"]) == (["text"], ["text", "owner"])
    assert made["c_body"]["additionalProperties"] is made["c_patch"]["additionalProperties"] is False
    assert made["c_body"]["properties"]["text"]["minLength"] == 1


def test_transforms_of_a_patch() -> None:
    """A patch takes a value or the transforms of the field's kind."""
    fields: dict[str, Field] = {
        "n": Integer(), "x": Number(minimum=0), "i": Int64(), "tags": List(), "at": Instant(), "text": Text(),
    }  # fmt: skip
    patch = document("x", [Collection(name="c", fields=fields)])["components"]["schemas"]["c_patch"]["properties"]
    tags = {name: [key for one in schema["anyOf"][1:] for key in one["properties"]] for name, schema in patch.items()}
    assert tags == {
        "n": ["$increment"], "x": ["$increment"], "i": ["$increment"], "tags": ["$add", "$remove"], "at": ["$now"],
        "text": [],
    }  # fmt: skip
    assert patch["tags"]["anyOf"][0]["items"]["type"] == "string"  # null is no item
    assert patch["x"]["anyOf"][0]["minimum"] == 0


def test_sorting_and_signing_up(made: dict[str, Any]) -> None:
    """A list names the fields that it can be sorted by; the form of a sign-up has the fields of users, and no name or
    password in it is blank, as the server has it."""
    listing = made["paths"]["/v1/records/notes"]["get"]["parameters"]
    [pattern] = [p["schema"]["pattern"] for p in listing if p["name"] == "sort"]
    longest = ",".join(["text"] * MAX_SORT)
    assert all(re.search(pattern, sort) for sort in ("", "text", "-created_at,id", "parent", longest))
    assert not any(re.search(pattern, sort) for sort in ("nothing", "text,", "--id", f"{longest},text"))
    form = document("x", [users(fields={"about": Text()})], password_length=8)["components"]["schemas"]["Registration"]
    assert form["required"] == ["name", "email", "password"]
    assert form["properties"].keys() == {"name", "email", "about", "password"}
    assert form["properties"]["password"]["minLength"] == 8
    for name in ("name", "password"):
        for text in ("", " ", "\u008d", "\u200b\t", "\u3164", "a", " é "):
            assert bool(re.search(form["properties"][name]["pattern"], text)) is not is_blank(text)


def _ref(schema: dict[str, str]) -> str:
    return schema["$ref"].rpartition("/")[2]


def test_indexed_texts_are_as_long_as_an_index_holds() -> None:
    """The length of a text is the one that the server takes: what an index holds, where that is less."""
    fields: dict[str, Field] = {"one": Text(unique=True), "two": Text(index=True, max_length=5), "three": Text()}
    schema = record_schemas(Collection(name="things", fields=fields), fields)["things_body"]["properties"]
    assert [schema[name]["maxLength"] for name in fields] == [2_000, 5, 10_000]
