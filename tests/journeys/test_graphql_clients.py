"""Clients of GraphQL as npm and PyPI have them, against `hinterland serve`."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.support.npm import install
from tests.support.required import require_node
from tests.support.server import ServerProcess

pytestmark = pytest.mark.slow

PACKAGES = Path(__file__).parents[1] / "server" / "protocols" / "graphql" / "packages"
WITHIN = 60.0  # seconds for a client
APP_FILE = """
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server import App

app = App(collections=[Collection(name="posts", fields={"title": Text(required=True)}, rules=EVERYBODY)])
"""
HOOKS_PAGE = "<!doctype html><title>posts</title><link rel=icon href=data:,><body><script src=hooks.js></script>"
CREATE = gql("mutation Create($title: String) { createPost(input: {title: $title}) { id title } }")
LIST = gql("query List($title: String) { posts(where: {title: {eq: $title}}) { id title } }")
FOLLOW = gql("subscription { posts { kind record { id title } } }")
HOOKS = (
    "a query's result is shown",
    "a mutation is carried out, and the list has its record",
    "a refusal has the message of its field",
    "what a mutation returns changes the list",
    "a subscription brings what others write, once it has begun",
    "it goes on after the server was started again",
    "the page threw no error of its own",
)
REFUSED = {"code": "validation", "errors": {"title": ["is required"]}}


@pytest.fixture
def server(server_process: Callable[..., ServerProcess], tmp_path: Path) -> ServerProcess:
    """A server with posts."""
    file = tmp_path / "app.py"
    file.write_text(APP_FILE)
    return server_process(file)


def found_by(server: ServerProcess, name: str) -> Any:
    """What a client of npm was answered."""
    install(PACKAGES)
    words = [str(require_node()), str(PACKAGES / "clients.mjs"), f"{server.url}/graphql", name]
    done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["apollo", "urql", "request"])
def test_npm(server: ServerProcess, name: str) -> None:
    """@apollo/client, @urql/core and graphql-request create and list posts, and have the code and the messages of an
    error; the first two hear of changes by graphql-ws, and find in their caches what they have read."""
    found = found_by(server, name)
    made = found["made"]
    assert made["title"] == "One"
    assert found["refused"] == REFUSED
    assert found["listed"] == [made]
    if name != "request":  # which has neither subscriptions nor a cache
        assert found["cached"] == [made]
        (change,) = found["event"]
        assert (change["kind"], change["record"]["id"]) == ("create", made["id"])


def test_relay(server: ServerProcess) -> None:
    """Relay's runtime adds page after page of a connection to its store."""
    assert found_by(server, "relay") == [["ab", True, 5], ["abcd", True, 5], ["abcde", False, 5]]


def test_relay_subscriptions(server: ServerProcess) -> None:
    """Relay's runtime finds records by their node ids, and `requestSubscription` over graphql-transport-ws changes them
    in its store: what is updated, and what is deleted."""
    outcome = found_by(server, "live")
    assert outcome == {"before": [{"title": "first"}, {"title": "other"}], "after": [{"title": "last"}, None]}


@pytest.mark.parametrize("name", ["apollo", "urql"])
def test_react_hooks(server_process: Callable[..., ServerProcess], tmp_path: Path, name: str) -> None:
    """In a browser, the hooks of @apollo/client and of urql query, mutate, show an error of a field and follow changes,
    also after the server was started again."""
    require_browser()
    install(PACKAGES)
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text(HOOKS_PAGE)
    words = ["node_modules/.bin/esbuild", f"hooks_{name}.jsx", f"--outfile={page / 'hooks.js'}", "--bundle"]
    options = ["--jsx=automatic", "--target=es2022", "--log-level=warning"]
    subprocess.run([*words, *options], cwd=PACKAGES, timeout=WITHIN, check=True)
    file = tmp_path / "app.py"
    file.write_text(APP_FILE)
    server = server_process(file, env={"HINTERLAND_STATIC": str(page)})

    def start_again() -> None:
        server.terminate()
        server.start()

    asked = {"start the server again": start_again}
    outcomes = run_scenario("hooks", page=server.url, api=server.url, screenshots=tmp_path, asked=asked)
    assert outcomes == dict.fromkeys(HOOKS, PASSED), server.log


def with_title(document: GraphQLRequest, title: str | None) -> GraphQLRequest:
    """A document with its variable."""
    return GraphQLRequest(document, variable_values={"title": title})


def test_gql_over_http(server: ServerProcess) -> None:
    """PyPI's gql checks documents against the schema that it fetches, creates and lists."""
    client = Client(
        transport=RequestsHTTPTransport(f"{server.url}/graphql"), fetch_schema_from_transport=True, parse_results=True
    )
    with client as session:
        made = session.execute(with_title(CREATE, "One"))["createPost"]
        assert session.execute(with_title(LIST, "One"))["posts"] == [made]
        with pytest.raises(TransportQueryError) as refused:
            session.execute(with_title(CREATE, None))
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"] == REFUSED


async def test_gql_over_websocket(server: ServerProcess) -> None:
    """It does so over graphql-transport-ws too, and follows changes there."""
    transport = WebsocketsTransport(f"{server.url.replace('http', 'ws')}/graphql")
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        made = (await session.execute(with_title(CREATE, "One")))["createPost"]
        assert (await session.execute(with_title(LIST, "One")))["posts"] == [made]
        with pytest.raises(TransportQueryError) as refused:
            await session.execute(with_title(CREATE, None))
        assert refused.value.errors is not None
        assert refused.value.errors[0]["extensions"] == REFUSED
        changes = session.subscribe(FOLLOW)
        heard = asyncio.create_task(anext(changes))
        while not heard.done():  # the first that is made after it has begun
            await session.execute(with_title(CREATE, "Two"))
        (change,) = (await heard)["posts"]
        assert (change["kind"], change["record"]["title"]) == ("create", "Two")
        await changes.aclose()
