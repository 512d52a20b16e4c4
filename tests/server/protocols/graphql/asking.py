"""Asks a server by GraphQL."""

from __future__ import annotations

from typing import Any, Protocol

from hinterland.server.app import Server
from tests.server.protocols.asgi import ask, bearer


class Ask(Protocol):
    """Asks by GraphQL: the whole response as an object."""

    async def __call__(self, query: str, /, *, token: str = "", **variables: Any) -> dict[str, Any]: ...


def asking(server: Server) -> Ask:
    """What asks a server."""

    async def asked(query: str, /, *, token: str = "", **variables: Any) -> dict[str, Any]:
        headers = bearer(token) if token else {}
        answer = await ask(server, "POST", "/graphql", {"query": query, "variables": variables}, headers)
        response: dict[str, Any] = answer.json
        return response

    return asked


async def signed_up(graphql: Ask, name: str) -> tuple[str, str]:
    """A new user's token and id."""
    document = """mutation ($email: String!, $name: String) {
      signUp(email: $email, password: "correct horse battery", profile: {name: $name}) { access_token user { id } }
    }"""
    made = (await graphql(document, email=f"{name}@example.org", name=name))["data"]["signUp"]
    return made["access_token"], made["user"]["id"]


def codes(response: dict[str, Any]) -> list[tuple[str, list[str | int] | None]]:
    """The code and the path of each error."""
    return [(error["extensions"]["code"], error.get("path")) for error in response["errors"]]
