"""A device that learns from the server what its collections are."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectError, UnknownCollection, ValidationFailed
from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.options import Options
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Integer, Text
from hinterland.contract.identity import is_temporary
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.testing.backend import TestBackend, running_backend
from tests.client.local.conftest import until

NOTES = Collection(
    name="notes",
    fields={
        "title": Text(required=True, max_length=20),
        "author": Text(fill="auth.id"),
        "count": Integer(default=3, merge="counter"),
        "checked": Boolean(write="admin"),
    },
    rules=EVERYBODY,
)
ORDERS = Collection(name="orders", fields={"amount": Integer(minimum=1)}, ids="integer", rules=EVERYBODY)
SLUGGED = Collection(
    name="slugged", fields={"title": Text(), "slug": Text(required=True, max_length=9)}, rules=EVERYBODY
)  # fmt: skip
HTML = b"<!doctype html><title>Sign in to the network</title>"


class Way:
    """A transport into the server on which the test may change responses to the description, or refuse all."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.is_down = False
        self.answer: Callable[[Response], Response] = lambda response: response
        self.asked: list[str] = []  # the If-None-Match of each request for the description
        self.answered: list[int] = []
        self.tokens: list[str | None] = []

    async def __call__(self, request: Request) -> Response:
        """Send the request."""
        if self.is_down:
            raise ConnectError(detail="the network is down")
        response = await self._transport(request)
        if not request.url.endswith("/v1/schema"):
            return response
        self.asked.append(request.headers.get("if-none-match", ""))
        self.tokens.append(request.headers.get("authorization"))
        changed = self.answer(response)
        self.answered.append(changed.status)
        return changed

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()


@pytest.fixture
async def backend(clock: ManualClock) -> AsyncIterator[TestBackend]:
    """A real backend whose hook fills in a field that is required."""
    app = App(collections=[NOTES, ORDERS, SLUGGED])

    @app.before("slugged", "create")
    async def slug(write: BeforeWrite) -> dict[str, Any]:
        """The slug of the title."""
        return {**write.body, "slug": write.body["title"].lower()}

    async with running_backend(app, clock=clock) as backend:
        yield backend


class Device:
    """A device of one user: its client, opened anew as often as the test wants, and its way to the server."""

    def __init__(self, backend: TestBackend, path: Path) -> None:
        self.way = Way(backend.transport())
        self._backend = backend
        self._path = path
        self._vault = MemoryVault()

    async def open(self, **settings: Any) -> Client:
        """The client."""
        return await self._backend.client(
            store=self._path, vault=self._vault, transport=self.way, options=Options(retries=0), **settings
        )

    async def signed_up(self, **settings: Any) -> Client:
        """The client of a user who has just signed up."""
        client = await self.open(**settings)
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
        return client


@pytest.fixture
def device(backend: TestBackend, tmp_path: Path) -> Device:
    """A device that has not reached the server yet."""
    return Device(backend, tmp_path / "app.db")


def notes(client: Client, name: str = "notes") -> Any:
    """The notes, or another collection, on the device."""
    return client.local.collection(name)


async def test_checks_and_defaults(device: Device) -> None:
    """After the first round a device checks writes, fills in and completes as the server does, without declarations;
    and after the next start also without a network."""
    client = await device.signed_up()
    before = await notes(client).create({"count": "many"})
    await client.sync.now()
    assert (await before.settled()).status == "refused"
    for wrong in ({"count", "title", "titel"}, {"count", "title"}):
        with pytest.raises(ValidationFailed) as refused:
            await notes(client).create({"count": "many", "titel": "a"})
        assert (refused.value.sent, {*refused.value.errors}) == ("no", wrong)
        with pytest.raises(ValidationFailed):
            await notes(client).create({"title": "a", "checked": True})
        written = await notes(client).create({"title": "a"})
        assert client.auth.user is not None
        assert (written.record["author"], written.record["count"]) == (client.auth.user["id"], 3)
        device.way.is_down = True
        await client.close()
        client = await device.open()
    assert len(await client.outbox.list()) == 3


async def test_an_app_that_is_newer_than_what_is_kept(device: Device) -> None:
    """Before a start has reached the server, a name that the kept description lacks is accepted, since the app may be
    newer; when the server has confirmed the description, it is refused, and what was written before stays visible."""
    client = await device.signed_up()
    await client.sync.now()
    await client.close()
    client = await device.open()
    early = await notes(client).create({"title": "a", "mood": "good"})
    assert early.record["mood"] == "good"
    device.way.is_down = True
    with pytest.raises(ConnectError):
        await client.sync.now()
    assert (await notes(client).get(early.id))["mood"] == "good"
    device.way.is_down = False
    await client.sync.now()
    assert device.way.answered == [200, 304]
    assert (await early.settled()).status == "refused"
    with pytest.raises(ValidationFailed):
        await notes(client).create({"title": "a", "mood": "good"})


async def test_two_processes(device: Device) -> None:
    """A process that leaves synchronisation to another knows what that one fetches."""
    owner = await device.signed_up()
    notes(owner)
    follower = await device.open()
    owner.sync.start()
    await until(lambda: device.way.answered == [200])
    await until(lambda: "notes" in owner.local.scope.shapes)
    follower.sync.start()
    while "notes" not in follower.local.scope.shapes:
        await follower.clock.advance(0.1)  # type: ignore[attr-defined]
    with pytest.raises(ValidationFailed):
        await notes(follower).create({"title": "a", "mood": "good"})
    assert follower.sync.status.state == "following"


async def test_ids(device: Device) -> None:
    """Who gives the ids need not be said, also where a repository was made before the description was there; a number
    may be given as text."""
    client = await device.signed_up()
    orders = notes(client, "orders")
    await client.sync.now()
    written = await orders.create({"amount": 1})
    assert is_temporary(written.id)
    await client.sync.now()
    [order] = (await orders.list()).items
    assert (await orders.get(str(order["id"]))) == order
    assert isinstance(order["id"], int)


async def test_what_the_app_declares(device: Device) -> None:
    """What the app declares counts for its names, and other names are those that the server describes."""
    loose = msgspec.structs.replace(NOTES, fields={"title": Text(), "count": Integer(default=9)})
    client = await device.signed_up(collections=[loose])
    with pytest.raises(UnknownCollection):
        client.local.collection("orders")
    notes(client)
    await client.sync.now()
    assert (await notes(client).create({})).record["count"] == 9
    with pytest.raises(ValidationFailed):
        await notes(client, "orders").create({"amount": 0})
    with pytest.raises(UnknownCollection):
        client.local.collection("none")


def replaced(response: Response, status: int, content: bytes) -> Response:
    """Another response in the place of one."""
    return Response(status=status, headers={"content-type": "text/html"}, content=content)


OTHERS = {
    "404": lambda response: replaced(
        response, 404, msgspec.json.encode(Refusal("not_found", "no such path: '/v1/schema'").problem())
    ),
    "portal": lambda response: replaced(response, 200, HTML),
    "gateway": lambda response: replaced(response, 502, HTML),
    "other JSON": lambda response: replaced(response, 200, b'{"collections": []}'),
    "nothing": lambda response: replaced(response, 200, b""),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_a_server_without_a_description(device: Device, other: str, caplog: pytest.LogCaptureFixture) -> None:
    """An older server, a portal or a gateway changes nothing: synchronisation goes on, the server checks writes, and
    later the description is asked for again. One that is known stays."""
    caplog.set_level(logging.INFO, logger="hinterland.client")
    device.way.answer = OTHERS[other]
    client = await device.signed_up()
    await client.sync.now()
    written = await notes(client).create({"count": "many"})
    await client.sync.now()
    assert (await written.settled()).status == "refused"
    assert "the description of the app" in caplog.text
    device.way.answer = lambda response: response
    await client.sync.now()
    with pytest.raises(ValidationFailed):
        await notes(client).create({"count": "many"})
    device.way.answer = OTHERS[other]
    await client.sync.now()
    with pytest.raises(ValidationFailed):
        await notes(client).create({"count": "many"})


def newer(response: Response) -> Response:
    """The description as a later version of the server may give it."""
    described = msgspec.json.decode(response.content)
    by_name = {each["name"]: each for each in described["collections"]}
    by_name["notes"]["fields"] |= {"place": {"kind": "point"}, "count": {"kind": "integer", "merge": "highest"}}
    by_name["notes"]["kept_by"] = {"moon": 1}
    by_name["orders"]["ids"] = "uuid"
    described |= {"api": 7, "more": [1], "collections": [*by_name.values(), {"name": "shape", "fields": 3}]}
    return Response(status=200, headers={**response.headers}, content=msgspec.json.encode(described))


async def test_a_newer_server(device: Device) -> None:
    """What a client does not know in a description breaks nothing: such a field takes any JSON, and such a collection
    is as one that is not described; the rest is checked."""
    device.way.answer = newer
    client = await device.signed_up()
    await client.sync.now()
    with pytest.raises(ValidationFailed) as refused:
        await notes(client).create({})
    assert refused.value.errors == {"title": ["is required"]}
    assert (await notes(client).create({"title": "a", "place": [1, 2], "count": "x"})).record["place"] == [1, 2]
    assert (await notes(client, "orders").create({"amount": "x"})).record["amount"] == "x"
    await client.close()
    client = await device.open()
    with pytest.raises(ValidationFailed):
        await notes(client).create({})


async def test_hooks(device: Device) -> None:
    """A write that a hook may complete is not refused on the device, and shows what it has."""
    client = await device.signed_up()
    slugged = notes(client, "slugged")
    await client.sync.now()
    written = await slugged.create({"title": "Tea"})
    assert (written.record["title"], written.record["slug"]) == ("Tea", None)
    await client.sync.now()
    assert (await written.settled()).is_applied
    assert (await slugged.get(written.id))["slug"] == "tea"
    with pytest.raises(ValidationFailed):
        await slugged.update(written.id, {"slug": "more than nine"})


async def test_when_it_is_asked_for(device: Device, clock: ManualClock) -> None:
    """While it runs, synchronisation asks with the first round, then every five minutes, and is answered that nothing
    has changed; never with a token. A new start asks with the tag that was kept."""
    client = await device.signed_up()
    notes(client)
    client.sync.start()
    await until(lambda: device.way.answered == [200])
    await clock.advance(200.0)
    assert (await (await notes(client).create({"title": "a"})).settled()).is_applied
    assert device.way.answered == [200]
    await clock.advance(130.0)
    await until(lambda: device.way.answered == [200, 304])
    await client.close()
    client = await device.open()
    await client.sync.now()
    assert (device.way.answered, {*device.way.tokens}) == ([200, 304, 304], {None})
    assert device.way.asked[0] == ""
    assert device.way.asked[1] == device.way.asked[2] != ""


async def test_a_change_while_it_runs(device: Device, backend: TestBackend) -> None:
    """A device that synchronises takes over what is declared on the running server, keeps its unsent writes, and those
    who watch see them as they are then."""
    client = await device.signed_up()
    notes(client)
    client.sync.start()
    await until(lambda: device.way.answered == [200])
    with pytest.raises(ValidationFailed):
        await notes(client).create({"title": "a", "mood": "good"})
    device.way.is_down = True
    unsent = await notes(client).create({"title": "unsent"})
    assert backend.server.backend is not None
    more = {**NOTES.fields, "mood": Text(choices=("good", "bad"))}
    await backend.server.backend.schema.add([msgspec.structs.replace(NOTES, fields=more)])
    device.way.is_down = False
    client.sync.nudge()
    await until(lambda: device.way.answered[1:] == [200])
    assert (await unsent.settled()).is_applied
    await until(lambda: "mood" in client.local.scope.shapes["notes"].names)
    assert (await notes(client).create({"title": "a", "mood": "good"})).record["mood"] == "good"
    with pytest.raises(ValidationFailed):
        await notes(client).create({"title": "a", "mood": "so-so"})


async def test_a_stream_that_ends(device: Device, backend: TestBackend, clock: ManualClock) -> None:
    """A change that ends the collection's stream is found at once, without a nudge."""
    client = await device.signed_up()
    notes(client)
    client.sync.start()
    await until(lambda: device.way.answered == [200] and client.sync.status.state == "online")
    await until(lambda: client.sync._is_live)
    assert backend.server.backend is not None
    more = {**NOTES.fields, "mood": Text()}
    await backend.server.backend.schema.add([msgspec.structs.replace(NOTES, fields=more)])
    deadline = time.monotonic() + 20
    while "mood" not in client.local.scope.shapes["notes"].names:
        assert time.monotonic() < deadline
        await clock.advance(0.1 if clock.monotonic() < 60 else 0)  # the stream comes back within seconds
    assert device.way.answered == [200, 200]
