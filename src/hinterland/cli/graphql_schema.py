"""`hinterland graphql schema`: the schema of an app's collections as text."""

from __future__ import annotations

from pathlib import Path

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.declaration import load
from hinterland.server.settings import from_environment


def show(path: Path) -> None:
    """Print the schema of an app file, as a subgraph's where the app is one."""
    try:
        from graphql import print_schema

        from hinterland.server.protocols.graphql.federation import subgraph_text
        from hinterland.server.protocols.graphql.schema import schema_of
    except ModuleNotFoundError as error:
        fail(f"GraphQL needs {error.name}; install hinterland with the extra 'graphql'")
    with error_boundary(path, Path("data")):
        app = load(path)
        is_subgraph = from_environment(app.settings).graphql_federation
        schema = schema_of(Catalogue(app.collections, "sqlite"), app.own_operations, is_subgraph=is_subgraph)
        print_result(subgraph_text(schema) if is_subgraph else print_schema(schema))
