"""An app's own operations over HTTP: their inputs and outputs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import Collection, Rules
from hinterland.contract.transfers import Download
from hinterland.kit.body import Body, BytesBody, OnceBody
from hinterland.server import (
    ADMINISTRATOR,
    App,
    Backend,
    BeforeWrite,
    Call,
    Server,
    Settings,
    each_record,
    write_records,
)
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import FAST, Api, problem

OWN = "auth.id == record.owner"
ORDERS = Collection(
    name="orders",
    fields={"amount": Integer(required=True), "owner": Text(fill="auth.id")},
    rules=Rules(list=OWN, view=OWN, create=OWN),
)
TEXT = b"0123456789" * 1_000


class CountedBody(BytesBody):
    """Bytes that count how often they are closed."""

    closed = 0

    async def close(self) -> None:
        CountedBody.closed += 1


ODD = {
    "live": lambda: Download(body=OnceBody([TEXT, TEXT])),
    "broken": lambda: Download(body=BytesBody(TEXT), content_type="text/html\r\nset-cookie: a=b"),
    "counted": lambda: Download(body=CountedBody(TEXT), tag="v1"),
}


class Least(msgspec.Struct):
    amount: int
    tags: list[str] = []


class Total(msgspec.Struct):
    total: int
    tags: list[str] = []


class Split(msgspec.Struct):
    amounts: list[float]
    owner: str = ""


class Named(msgspec.Struct):
    name: str
    times: int = 1


class Photo(msgspec.Struct):
    name: str
    content: Body
    width: int = 0


class Stored(msgspec.Struct):
    name: str
    size: int
    width: int


async def split(backend: Backend, call: Call[Split]) -> list[str | int]:
    """Make an order of each amount."""
    bodies = [{"amount": amount, "owner": call.input.owner or call.caller.id} for amount in call.input.amounts]
    return await write_records(backend, call, [Write(act="create", collection="orders", body=body) for body in bodies])


def shop() -> App:
    """An app with operations of its own."""
    app = App(name="shop", collections=[ORDERS], settings=Settings(auth=FAST))

    @app.operation("orders.total", method="GET")
    async def total(backend: Backend, call: Call[Least]) -> Total:
        """The sum of the caller's orders from an amount on."""
        found = [
            order
            async for order in each_record(backend, call, "orders", filter=f"record.amount >= {call.input.amount}")
        ]
        return Total(sum(order["amount"] for order in found), call.input.tags)

    @app.operation("greet", path="/v1/functions/greet/{name}", auth="optional")
    async def greet(backend: Backend, call: Call[Named]) -> list[str]:
        """Greet somebody."""
        assert call.deadline is not None
        if call.input.name == "nobody":
            raise Refusal("not_found", "there is nobody to greet")
        return [f"hello {call.input.name}"] * call.input.times

    @app.operation("photos.put", method="PUT", path="/v1/functions/photos/{name}", max_bytes=20_000)
    async def put(backend: Backend, call: Call[Photo]) -> Stored:
        """Take a photo."""
        size = 0
        async for piece in call.input.content.open():
            size += len(piece)
        return Stored(call.input.name, size, call.input.width)

    @app.operation("photos.get", method="GET", path="/v1/functions/photos/{name}", auth="ignored")
    async def get(backend: Backend, call: Call[Named]) -> Download:
        """A photo."""
        if call.input.name in ODD:
            return ODD[call.input.name]()
        return Download(body=BytesBody(TEXT), content_type="text/plain", name=call.input.name, tag="v1")

    @app.operation("ping", auth="ignored")
    async def ping(backend: Backend, call: Call[None]) -> None:
        """Do nothing."""

    return app


@asynccontextmanager
async def _serving(app: App, folder: Path) -> AsyncIterator[Api]:
    server = Server(app, SqliteStorage(folder))
    transport = httpx2.ASGITransport(server)
    async with server.running() as backend, httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(server, backend, http)


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Api]:
    """The app, served."""
    async with _serving(shop(), tmp_path) as api:
        yield api


async def test_it_sees_what_its_caller_sees(own: Api) -> None:
    """An operation reads records by the rules of its caller; its input is the query, its output JSON."""
    ada, eve = await own.sign_up("ada"), await own.sign_up("eve")
    for amount in (5, 7, 9):
        await own("POST", "/v1/records/orders", json={"amount": amount}, headers=ada["headers"])
    answer = await own("GET", "/v1/functions/orders.total?amount=6&tags=a&tags=b", headers=ada["headers"])
    assert (answer.status_code, answer.json()) == (200, {"total": 16, "tags": ["a", "b"]})
    answer = await own("GET", "/v1/functions/orders.total?amount=0", headers=eve["headers"])
    assert answer.json()["total"] == 0


async def test_a_mistake_of_the_app(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A question that an app's own code asks wrongly is an error of the server: its caller, who can't change it, learns
    nothing of it, and the log says what is wrong and where. A caller's own wrong filter is the caller's."""
    app = shop()

    @app.operation("orders.wrong", auth="ignored")
    async def wrong(backend: Backend, call: Call[None]) -> list[int]:
        return [order["amount"] async for order in each_record(backend, call, "orders", filter="record.amuont > 1")]

    @app.before("orders", "create")
    async def look(backend: Backend, write: BeforeWrite) -> None:
        async for _ in each_record(backend, ADMINISTRATOR, "orders", sort="wheight"):
            pass

    async with _serving(app, tmp_path) as own:
        ada = (await own.sign_up("ada"))["headers"]
        for path, word in (("/v1/functions/orders.wrong", "amuont"), ("/v1/records/orders", "wheight")):
            caplog.clear()
            answer = await own("POST", path, json={"amount": 1} if "records" in path else None, headers=ada)
            body = problem(answer, 500, "internal")
            assert word not in answer.text
            assert "orders" not in body["message"]
            assert "ValueError: each_record of 'orders': " in caplog.text
            assert word in caplog.text
            assert __file__ in caplog.text
        caplog.clear()
        problem(await own("GET", "/v1/records/orders?filter=record.amuont>1", headers=ada), 400, "invalid_query")
        assert not caplog.records


async def test_it_writes_as_its_caller(tmp_path: Path) -> None:
    """An operation writes by the rules of its caller and through the hooks, all of its writes or none."""
    app = shop()
    app.operation("orders.split")(split)

    @app.before("orders", "create")
    async def double(write: BeforeWrite) -> dict[str, object]:
        return {**write.body, "amount": write.body["amount"] * 2}

    async with _serving(app, tmp_path) as own:
        ada = await own.sign_up("ada")

        async def asked(**input: object) -> Any:
            return await own("POST", "/v1/functions/orders.split", json=input, headers=ada["headers"])

        made = await asked(amounts=[1, 2])
        listed = (await own("GET", "/v1/records/orders?sort=amount", headers=ada["headers"])).json()["items"]
        assert [(each["id"], each["amount"]) for each in listed] == [*zip(made.json(), (2, 4), strict=True)]
        problem(await asked(amounts=[3], owner="eve"), 403, "forbidden")
        problem(await asked(amounts=[3, 0.4]), 400, "validation")
        total = await own("GET", "/v1/functions/orders.total?amount=0", headers=ada["headers"])
        assert total.json()["total"] == 6


async def test_signing_in_is_required(own: Api) -> None:
    """An operation that says nothing else is for those who are signed in, and a 401 says how (RFC 9110 §15.5.2)."""
    answer = await own("GET", "/v1/functions/orders.total?amount=1")
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_body_and_segments(own: Api) -> None:
    """A POST takes JSON; the segments of the path are fields of the input too."""
    answer = await own("POST", "/v1/functions/greet/ada", json={"times": 2})
    assert answer.json() == ["hello ada", "hello ada"]
    assert (await own("POST", "/v1/functions/greet/a%20b", json={"name": "eve"})).json() == ["hello a b"]
    assert problem(await own("POST", "/v1/functions/greet/nobody", json={}), 404, "not_found")


async def test_nothing_in_and_nothing_out(own: Api) -> None:
    """Without input and output it is a 204."""
    answer = await own("POST", "/v1/functions/ping")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("query", "message"),
    [("", "amount: is required"), ("amount=x", "amount: must be a whole number"),
     ("amount=1&amount=2", "the parameter amount appears twice; send it once"),
     ("amount=1&titel=2", "unknown parameter 'titel'; allowed: amount, tags")],
)  # fmt: skip
async def test_a_query_that_does_not_fit(own: Api, query: str, message: str) -> None:
    """What does not fit, or is missing, is named."""
    ada = await own.sign_up("ada")
    answer = await own("GET", f"/v1/functions/orders.total?{query}", headers=ada["headers"])
    assert problem(answer, 400, "invalid_query")["message"] == message


async def test_a_body_that_does_not_fit(own: Api) -> None:
    """A body whose field has another type is `invalid_body`, with the field's name."""
    body = problem(await own("POST", "/v1/functions/greet/ada", json={"times": "2"}), 400, "invalid_body")
    assert body["errors"] == {"times": ["must be a whole number, is text"]}


async def test_an_upload(own: Api) -> None:
    """A body of bytes is read as it arrives, whatever its media type; other fields are in the path and the query."""
    ada = await own.sign_up("ada")
    kind = {"Content-Type": "image/png"}
    answer = await own("PUT", "/v1/functions/photos/a?width=7", content=b"x" * 9_000, headers=ada["headers"] | kind)
    assert answer.json() == {"name": "a", "size": 9_000, "width": 7}

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 1_000

    for content in (b"x" * 20_001, pieces()):
        answer = await own("PUT", "/v1/functions/photos/a", content=content, headers=ada["headers"])
        assert "20,000 bytes" in problem(answer, 413, "too_large")["message"]
    problem(await own("PUT", "/v1/functions/photos/a", content=b"x"), 401, "unauthorized")


async def test_a_download(own: Api) -> None:
    """Bytes come with their length, type, tag and file name, as an attachment; HEAD has the headers alone."""
    answer = await own("GET", "/v1/functions/photos/a.txt")
    assert (answer.status_code, answer.content) == (200, TEXT)
    names = ("content-type", "content-disposition", "etag", "accept-ranges", "content-length", "x-content-type-options")
    head = await own("HEAD", "/v1/functions/photos/a.txt")
    for given in (answer, head):
        assert [given.headers[name] for name in names] == [
            "text/plain", 'attachment; filename="a.txt"', '"v1"', "bytes", str(len(TEXT)), "nosniff",
        ]  # fmt: skip
    assert head.content == b""
    odd = await own("GET", "/v1/functions/photos/%22%C3%A4")
    assert odd.headers["content-disposition"] == "attachment; filename*=UTF-8''%22%C3%A4"


async def test_ranges(own: Api) -> None:
    """One range is a 206 with its place; one of another version, and one that is not valid, is the whole."""
    place = "/v1/functions/photos/a.txt"
    answer = await own("GET", place, headers={"Range": "bytes=5-14", "If-Range": '"v1"'})
    assert (answer.status_code, answer.content) == (206, b"5678901234")
    assert (answer.headers["content-range"], answer.headers["content-length"]) == (f"bytes 5-14/{len(TEXT)}", "10")
    for headers in ({"Range": "bytes=5-14", "If-Range": '"v0"'}, {"Range": "bytes=0-1,3-4"}):
        answer = await own("GET", place, headers=headers)
        assert (answer.status_code, answer.content) == (200, TEXT)
    answer = await own("GET", place, headers={"Range": "bytes=99999-"})
    problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(TEXT)}"
    assert (await own("GET", place, headers={"If-None-Match": '"v1"'})).status_code == 304


async def test_what_is_not_sent_is_closed(own: Api) -> None:
    """What a body holds is released, also where nothing of it is asked for."""
    place, before = "/v1/functions/photos/counted", CountedBody.closed
    for headers in ({}, {"If-None-Match": "*"}, {"Range": "bytes=99999-"}):
        await own("GET", place, headers=headers)
    await own("HEAD", place)
    assert CountedBody.closed == before + 4


async def test_a_media_type_that_is_none(own: Api) -> None:
    """A media type with a line break, which an uploader may have given, never becomes a header: it is a mistake of the
    operation, and is answered as one."""
    problem(await own("GET", "/v1/functions/photos/broken"), 500, "internal")


async def test_an_encoded_slash_in_a_segment(own: Api) -> None:
    """An encoded slash in a segment of an app's path is a slash of the value."""
    answer = await own("POST", "/v1/functions/greet/a%2Fb%20c", json={})
    assert answer.json() == ["hello a/b c"]


async def test_a_download_without_a_length(own: Api) -> None:
    """Bytes that are made as they are sent have no length and no ranges."""
    answer = await own("GET", "/v1/functions/photos/live", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (200, TEXT * 2)
    assert "accept-ranges" not in answer.headers


async def test_the_document(own: Api) -> None:
    """OpenAPI has an app's own operations with their types."""
    made = (await own("GET", "/openapi.json")).json()
    total = made["paths"]["/v1/functions/orders.total"]["get"]
    assert (total["operationId"], total["summary"]) == (
        "orders.total",
        "The sum of the caller's orders from an amount on.",
    )
    assert total["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Total"}
    assert made["components"]["schemas"]["Total"]["properties"]["total"] == {"type": "integer"}
    assert [(p["name"], p["required"]) for p in total["parameters"]] == [("amount", True), ("tags", False)]
    assert total["security"] == [{"bearer": []}]
    greet = made["paths"]["/v1/functions/greet/{name}"]["post"]
    body = greet["requestBody"]["content"]["application/json"]["schema"]
    assert (list(body["properties"]), [p["name"] for p in greet["parameters"]]) == (["times"], ["name"])
    photos = made["paths"]["/v1/functions/photos/{name}"]
    assert "application/octet-stream" in photos["put"]["requestBody"]["content"]
    assert [(p["name"], p["in"]) for p in photos["put"]["parameters"]] == [("name", "path"), ("width", "query")]
    assert {"200", "206", "416"} <= photos["get"]["responses"].keys()
    assert made["paths"]["/v1/functions/ping"]["post"]["responses"]["204"]


@pytest.mark.parametrize(("path", "body", "words"), [
    ("/v1/batch", {"writes": [], "atomic": False}, "atomic: is unknown"),
    ("/v1/batch", {"writes": [{"act": "delete", "collection": "things", "id": "t", "revison": 1}]},
     "writes[0].revison: is unknown"),
    ("/v1/admin/records/things/delete", {"filter": "true", "dryrun": True}, "dryrun: is unknown"),
    ("/v1/admin/records/things/delete", {"filter": "true", "collection": "posts"}, "collection: differs from the path"),
    ("/v1/admin/roles", {"user": "x", "grants": ["editor"]}, "grants: is unknown"),
])  # fmt: skip
async def test_unknown_members(each_api: Api, path: str, body: dict[str, Any], words: str) -> None:
    """What a request to write does not have is refused by name, however like another word it is: nothing is written."""
    made = await each_api(
        "PUT", "/v1/records/things/t", json={"text": "a"}, headers=each_api.admin | {"If-None-Match": "*"}
    )
    assert made.status_code == 201
    answer = await each_api("POST", path, json=body, headers=each_api.admin)
    assert words in problem(answer, 400, "invalid_body")["message"]
    assert (await each_api("GET", "/v1/records/things/t", headers=each_api.admin)).status_code == 200
