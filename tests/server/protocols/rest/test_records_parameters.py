"""Parameters of requests for one record."""

from __future__ import annotations

import pytest

from tests.server.api import Api, problem

OTHER = {"If-Match": '"999"'}
PATH = "/v1/records/things/t"


@pytest.mark.parametrize(("method", "query", "words"), [
    ("GET", "field=text", "unknown parameter 'field'; there are fields, expand"),
    ("GET", "fields=text&_=1", "unknown parameter '_'"),
    ("PUT", "fields=text", "unknown parameter 'fields': PUT takes none; read the record to project or expand it"),
    ("PATCH", "expand=author", "unknown parameter 'expand': PATCH takes none; read the record"),
    ("DELETE", "force=true", "unknown parameter 'force': DELETE takes none; leave it out"),
])  # fmt: skip
async def test_unknown_parameters(each_api: Api, method: str, query: str, words: str) -> None:
    """What a request for one record does not have is refused by name, and nothing is changed."""
    made = await each_api("PUT", PATH, json={"text": "a"}, headers=each_api.admin | {"If-None-Match": "*"})
    assert made.status_code == 201
    body = {} if method in ("GET", "DELETE") else {"json": {"text": "b"}}
    answer = await each_api(method, f"{PATH}?{query}", headers=each_api.admin, **body)
    assert words in problem(answer, 400, "invalid_query")["message"]
    assert (await each_api("GET", f"{PATH}?fields=text", headers=each_api.admin)).json()["text"] == "a"


@pytest.mark.parametrize("headers", [OTHER, {"If-None-Match": "*"}])
async def test_an_upsert_has_no_conditions(each_api: Api, headers: dict[str, str]) -> None:
    """An upsert refuses the preconditions that other writes take: it would write over what they protect."""
    await each_api("PUT", PATH, json={"text": "a"}, headers=each_api.admin | {"If-None-Match": "*"})
    body = {"id": "t", "text": "b"}
    answer = await each_api("POST", "/v1/records/things?upsert=id", json=body, headers=each_api.admin | headers)
    assert "takes no If-Match" in problem(answer, 400, "invalid_query")["message"]
    assert (await each_api("GET", PATH, headers=each_api.admin)).json()["text"] == "a"
