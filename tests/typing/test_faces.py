"""What guests import from the packages' faces; the type checker reads this file, and the tests run it.

Every `type: ignore` stands where the checker must find an error: one that is not needed is an error itself.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import assert_type

import pytest

from hinterland.client import (
    Client,
    Counts,
    Handle,
    LocalRepository,
    LocalWrite,
    Lost,
    OutboxEntry,
    Outcome,
    Problem,
    QueryState,
    Status,
    StoreError,
    Write,
)

FACES = [f"hinterland.{name}" for name in ("client", "client.local", "contract", "server", "testing", "kit.cel")]


async def screen(client: Client, notes: LocalRepository[dict[str, object]]) -> AsyncIterator[str]:
    """What a screen does with the local store, every value in a variable of the type that it shows."""
    states: AsyncIterator[QueryState[dict[str, object]]] = notes.states()
    async for state in states:
        assert_type(state.error is None, bool)
    written: LocalWrite[dict[str, object]] = await notes.create({})
    handle: Handle = await client.local.write(Write(act="delete", collection="notes", id=written.id))
    outcome: Outcome = await handle.settled()
    problem: Problem | None = outcome.problem
    lost: Sequence[Lost] = outcome.lost
    entries: Sequence[OutboxEntry] = await client.outbox.list()
    counts: Counts = await client.outbox.counts()
    status: Status = client.sync.status
    if isinstance(status.error, StoreError):
        yield f"{status.error.advice} {problem} {lost} {entries} {counts}"


def test_a_name_that_there_is_not() -> None:
    """A wrong import is an error when it is run, and before that for the type checker."""
    with pytest.raises(ImportError):
        from hinterland.client import Clientt  # type: ignore[attr-defined] # noqa: F401
    with pytest.raises(ImportError):
        from hinterland.client.local import Locall  # type: ignore[attr-defined] # noqa: F401
    with pytest.raises(ImportError):
        from hinterland.contract import Txet  # type: ignore[attr-defined] # noqa: F401
    with pytest.raises(ImportError):
        from hinterland.server import Apps  # type: ignore[attr-defined] # noqa: F401
    with pytest.raises(ImportError):
        from hinterland.testing import Script  # type: ignore[attr-defined] # noqa: F401
    with pytest.raises(ImportError):
        from hinterland.kit.cel import prase  # type: ignore[attr-defined] # noqa: F401


@pytest.mark.parametrize("face", FACES)
def test_a_face_says_one_thing(face: str) -> None:
    """What the type checker sees of a face, what it promises, and what it gives when it is asked are the same."""
    module = importlib.import_module(face)
    tree = ast.parse(Path(str(module.__file__)).read_text())
    [declared] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in declared.body if isinstance(node, ast.ImportFrom)]
    seen = {str(name.asname): str(node.module) for node in imports for name in node.names}
    assert sorted(seen) == sorted(module.__all__)
    assert sorted(seen) == dir(module)
    for name, home in seen.items():
        whole = f"{face}.{name}" if home == face else home
        defined = importlib.import_module(whole)
        assert getattr(module, name) is (defined if home == face else getattr(defined, name))
        assert getattr(module, name) is vars(module)[name]  # kept: the next look finds it at once
