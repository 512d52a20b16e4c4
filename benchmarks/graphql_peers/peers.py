"""Strawberry and graphql-core as peers, which answer the works of GraphQL alone."""

from __future__ import annotations

import secrets
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.dataset import MEMBERS
from benchmarks.graphql_peers.store import Store, Tokens
from benchmarks.peers import Served, User
from benchmarks.process import ServerProcess


class GraphqlPeer(Served):
    """A module of this folder as a server."""

    module: str
    ready_path: str
    list_document = "query ($category: String!) { articles(category: $category, limit: 100) { %s } }"
    nested_document = "{ posts(limit: 20) { %s comments { %s likes { %s } } } }"  # the other limits are in resolvers

    def __init__(self, folder: Path) -> None:
        if find_spec(self.label.replace("-core", "").lower()) is None:
            raise RuntimeError(f"{self.label} is not installed: make bench installs it")
        super().__init__(folder)

    def make_process(self) -> ServerProcess:
        """Under uvicorn, with uvloop and httptools."""
        command = [sys.executable, "-m", self.module, str(self.port), str(self.folder)]
        return ServerProcess(command, self.port, self.ready_path, self.folder / "log")

    def prepare(self, rows: int) -> None:
        """Users are tokens; the records come into the database before it starts."""
        (self.folder / "secret").write_bytes(secrets.token_bytes(32))
        tokens = Tokens(self.folder)
        self.users = [User(f"user{number}", tokens.made(f"user{number}")) for number in range(MEMBERS + 1)]
        self.hold(rows)
        Store(self.folder).fill(self.dataset)
        self.start()

    def durability(self) -> str:
        """Nothing is written while it is measured."""
        return "synchronous=FULL, journal_mode=WAL (set in benchmarks/graphql_peers/store.py; nothing is written)"

    def authorization(self, user: User) -> dict[str, str]:
        """A bearer token (RFC 6750 §2.1)."""
        return {"Authorization": f"Bearer {user.token}"}


class Strawberry(GraphqlPeer):
    """Strawberry, its data loaders and its ASGI application."""

    label = "Strawberry"
    settings = "with its caches of parsing and validation, under uvicorn"
    module = "benchmarks.graphql_peers.strawberry_app"
    ready_path = "/?query=%7B__typename%7D"

    @property
    def version(self) -> str:  # type: ignore[override]
        """The package's."""
        return version("strawberry-graphql")


class GraphqlCore(GraphqlPeer):
    """graphql-core with resolvers by hand."""

    label = "graphql-core"
    settings = "resolvers by hand over sqlite3, documents parsed once, under uvicorn"
    module = "benchmarks.graphql_peers.core_app"
    ready_path = "/"

    @property
    def version(self) -> str:  # type: ignore[override]
        """The package's."""
        return version("graphql-core")
