"""What of a document depends on no variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Reference, Text
from hinterland.contract.identity import SIGNED_OUT
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import opened
from hinterland.server.declaration import App
from hinterland.server.operations.records import ADMINISTRATOR, write_records
from hinterland.server.protocols.graphql.endpoint import Parameters, asked_of
from hinterland.server.protocols.graphql.service import GraphQL
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage

APP = App(
    collections=[
        Collection(name="posts", fields={"title": Text(), "text": Text()}, rules=EVERYBODY),
        Collection(name="notes", fields={"post": Reference(to="posts"), "text": Text()}, rules=EVERYBODY),
    ],
    settings=Settings(graphql_cost=50),
)
DEPENDING = """query ($has: Boolean!, $some: Int!, $word: String) {
  posts(limit: 2) { id ...Parts @include(if: $has) notes(limit: $some, where: {text: {eq: $word}}) { text } }
}
fragment Parts on Post { title }"""
FIXED = (
    "query ($some: Int!) { posts(limit: $some) { id ...Parts } } fragment Parts on Post { notes(limit: 2) { text } }"
)


def asked(query: str, **variables: object) -> Parameters:
    """A request."""
    return asked_of({"query": query, "variables": variables})


async def test_values_of_variables_count_each_time(tmp_path: Path) -> None:
    """What variables decide is decided for each request, also inside fragments and arguments; what is the same for all
    requests is not, but its records are counted."""
    async with opened(APP, SqliteStorage(tmp_path)) as backend:
        await write_records(
            backend, ADMINISTRATOR,
            [Write(act="create", collection="posts", id="p", body={"title": "t"}),
             Write(act="create", collection="notes", id="n1", body={"post": "p", "text": "1"}),
             Write(act="create", collection="notes", id="n2", body={"post": "p", "text": "2"})],
        )  # fmt: skip
        graphql = GraphQL(backend)

        async def got(query: str, **variables: object) -> bytes:
            outcome = await graphql.respond(SIGNED_OUT, "", asked(query, **variables), is_get=False)
            assert outcome.status == 200
            return outcome.body

        for _ in range(2):
            assert await got(DEPENDING, has=True, some=1, word="2") == (
                b'{"data":{"posts":[{"id":"p","title":"t","notes":[{"text":"2"}]}]}}'
            )
            assert await got(DEPENDING, has=False, some=1, word="1") == (
                b'{"data":{"posts":[{"id":"p","notes":[{"text":"1"}]}]}}'
            )
            assert b"too_costly" in await got(DEPENDING, has=False, some=49, word="1")
            assert await got(FIXED, some=16) == b'{"data":{"posts":[{"id":"p","notes":[{"text":"1"},{"text":"2"}]}]}}'
            assert b"too_costly" in await got(FIXED, some=17)
        document, _ = await graphql.read(asked(FIXED), "")
        [(_, kept)] = document.fixed._records.items()
        assert kept is not None
        assert kept.cost == 3
        document, _ = await graphql.read(asked(DEPENDING), "")
        assert [*document.fixed._records.values()] == [None]


@pytest.mark.parametrize(
    ("document", "only_reads"),
    [
        ("{ posts { id } post(id: 1) { id } postsConnection(first: 1) { totalCount } }", True),
        ("{ postsAggregate { groups { count } } }", True),
        ("{ me { id } }", False),
        ("{ __typename }", False),
        ("{ ...Q } fragment Q on Query { posts { id } }", False),
        ("mutation { logOut }", False),
        ("{ nothing }", False),
    ],
)
async def test_what_only_reads(tmp_path: Path, document: str, only_reads: bool) -> None:
    """A query of records, each of which is a field of the operation itself, runs no code of an app and signs nobody
    in."""
    async with opened(APP, SqliteStorage(tmp_path)) as backend:
        graphql = GraphQL(backend)
        assert not graphql.only_reads(asked(document)), "what was not read yet may take long to read"
        for _ in range(2):
            await graphql.respond(SIGNED_OUT, "", asked(document), is_get=False)
            assert graphql.only_reads(asked(document)) is only_reads
