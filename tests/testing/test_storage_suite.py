"""The shipped suite asks a storage for what the protocol has, and for nothing more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from hinterland.server.storage.protocol import Snapshot, Storage, Transaction
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.storage_suite import StorageSuite


def members(protocol: type) -> set[str]:
    """What a protocol has, with what it inherits."""
    parts = [part for part in protocol.__mro__ if part.__module__ == protocol.__module__]
    return {name for part in parts for name in {**vars(part), **part.__annotations__} if not name.startswith("_")}


class ProtocolOnly:
    """A storage, snapshot or transaction of which nothing but its protocol can be used or set."""

    def __init__(self, inner: object, protocol: type) -> None:
        vars(self).update(_inner=inner, _members=members(protocol))

    def __getattr__(self, name: str) -> Any:
        if name not in self._members:
            raise AttributeError(f"the protocol has no {name}")
        value = getattr(self._inner, name)
        of = {"snapshot": Snapshot, "transaction": Transaction}.get(name)
        return value if of is None else lambda: narrowed(value(), of)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"the suite sets {name}")


@asynccontextmanager
async def narrowed(block: AbstractAsyncContextManager[object], protocol: type) -> AsyncIterator[ProtocolOnly]:
    """A block that gives what its protocol has."""
    async with block as inner:
        yield ProtocolOnly(inner, protocol)


class TestProtocolOnly(StorageSuite):
    """A storage that has what the protocol has, and nothing more, passes the suite."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Storage]:
        return lambda: cast(Storage, ProtocolOnly(SqliteStorage(tmp_path), Storage))
