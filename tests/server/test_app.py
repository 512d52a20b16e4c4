"""The whole server: its life, what a deleted user takes along, and what it says of itself."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import CODES
from hinterland.contract.identity import SIGNED_OUT
from hinterland.contract.operations import DOWNLOAD_ERRORS, EVERY_OPERATION_ERRORS, OPERATIONS
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server, opened, storage_for
from hinterland.server.data.catalogue import DeclarationError
from hinterland.server.data.requests import WriteRequest
from hinterland.server.declaration import App
from hinterland.server.protocols.sse import SSE
from hinterland.server.settings import Settings
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import COLLECTIONS, Api, problem, serving

OWN = Rules(view="auth.id == record.id", delete="auth.id == record.id")


@pytest.mark.parametrize("ids", ["string", "integer"])
async def test_a_deleted_user_takes_the_account_along(tmp_path: Path, ids: Any) -> None:
    """A user who deletes their own record deletes account and sessions in the same transaction: nothing signs in, and
    the e-mail address is free. With the next maintenance the log no longer names the account."""
    collections = (users(ids=ids, rules=OWN),)
    async with serving(SqliteStorage(tmp_path), collections=collections) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        gone = await api("DELETE", f"/v1/records/users/{ada['user']['id']}", headers=ada["headers"])
        assert gone.status_code == 204
        storage = api.backend.storage
        id, kept = str(ada["user"]["id"]), [str(ben["user"]["id"])]
        assert id in [entry.actor for entry in await storage.log(0, 100)]
        await storage.prune(0)
        assert id not in [entry.actor for entry in await storage.log(0, 100)]
        assert [row["id"] for row in await storage.rows("_accounts", {})] == kept
        assert [row["account"] for row in await storage.rows("_sessions", {})] == kept
        form = {"email": "ada@example.org", "password": "correct horse"}
        problem(await api("POST", "/v1/auth/login", json=form), 401, "invalid_credentials")
        refresh = {"refresh_token": ada["refresh_token"]}
        problem(await api("POST", "/v1/auth/refresh", json=refresh), 400, "invalid_grant")
        assert (await api.sign_up("ada"))["user"]["id"] != ada["user"]["id"]


async def test_another_collections_delete_takes_no_account(api: Api) -> None:
    """A record of another collection with a user's id takes nothing along."""
    ada = await api.sign_up("ada")
    id = ada["user"]["id"]
    assert (await api("POST", "/v1/records/things", json={"id": id})).status_code == 201
    assert (await api("DELETE", f"/v1/records/things/{id}")).status_code == 204
    assert (await api("GET", "/v1/auth/me", headers=ada["headers"])).status_code == 200


# ---------------------------------------------------------------- life


async def test_writes_of_another_process(postgres_dsn: str) -> None:
    """What another process writes to the same PostgreSQL is sent at its commit: no time has to pass."""
    app, clock = App(collections=[Collection(name="marks", fields={}, rules=EVERYBODY)]), ManualClock()
    here, there = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    async with opened(app, here, clock) as reading, opened(app, there, clock) as writing:
        subscription = await reading.feed.subscribe(SIGNED_OUT, ["marks"], SSE)
        while not subscription.is_live:
            await reading.feed.catch_up(subscription)
        for id in ("a", "b"):
            await writing.commands.submit(WriteRequest([Write(act="create", collection="marks", id=id, body={})]))
            sent = b""
            while b'"id":"%s"' % id.encode() not in sent:
                sent += await asyncio.wait_for(subscription.next(), 30)


async def lifespan(server: Server) -> list[Any]:
    """What the server answers to a web server that starts and ends it."""
    sent: list[Any] = []
    asked = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Any:
        return {"type": next(asked)}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        await server({"type": "lifespan"}, receive, send)
    except DeclarationError:
        sent.append("raised")
    return sent


async def test_the_lifespan(tmp_path: Path) -> None:
    """A web server starts and ends the server by ASGI's lifespan; what keeps it from starting is reported."""
    server = Server(App(), SqliteStorage(tmp_path))
    assert [message["type"] for message in await lifespan(server)] == [
        "lifespan.startup.complete", "lifespan.shutdown.complete",
    ]  # fmt: skip
    twice = Collection(name="twice", fields={})
    failed = await lifespan(Server(App(collections=[twice, twice]), SqliteStorage(tmp_path)))
    assert failed == [{"type": "lifespan.startup.failed", "message": "collection 'twice' is declared twice"}, "raised"]


async def test_a_second_server_on_the_folder(tmp_path: Path) -> None:
    """A folder has one server; and it can be opened again after it."""
    async with serving(SqliteStorage(tmp_path)):
        with pytest.raises(StorageError):
            async with serving(SqliteStorage(tmp_path)):
                pass  # pragma: no cover
    async with serving(SqliteStorage(tmp_path)) as api:
        assert (await api("GET", "/readyz")).status_code == 200


async def test_closing_streams(tmp_path: Path) -> None:
    """Streams can be closed at any time, also where nothing is open."""
    server = Server(App(), SqliteStorage(tmp_path))
    await server.close_streams()
    async with server.running():
        await server.close_streams()


def test_the_storage_of_the_settings(tmp_path: Path) -> None:
    """A database's address chooses PostgreSQL, else it is SQLite in the folder."""
    assert isinstance(storage_for(Settings(database_url="postgresql://x"), None), PostgresStorage)
    lite = storage_for(Settings(), tmp_path)
    assert isinstance(lite, SqliteStorage)
    assert lite.folder == tmp_path
    assert isinstance(storage_for(Settings(), None), SqliteStorage)


async def test_maintenance(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is past its time is forgotten within the hour, and a failure is logged and tried again."""
    async with serving(SqliteStorage(tmp_path), log_days=1.0, answer_days=1.0) as api:
        for n in range(2):
            await api("POST", "/v1/records/things", json={}, headers={"Idempotency-Key": str(n)})
        clock: Any = api.server.clock
        storage = api.backend.storage
        prune = storage.prune
        clock.jump(86_400 * 2)
        with caplog.at_level(logging.ERROR):
            storage.prune = _fail  # type: ignore[method-assign]
            for _ in range(48):
                if "maintenance failed" not in caplog.text:
                    await clock.advance(3_600)
        assert "maintenance failed" in caplog.text
        storage.prune = prune  # type: ignore[method-assign]
        forget, is_done = storage.forget_answers, asyncio.Event()

        async def forgotten(before: float) -> None:
            await forget(before)
            is_done.set()

        storage.forget_answers = forgotten  # type: ignore[method-assign]
        await clock.advance(3_600)
        await asyncio.wait_for(is_done.wait(), 30)
        assert len(await storage.log(0, 9)) == 1
        assert await storage.rows("_answers", {}) == []


async def _fail(before: float) -> None:
    raise ValueError(before)


async def test_a_collection_whose_short_path_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A collection named as one of the server's own paths is warned about and found at its full path."""
    collections = (*COLLECTIONS, Collection(name="health", fields={}, rules=EVERYBODY))
    async with serving(SqliteStorage(tmp_path), collections=collections) as api:
        assert "/v1/records/health" in caplog.text
        assert (await api("GET", "/v1/records/health")).json() == {"items": [], "next": ""}
        assert (await api("GET", "/health")).json() == {"status": "ok"}


async def test_without_tutorial_paths(tmp_path: Path) -> None:
    """Tutorials' paths can be turned off; what watches the server still finds its health."""
    async with serving(SqliteStorage(tmp_path), tutorial_paths=False) as api:
        for path in ("/things", "/auth/login", "/api/user", "/things/x"):
            problem(await api("GET", path), 404, "not_found")
        assert (await api("GET", "/healthz")).status_code == 200


async def test_paths_that_there_are_not(api: Api) -> None:
    """A path that is nowhere is reported as such; what is taken by another method says which."""
    for path in ("/v1", "/v1/records", "/v1/nowhere", "/a/b/c", "/v1/records/"):
        answer = await api("GET", path)
        assert answer.status_code == 404
        problem(answer, 404, answer.json()["code"])
    for method, path, allowed in (
        ("PUT", "/v1/records/things", "GET, POST, HEAD, OPTIONS"),
        ("POST", "/v1/records/things/x", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("GET", "/v1/auth/login", "POST, OPTIONS"),
        ("BREW", "/health", "GET, HEAD, OPTIONS"),
    ):
        answer = await api(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


async def test_readiness(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Ready names the database and the last revision; while the database does not answer it says when to ask again, and
    the log has one line with the reason, since it is asked again and again."""
    await api("POST", "/v1/records/things", json={})
    assert (await api("GET", "/readyz")).json() == {"status": "ready", "database": "sqlite", "revision": 1}
    api.backend.storage.head = _gone  # type: ignore[method-assign]
    answer = await api("GET", "/readyz")
    assert "unreachable" not in problem(answer, 503, "unavailable")["message"]
    assert answer.headers["retry-after"] == "1"
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "'/readyz' failed" in line.getMessage()
    assert "unreachable at /srv/data" in line.getMessage()
    assert line.exc_info is None


async def _gone() -> Any:
    raise StorageError("unreachable at /srv/data") from OSError("unreachable at /srv/data,\nfor now")


async def test_the_keys(api: Api) -> None:
    """The public keys are public, and nothing else of them."""
    answer = await api("GET", "/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "max-age=300"
    assert all("d" not in key for key in answer.json()["keys"])


async def test_tutorial_paths_are_of_declared_collections(tmp_path: Path) -> None:
    """A first name that no declared collection has, or that is the server's, is no path of records: what is asked there
    is refused as an unknown path, whatever the method, and is not called a collection."""
    things = [Collection(name=name, fields={}, rules=EVERYBODY) for name in ("things", "v1")]
    async with serving(SqliteStorage(tmp_path), collections=things) as api:
        for path in ("/thingz", "/thingz/1", "/v1/batches", "/v1/1", "/v1", "/_/1", "/_", "/api/x", "/auth/login2"):
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                message = problem(await api(method, path), 404, "not_found")["message"]
                assert message == f"no such path: '{path}'; / and /openapi.json list those there are"
        assert (await api("GET", "/things")).json() == []


async def test_an_operation_that_the_app_has_not(api: Api) -> None:
    """A call of an operation that the app has not says so, and where those are that it has."""
    message = problem(await api("POST", "/v1/functions/orders.totl", json={}), 404, "not_found")["message"]
    assert message == "this app has no operation 'orders.totl'; /openapi.json lists those there are"


async def test_a_slash_at_the_end(tmp_path: Path) -> None:
    """A path with a slash at its end is none, and the refusal names the path without it; of tutorials' paths it is."""
    things = [Collection(name="things", fields={}, rules=EVERYBODY)]
    async with serving(SqliteStorage(tmp_path), collections=things) as api:
        assert (await api("GET", "/things/")).json() == []
        for path in ("/v1/records/things/", "/v1/records/things/1/", "/v1/auth/login/", "/thingz//"):
            message = problem(await api("GET", path), 404, "not_found")["message"]
            assert message == f"no such path: '{path}'; paths have no slash at their end: '{path.rstrip('/')}'"


# ---------------------------------------------------------------- the table


def test_every_error_is_some_operations() -> None:
    """Each code of the table is one that some operation answers with, and no operation names another."""
    named = {code for operation in OPERATIONS.values() for code in operation.all_errors}
    assert named | {*EVERY_OPERATION_ERRORS, *DOWNLOAD_ERRORS} == set(CODES)


def test_every_error_is_used() -> None:
    """Each code of the table is raised somewhere in the package."""
    source = Path(__file__).parents[2] / "src" / "hinterland"
    places = [*(source / "server").rglob("*.py"), *(source / "contract").glob("*.py")]
    raised = re.findall(r'(?:Refusal|__init__)\(\s*"(\w+)"', "".join(path.read_text() for path in places))
    assert [code for code in CODES if code not in raised] == []
