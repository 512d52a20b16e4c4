"""Hinterland as it is served: `hinterland serve benchmarks/app.py` on SQLite, durable."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from benchmarks.dataset import MEMBERS
from benchmarks.frames import frame, handshake
from benchmarks.http1 import ask, call, request
from benchmarks.peers import ADMINISTRATOR, PASSWORD, Page, Peer, User
from benchmarks.process import ServerProcess
from benchmarks.related_data import COMMENTS, LIKES, NAMED, POSTS, related_rows
from benchmarks.streams import Event, SocketSubscriber, Subscriber, first_event, subscribe
from hinterland.server.storage.sqlite import FILE_NAME
from hinterland.server.storage.sqlite_reading import connect

_IMPORTED_AT_ONCE = 500
SUBSCRIPTION = "subscription { notes { kind id record { id members title rank category done due } } }"
NOT_FOUND = 404  # an older checkout has no related records


class Hinterland(Peer):
    """The server of this project, or as it is in another `checkout`, whose environment `make run` has made."""

    label = "Hinterland"
    version = version("hinterland")
    settings = "as it comes"
    environment: Mapping[str, str] = MappingProxyType({})
    list_document = (
        "query ($category: String!) {"
        " articles(where: {category: {eq: $category}}, sort: [rank_ASC], limit: 100) { %s } }"
    )
    nested_document = "{ posts(sort: [rank_ASC], limit: 20) { %s comments(limit: 10) { %s likes(limit: 5) { %s } } } }"

    def __init__(self, folder: Path, checkout: Path | None = None) -> None:
        python = Path(sys.executable) if checkout is None else checkout.absolute() / ".venv/bin/python"
        if not python.exists():
            raise RuntimeError(f"there is no {python}; call `make run` in that checkout once")
        self._program = [str(python), "-m", "hinterland"]
        self._app = (checkout.absolute() if checkout is not None else Path(__file__).parents[1]) / "benchmarks/app.py"
        if checkout is not None:
            self.label = f"Hinterland in {checkout.absolute().name}"
        super().__init__(folder)

    def make_process(self) -> ServerProcess:
        """`hinterland serve` with the benchmark's app file."""
        place = ["--data", str(self.folder / "data"), "--host", "127.0.0.1", "--port", str(self.port)]
        command = [*self._program, "serve", str(self._app), *place]
        return ServerProcess(command, self.port, "/readyz", self.folder / "log", self.environment)

    def prepare(self, rows: int) -> None:
        """Everything through the API, the articles by the administrator's import."""
        self.start()
        administrator = self.administrator()
        self.users = [self.sign_up(number) for number in range(MEMBERS + 1)]
        self.hold(rows)
        self.fill("articles", self.dataset.seeds(), administrator)
        status, _ = ask(self.port, "GET", self.records_path("posts"), None, self.authorization(administrator))
        for name, rows_of_one in related_rows().items() if status != NOT_FOUND else ():
            self.fill(name, iter(rows_of_one), administrator)

    def administrator(self) -> User:
        """A new administrator of the running server."""
        create = ["admin", "create", ADMINISTRATOR, "--password", PASSWORD, "--data", str(self.folder / "data")]
        environment = os.environ | self.environment
        subprocess.run([*self._program, *create], capture_output=True, check=True, env=environment)
        answer = call(self.port, "POST", "/v1/admin/login", {"email": ADMINISTRATOR, "password": PASSWORD})
        return User("", answer["token"])

    def fill(self, collection: str, rows: Iterator[dict[str, Any]], administrator: User) -> None:
        """Import `rows` into a collection."""
        path, headers = f"/v1/admin/import/{collection}", self.authorization(administrator)
        for chunk in _chunks(rows):
            report = call(self.port, "POST", path, {"rows": chunk}, headers)
            if report["created"] != len(chunk):
                raise RuntimeError(f"rows were refused: {report['refused'][:3]}")

    @property
    def stream_port(self) -> int:
        """Where streams are opened."""
        return self.port

    def durability(self) -> str:
        """What the server's own connections say."""
        connection = connect(self.folder / "data" / FILE_NAME)
        names = ("OFF", "NORMAL", "FULL", "EXTRA")
        level, journal = (connection.pragma(name) for name in ("synchronous", "journal_mode"))
        connection.close()
        return (
            f"synchronous={names[int(level)]}, journal_mode={str(journal).upper()}"
            " (asked of a connection that the server's own code opens on its database)"
        )

    def authorization(self, user: User) -> dict[str, str]:
        """A bearer token (RFC 6750 §2.1)."""
        return {"Authorization": f"Bearer {user.token}"}

    def records_path(self, collection: str) -> str:
        """`/v1/records/{collection}`."""
        return f"/v1/records/{collection}"

    def list_path(self, category: str, limit: int, *, total: bool) -> str:
        """Filtered by equality."""
        asked = f"category={category}&sort=rank&limit={limit}"
        return f"{self.records_path('articles')}?{asked}" + ("&total=true" if total else "")

    def sums_path(self) -> str:
        """By aggregates."""
        return f"{self.records_path('articles')}/aggregate?group=done&count=*&sum=rank&max=rank"

    def search_path(self, digits: str, limit: int) -> str:
        """Words in an index, by relevance."""
        return f"{self.records_path('articles')}?search=sheet%20{digits}*&limit={limit}"

    def expand_path(self, *, nested: bool) -> str:
        """By references, and by those that refer back."""
        below = f"comments(limit={COMMENTS},expand=likes(limit={LIKES}))"
        return f"{self.records_path('posts')}?sort=rank&limit={POSTS}&expand={below if nested else ','.join(NAMED)}"

    def expanded(self, record: dict[str, Any], name: str) -> Any:
        """A record, or the `items` of several."""
        found = record["_expand"][name]
        return found if name in NAMED else found["items"]

    def bulk(self, rows: list[dict[str, Any]]) -> tuple[str, Any]:
        """An array."""
        return f"{self.records_path('notes')}/bulk", rows

    def bulk_ids(self, answer: Any) -> list[str]:
        """In order."""
        ids: list[str] = answer["ids"]
        return ids

    def page(self, answer: Any) -> Page:
        """`{items, next, total?}`."""
        return Page(answer["items"], answer.get("total"))

    def count_notes(self) -> int:
        """Asked as the first member."""
        path = f"{self.records_path('notes')}?limit=1&total=true"
        total: int = call(self.port, "GET", path, headers=self.authorization(self.users[0]))["total"]
        return total

    async def subscribe(self, user: User) -> Subscriber:
        """The stream says `ready` first."""
        headers = {"Accept": "text/event-stream", **self.authorization(user)}
        opening = request("GET", "/v1/events?collection=notes", headers)
        stream, _ = await subscribe(self.stream_port, opening, lambda event: event.name == "ready")
        return stream

    async def subscribe_socket(self, user: User) -> Subscriber:
        """An open WebSocket that follows the notes."""
        opening = handshake("/v1/socket", headers=self.authorization(user))
        socket, _ = await subscribe(self.port, opening, lambda event: event.name == "hello", SocketSubscriber)
        asked = {"type": "subscribe", "id": "n", "collection": "notes", "snapshot": False}
        socket.send(frame(msgspec.json.encode(asked)))
        await first_event(socket, lambda event: event.name == "ready")
        return socket

    async def subscribe_graphql(self, user: User) -> Subscriber:
        """An open WebSocket that speaks `graphql-transport-ws`, with a subscription to the notes."""
        opening = handshake("/graphql", "graphql-transport-ws", self.authorization(user))
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: SocketSubscriber(opening), "127.0.0.1", self.port)
        await asyncio.wait_for(socket.answered.wait(), 10)
        socket.send(frame(b'{"type":"connection_init"}'))
        await first_event(socket, lambda event: event.name == "connection_ack")
        payload = {"query": SUBSCRIPTION, "extensions": {"cursor": ""}}
        socket.send(frame(msgspec.json.encode({"type": "subscribe", "id": "n", "payload": payload})))
        await first_event(socket, lambda event: event.name == "next")
        return socket

    def changed(self, event: Event) -> list[dict[str, Any]]:
        """The created records of a `commit`, or of a response to a subscription."""
        if event.name == "commit":
            changes = msgspec.json.decode(event.data)["changes"]
        elif event.name == "next":
            changes = msgspec.json.decode(event.data)["payload"]["data"]["notes"]
        else:
            return []
        return [change["record"] for change in changes if change["kind"] == "create"]

    def sign_up(self, number: int) -> User:
        """A new user."""
        body = {"email": f"user{number}@example.org", "password": PASSWORD, "name": f"User {number}"}
        answer = call(self.port, "POST", "/v1/auth/signup", body)
        return User(answer["user"]["id"], answer["token"])


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, _IMPORTED_AT_ONCE)):
        yield chunk
