"""Trusted documents."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.protocols.graphql.trusted import TrustedDocuments
from hinterland.server.settings import Settings, SettingsError
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Answer, Socket, Stream, ask

POSTS, ADD = "{ posts { title } }", 'mutation { createPost(input: {title: "One"}) { title } }'
EVENTS = "subscription { posts { kind } }"
LIST = {"posts": POSTS, "add": ADD, "events": EVENTS}


def digest(text: str) -> str:
    """Its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


def server(folder: Path, listed: Path | str) -> Server:
    """A server with a list of documents."""
    collections = [Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)]
    settings = Settings(graphql_trusted_documents=str(listed))
    return Server(App(collections=collections, settings=settings), SqliteStorage(folder / "data"), is_local=True)


def listed(folder: Path) -> Path:
    """A file with the list."""
    file = folder / "documents.json"
    file.write_text(json.dumps(LIST))
    return file


async def posted(server: Server, **body: Any) -> Answer:
    """The response to a request."""
    headers = {"Accept": "application/graphql-response+json", "Host": "localhost"}
    return await ask(server, "POST", "/graphql", body, headers)


async def test_documents_of_the_list_are_carried_out(tmp_path: Path) -> None:
    """A request names a document of the list by its id, by the digest of its text, or by the text."""
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": digest(POSTS)}}
    async with (made := server(tmp_path, listed(tmp_path))).running():
        assert (await posted(made, documentId="add")).json == {"data": {"createPost": {"title": "One"}}}
        for asked in (
            {"documentId": "posts"},
            {"documentId": f"sha256:{digest(POSTS)}"},
            {"extensions": persisted},
            {"query": POSTS},
        ):
            answer = await posted(made, **asked)
            assert (answer.status, answer.json) == (200, {"data": {"posts": [{"title": "One"}]}})


async def test_others_are_not(tmp_path: Path) -> None:
    """A document that is not in the list is refused whatever names it, with what to do, and never registered; so is
    the schema, and there is no page that would ask for it."""
    other = "{ posts { id } }"
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": digest(other)}}
    async with (made := server(tmp_path, listed(tmp_path))).running():
        for asked in (
            {"query": other},
            {"query": f" {POSTS}"},
            {"query": other, "extensions": persisted},
            {"extensions": persisted},
            {"documentId": "other"},
            {"documentId": f"sha256:{digest(other)}"},
            {"query": "{ __schema { types { name } } }"},
        ):
            answer = await posted(made, **asked)
            [error] = answer.json["errors"]
            assert (answer.status, error["extensions"]) == (400, {"code": "PERSISTED_QUERY_NOT_FOUND"})
            assert "not in the list of this server" in error["message"]
        page = await ask(made, "GET", "/graphql", headers={"Accept": "text/html", "Host": "localhost"})
        assert page.status == 406


async def test_subscriptions(tmp_path: Path) -> None:
    """Documents of subscriptions, and those that are asked for on a WebSocket, are of the list too."""
    headers = {"Accept": "text/event-stream", "Host": "localhost"}
    async with (made := server(tmp_path, listed(tmp_path))).running():
        begun = ("extensions", '{"cursor": ""}')
        stream = Stream(made, "/graphql", ("documentId", "events"), begun, headers=headers)
        await stream.next()
        await posted(made, documentId="add")
        assert json.loads((await stream.next()).data)["data"] == {"posts": [{"kind": "create"}]}
        stream.leave()
        await stream.task
        refused = Stream(made, "/graphql", ("query", "subscription { posts { id } }"), headers=headers)
        await refused.task
        assert b"PERSISTED_QUERY_NOT_FOUND" in b"".join(refused.chunks)
        socket = Socket(made, "/graphql", headers={"Host": "localhost"}, subprotocol="graphql-transport-ws")
        await socket.asked(type="connection_init")
        answer = await socket.asked(type="subscribe", id="1", payload={"query": "{ posts { id } }"})
        assert answer["payload"][0]["extensions"] == {"code": "PERSISTED_QUERY_NOT_FOUND"}
        shown = await socket.asked(type="subscribe", id="2", payload={"documentId": "posts"})
        assert shown["payload"] == {"data": {"posts": [{"title": "One"}]}}
        await socket.leave()


async def test_an_id_without_a_list(tmp_path: Path) -> None:
    """Where all documents are carried out, one that was sent before is found by the digest in its id."""
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": digest(POSTS)}}
    async with (made := server(tmp_path, "")).running():
        missing = await posted(made, documentId=f"sha256:{digest(POSTS)}")
        assert missing.json["errors"][0]["extensions"] == {"code": "PERSISTED_QUERY_NOT_FOUND"}
        await posted(made, query=POSTS, extensions=persisted)
        assert (await posted(made, documentId=f"sha256:{digest(POSTS)}")).json == {"data": {"posts": []}}


def test_a_folder(tmp_path: Path) -> None:
    """A folder has files of documents by their ids, manifests of Apollo's tools, and a file for each document."""
    (tmp_path / "relay.json").write_text(json.dumps({"a": POSTS}))
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "b", "body": ADD}]}
    (tmp_path / "apollo.json").write_text(json.dumps(manifest))
    (tmp_path / "c.graphql").write_text(EVENTS)
    (tmp_path / "notes.txt").write_text("no document")
    documents = TrustedDocuments(str(tmp_path))
    assert [documents.by_id(id) for id in "abcd"] == [POSTS, ADD, EVENTS, None]
    assert documents.by_digest(digest(ADD).upper()) == ADD


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "JSON"), ("[]", "an object of documents"), ('{"a": 1}', "an object of documents"), ("{}", "no documents"),
     ('{"operations": [{"id": "a"}]}', "an object of documents")],
)  # fmt: skip
async def test_lists_that_can_not_be_read(tmp_path: Path, text: str, problem: str) -> None:
    """A list that can't be used keeps the server from starting, with the file and what to do."""
    file = tmp_path / "documents.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=problem) as raised:
        async with server(tmp_path, file).running():
            pass
    assert str(file) in str(raised.value)


def test_a_missing_file_and_an_id_of_two_documents(tmp_path: Path) -> None:
    """A file that is not there, and an id of two documents, are errors that name the file."""
    with pytest.raises(SettingsError, match=r"missing\.json: No such file"):
        TrustedDocuments(str(tmp_path / "missing.json"))
    (tmp_path / "a.json").write_text(json.dumps({"a": POSTS}))
    (tmp_path / "a.graphql").write_text(ADD)
    with pytest.raises(SettingsError, match="names two documents"):
        TrustedDocuments(str(tmp_path))
