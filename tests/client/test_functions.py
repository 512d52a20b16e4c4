"""An app's own operations, called by name."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.client import Client
from hinterland.client.blocking import BlockingClient
from hinterland.client.errors import (
    BadRequest,
    InvalidResponse,
    NotFound,
    RedirectRefused,
    ServiceUnavailable,
    Unauthorized,
)
from hinterland.client.transports.inprocess import InProcess
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.operations import Operation
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.contract.transfers import Download
from hinterland.kit.body import Body, BytesBody, OnceBody
from hinterland.server import App, Backend, Call, Server, Settings
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.sqlite import SqliteStorage

DATA = bytes(range(256)) * 100
URL = "http://server.localhost"


class Area(msgspec.Struct):
    width: float
    tags: list[str] = []
    is_round: bool = False


class Measured(msgspec.Struct):
    area: float
    tags: list[str]
    is_round: bool


class Photo(msgspec.Struct):
    name: str
    content: Body
    width: int = 0


class Named(msgspec.Struct):
    name: str


MEASURE = Operation(name="areas.measure", method="GET", auth="optional", input=Area, output=Measured)
PUT = Operation(name="photos.put", method="PUT", path="/v1/functions/photos/{name}", auth="ignored", input=Photo,
                output=int)  # fmt: skip
GET = Operation(name="photos.get", method="GET", path="/v1/functions/photos/{name}", auth="ignored", input=Named,
                output=Download)  # fmt: skip
ROWS = (MEASURE, PUT, GET)


def shop() -> App:
    """An app whose rows are shared with its clients, and an operation of which they have none."""
    app = App(
        collections=[Collection(name="posts", fields={}, rules=EVERYBODY)],
        settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1)),
    )

    @app.operation(MEASURE)
    async def measure(backend: Backend, call: Call[Area]) -> Measured:
        return Measured(call.input.width**2, call.input.tags, call.input.is_round)

    @app.operation(PUT)
    async def put(backend: Backend, call: Call[Photo]) -> int:
        return sum([len(piece) async for piece in call.input.content.open()]) + call.input.width

    @app.operation(GET)
    async def get(backend: Backend, call: Call[Named]) -> Download:
        return Download(body=BytesBody(DATA), content_type="text/plain", name=call.input.name, tag="v1")

    @app.operation("orders.double")
    async def double(backend: Backend, call: Call[Area]) -> float:
        """Twice the width, for those who are signed in."""
        return call.input.width * 2

    @app.operation("ping", method="DELETE", auth="ignored")
    async def ping(backend: Backend, call: Call[None]) -> None:
        """Do nothing."""

    return app


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client that has the rows, and the server in this process."""
    app = InProcess(Server(shop(), SqliteStorage(tmp_path)))
    async with Client(URL, transport=app, operations=ROWS) as client:
        yield client


async def test_by_a_row(client: Client) -> None:
    """Of a row that the client has, method, path and output are known; a GET sends its input as the query."""
    measured = await client.call("areas.measure", Area(1.5, ["a", "b"], True))
    assert measured == Measured(2.25, ["a", "b"], True)
    assert await client.call("areas.measure", {"width": 2}, output=dict) == {"area": 4, "tags": [], "is_round": False}


async def test_by_name_alone(client: Client) -> None:
    """An operation of which the client has no row is posted to /v1/functions/; the session's token goes with it."""
    with pytest.raises(Unauthorized):
        await client.call("orders.double", Area(2))
    await client.auth.sign_up(name="ada", email="ada@example.org", password="correct horse")
    assert await client.call("orders.double", Area(2)) == 4
    assert await client.call("orders.double", {"width": 2}, output=float) == 4
    with pytest.raises(NotFound):
        await client.call("orders.missing")
    with pytest.raises(BadRequest, match="width"):
        await client.call("orders.double", {"width": "x"})
    with pytest.raises(InvalidResponse):
        await client.call("orders.double", {"width": 2}, output=str)
    assert await client.call("ping", method="DELETE") is None


async def test_an_operation_of_the_table(client: Client) -> None:
    """The operations of every server are called by name too."""
    assert (await client.call("health")).status == "ok"
    with pytest.raises(TypeError, match="or a dict"):
        await client.call("health", 7)


async def test_an_upload(client: Client) -> None:
    """A body is sent as it is read, whether its length is known or not; other fields are in the path and the query."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        for at in range(0, len(DATA), 1_000):
            yield DATA[at : at + 1_000]

    for content in (BytesBody(DATA), OnceBody(pieces()), OnceBody([DATA], len(DATA))):
        assert await client.call("photos.put", Photo("a b", content, width=1)) == len(DATA) + 1


async def test_a_download(client: Client) -> None:
    """A download comes piece by piece, with its type, name, tag and size; a range of it says where it begins."""
    whole = await client.call("photos.get", Named("a.txt"))
    assert (whole.content_type, whole.name, whole.tag, whole.start) == ("text/plain", "a.txt", "v1", 0)
    assert (whole.size, whole.body.length) == (len(DATA), len(DATA))
    assert b"".join([piece async for piece in whole.body.open()]) == DATA
    part = await client.call("photos.get", Named("ä"), headers={"range": "bytes=1000-", "if-range": '"v1"'})
    assert (part.name, part.start, part.size, part.body.length) == ("ä", 1_000, len(DATA), len(DATA) - 1_000)
    assert b"".join([piece async for piece in part.body.open()]) == DATA[1_000:]
    with pytest.raises(BadRequest) as caught:
        await client.call("photos.get", Named("a"), headers={"range": "bytes=99999999-"})
    assert caught.value.code == "range_not_satisfiable"


async def test_a_download_that_is_given_up(client: Client) -> None:
    """A download is closed where its reader stops, or by hand where nobody reads it."""
    download = await client.call("photos.get", Named("a"))
    async with aclosing(download.body.open()) as pieces:
        assert DATA.startswith(await anext(pieces))
    download = await client.call("photos.get", Named("a"))
    await download.body.close()


def test_blocking(tmp_path: Path) -> None:
    """The blocking client calls and downloads as well."""
    app = InProcess(Server(shop(), SqliteStorage(tmp_path)))
    with BlockingClient(URL, transport=app, operations=ROWS) as client:
        assert client.call("areas.measure", Area(2)).area == 4
        assert b"".join(client.iterate(client.call("photos.get", Named("a")).body)) == DATA


def script(*answers: tuple[int, dict[str, str]]) -> Scripted:
    """A server that answers a PUT so."""
    scripted = Scripted()
    for status, headers in answers:
        scripted.expect("PUT", "/v1/functions/photos/a").answer(status, json=7, headers=headers)
    return scripted


@pytest.mark.parametrize(("content", "attempts"), [(BytesBody(DATA), 2), (OnceBody([DATA]), 1)])
async def test_what_is_sent_again(content: Body, attempts: int) -> None:
    """After a 503 a body that is kept is sent again; one that was made as it was read is not."""
    transport = script((503, {"retry-after": "0"}), (200, {}))
    seen: list[Any] = []

    async def send(request: Any) -> Any:
        seen.append([piece async for piece in request.body.open()])
        return await transport(request)

    send.close = transport.close  # type: ignore[attr-defined]
    async with Client(URL, transport=send, operations=ROWS, random=lambda: 0.0) as client:  # type: ignore[arg-type]
        if attempts == 2:
            assert await client.call("photos.put", Photo("a", content)) == 7
        else:
            with pytest.raises(ServiceUnavailable):
                await client.call("photos.put", Photo("a", content))
    assert len(seen) == attempts


async def test_a_redirect_of_a_body_that_is_gone() -> None:
    """A redirect that would need the body again is refused where that was read."""
    content = OnceBody([DATA])
    transport = script((307, {"location": "/v1/functions/photos/a"}))

    async def send(request: Any) -> Any:
        assert b"".join([piece async for piece in request.body.open()]) == DATA
        return await transport(request)

    send.close = transport.close  # type: ignore[attr-defined]
    async with Client(URL, transport=send, operations=ROWS) as client:  # type: ignore[arg-type]
        with pytest.raises(RedirectRefused):
            await client.call("photos.put", Photo("a", content))
