"""Which function carries out which operation."""

from __future__ import annotations

from inspect import iscoroutinefunction

from hinterland.contract.operations import OPERATIONS
from hinterland.server.operations.table import HANDLERS
from hinterland.server.protocols.rest.documents import DOCUMENTS


def test_every_operation_is_carried_out() -> None:
    """Each row of the table has one function, except what a protocol frames (streams, sockets, GraphQL) and the
    documents of HTTP."""
    framed = {row.name for row in OPERATIONS.values() if row.view in ("stream", "socket", "graphql")}
    assert HANDLERS.keys() | framed | DOCUMENTS.keys() == OPERATIONS.keys()
    assert not HANDLERS.keys() & (framed | DOCUMENTS.keys())
    assert all(iscoroutinefunction(handler) for handler in HANDLERS.values())
