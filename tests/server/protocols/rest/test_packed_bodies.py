"""Bodies of MessagePack mean what the same JSON means, with its limits and errors."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.contract.batches import MAX_BULK_ROWS
from tests.server.api import Api, problem

THINGS = "/v1/records/things"
PACKED = {"Content-Type": "application/vnd.msgpack"}
pack = msgspec.msgpack.encode


async def send(api: Api, method: str, path: str, value: Any, **more: Any) -> Any:
    """The answer to a body of MessagePack."""
    return await api(method, path, content=pack(value), headers=PACKED, **more)


async def test_writes(each_api: Api) -> None:
    """Records are created, replaced and patched, alone, in batches and in bulk; bytes are those of a field of bytes."""
    body = {"text": "a", "whole": 7, "number": 0.5, "flag": True, "bytes": b"\x00\x01", "any": {"x": [None, 1]}}
    made = await send(each_api, "POST", THINGS, {**body, "id": "mine"})
    assert made.status_code == 201, made.text
    thing = made.json()
    assert thing | {**body, "bytes": "AAE="} == thing
    patched = await send(each_api, "PATCH", f"{THINGS}/mine", {"whole": {"$increment": 1}})
    assert (patched.json()["whole"], patched.json()["text"]) == (8, "a")
    replaced = await send(each_api, "PUT", f"{THINGS}/mine", {"text": "b"})
    assert (replaced.json()["whole"], replaced.json()["text"]) == (None, "b")
    writes = [{"act": "patch", "collection": "things", "id": "mine", "body": {"text": "c"}}]
    batch = await send(each_api, "POST", "/v1/batch", {"writes": writes})
    assert batch.json()["results"][0]["record"]["text"] == "c"
    rows = await send(each_api, "POST", f"{THINGS}/bulk", [{"text": str(number)} for number in range(5_000)])
    assert rows.json()["created"] == 5_000
    upserted = await send(each_api, "POST", f"{THINGS}?upsert=id", {"id": "mine", "text": "d"})
    assert (upserted.status_code, upserted.json()["text"]) == (200, "d")


@pytest.mark.parametrize(
    ("path", "content", "status", "code"),
    [
        (THINGS, b"", 400, "invalid_body"),
        (THINGS, pack([1]), 400, "invalid_body"),
        (THINGS, b"\x82\xa4text\xa1a\xa4text\xa1b", 400, "invalid_body"),
        (THINGS, pack({"text": 1}), 400, "validation"),
        (THINGS, pack({"text": "a"}) + b"\x00", 400, "invalid_body"),
        (THINGS, pack({"text": "a" * 11_000_000}), 413, "too_large"),
        (f"{THINGS}/bulk", pack({"text": "a"}), 400, "invalid_body"),
        (f"{THINGS}/bulk", pack([{"text": 1}]), 400, "validation"),
        (f"{THINGS}/bulk", pack([1]), 400, "invalid_body"),
        (f"{THINGS}/bulk", pack([{}] * (MAX_BULK_ROWS + 1)), 413, "too_large"),
        ("/v1/batch", pack({"writes": [{"act": "none"}]}), 400, "invalid_body"),
        ("/v1/auth/login", pack({"email": "a", "password": "b"}), 415, "unsupported_media_type"),
    ],
)
async def test_refused_bodies(api: Api, path: str, content: bytes, status: int, code: str) -> None:
    """What the same JSON is refused with, and what is not MessagePack; operations without records take JSON alone."""
    problem(await api("POST", path, content=content, headers=PACKED), status, code)
    coded = {**PACKED, "Content-Encoding": "gzip"}
    if status == 400:
        problem(await api("POST", path, content=content, headers=coded), 415, "unsupported_media_type")


async def test_the_description_names_it(api: Api) -> None:
    """OpenAPI says which bodies may be MessagePack."""
    paths = (await api("GET", "/openapi.json")).json()["paths"]
    bodies = [paths[THINGS]["post"], paths[f"{THINGS}/{{id}}"]["put"], paths["/v1/batch"]["post"]]
    assert all("application/vnd.msgpack" in one["requestBody"]["description"] for one in bodies)
    assert "description" not in paths["/v1/auth/login"]["post"]["requestBody"]
