"""Texts that are one of several names, as enumerations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.fields import List, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.app import Server
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.declaration import App
from hinterland.server.protocols.graphql.schema import schema_of
from hinterland.server.storage.protocol import Storage
from tests.server.protocols.asgi import Stream
from tests.server.protocols.graphql.asking import Ask, asking, codes

TASKS = Collection(
    name="tasks",
    fields={
        "status": Text(choices=("open", "in_progress", "done"), required=True),
        "tags": List(of=Text(choices=("red", "blue"))),
        "where": Text(choices=("here", "there")),
        "size": Text(choices=("1", "2")),
        "flag": Text(choices=("true", "maybe")),
    },
    rules=EVERYBODY,
)
CREATE = "mutation ($input: TaskInput!) { createTask(input: $input) { status tags where size } }"


@pytest.fixture
async def server(storage: Storage) -> AsyncIterator[Server]:
    """A running server with three tasks, on each database."""
    made = Server(App(collections=[users(), TASKS]), storage)
    async with made.running():
        for status, tags in (("open", ["red"]), ("done", ["blue", "red"]), ("done", [])):
            body = {"status": status, "tags": tags, "where": "here", "size": "2"}
            answer = await asking(made)(CREATE, input=body)
            assert answer == {"data": {"createTask": body}}
        yield made


@pytest.fixture
def graphql(server: Server) -> Ask:
    """Asks it."""
    return asking(server)


def test_types() -> None:
    """Choices that are names make an enumeration, of which there is one for all uses; others stay texts."""
    types: Any = schema_of(Catalogue([TASKS], "sqlite")).type_map
    shown = {name: str(types["Task"].fields[name].type) for name in ("status", "tags", "where", "size", "flag")}
    assert shown == {
        "status": "TaskStatus!", "tags": "[TaskTags!]", "where": "TaskWhereChoice", "size": "String", "flag": "String",
    }  # fmt: skip
    assert [*types["TaskStatus"].values] == ["open", "in_progress", "done"]
    assert {str(types[name].fields["status"].type) for name in ("TaskInput", "TaskGroup")} == {"TaskStatus"}
    assert {*types["TaskStatusFilter"].fields} == {"eq", "ne", "in", "exists"}


async def test_values(server: Server, graphql: Ask) -> None:
    """They are given and compared as names in a document and as texts in variables, and come as texts."""
    found = await graphql(
        """query ($s: TaskStatus = open, $w: TaskWhere) {
          a: tasks(where: {status: {eq: $s}}) { status }
          b: tasks(where: {status: {in: [open, in_progress]}, where: {eq: here}}) { status where }
          c: tasksConnection(where: $w) { totalCount }
          tasksAggregate(groupBy: [status], sort: ["status"]) { groups { status count } }
        }""",
        w={"NOT": {"status": {"ne": "done"}}},
    )
    assert found["data"] == {
        "a": [{"status": "open"}],
        "b": [{"status": "open", "where": "here"}],
        "c": {"totalCount": 2},
        "tasksAggregate": {"groups": [{"status": "done", "count": 2}, {"status": "open", "count": 1}]},
    }
    written = await graphql('mutation { createTask(input: {status: in_progress, tags: [blue], size: "1"}) { status } }')
    assert written == {"data": {"createTask": {"status": "in_progress"}}}
    query = "subscription { tasks(where: {status: {in: [done]}}) { record { status } } }"
    stream = Stream(server, "/graphql", ("query", query), headers={"Accept": "text/event-stream"})
    await graphql(CREATE, input={"status": "open"})
    await graphql(CREATE, input={"status": "done"})
    assert '"record":{"status":"done"}' in (await stream.next()).data
    stream.leave()
    await stream.task


@pytest.mark.parametrize("value", ['"open"', "closed", "OPEN", "true"])
async def test_other_values(graphql: Ask, value: str) -> None:
    """What is none of the names is refused before anything is carried out, at its place in variables."""
    refused = await graphql(f"{{ tasks(where: {{status: {{eq: {value}}}}}) {{ status }} }}")
    assert codes(refused) == [("invalid_query", None)]
    refused = await graphql(CREATE, input={"status": value})
    assert ".status" in refused["errors"][0]["message"]
