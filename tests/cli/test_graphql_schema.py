"""`hinterland graphql schema`."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import build_schema, validate_schema

from tests.support.command import hinterland, reported

APP = """
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.contract.fields import Reference, Text
from hinterland.server import App

app = App(collections=[
    Collection(name="users", fields={"name": Text()}),
    Collection(name="posts", fields={"title": Text(), "author": Reference(to="users")}, rules=EVERYBODY),
])
"""


def test_schema(tmp_path: Path) -> None:
    """The schema of an app file is printed as text that GraphQL's tools read."""
    file = tmp_path / "app.py"
    file.write_text(APP)
    schema = build_schema(hinterland("graphql", "schema", file).out)
    assert validate_schema(schema) == []
    assert {"post", "posts", "postsConnection"} <= schema.query_type.fields.keys()  # type: ignore[union-attr]


def test_schema_of_a_subgraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema of an app that is a subgraph has the keys of its types."""
    file = tmp_path / "app.py"
    file.write_text(APP)
    monkeypatch.setenv("HINTERLAND_GRAPHQL_FEDERATION", "true")
    text = hinterland("graphql", "schema", file).out
    assert text.startswith("extend schema @link(url:")
    assert 'type Post @key(fields: "id") @key(fields: "nodeId") {' in text
    assert "_entities" not in text


def test_app_that_can_not_be_read(tmp_path: Path) -> None:
    """A file that declares no app is an error that says so."""
    file = tmp_path / "app.py"
    file.write_text("x = 1")
    assert "app" in reported(hinterland("graphql", "schema", file))
