"""`hinterland graphql schema`: the schema of an app's collections as text."""

from __future__ import annotations

from pathlib import Path

from hinterland.cli.output import error_boundary, fail, print_result
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.declaration import load


def show(path: Path) -> None:
    """Print the schema of an app file."""
    try:
        from graphql import print_schema

        from hinterland.server.protocols.graphql.schema import SchemaMaker
    except ModuleNotFoundError as error:
        fail(f"GraphQL needs {error.name}; install hinterland with the extra 'graphql'")
    with error_boundary(path, Path("data")):
        print_result(print_schema(SchemaMaker(Catalogue(load(path).collections, "sqlite")).made()))
