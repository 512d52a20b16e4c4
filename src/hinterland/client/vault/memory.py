"""A vault that forgets when the process ends."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager


class MemoryVault:
    """Keeps the session in this object; clients of one event loop may share it."""

    def __init__(self) -> None:
        self._data: bytes | None = None
        self._lock = asyncio.Lock()

    def load(self) -> bytes | None:
        """What was saved last; None: nothing."""
        return self._data

    def save(self, data: bytes) -> None:
        """Keep `data` instead of what was there."""
        self._data = data

    def clear(self) -> None:
        """Forget it."""
        self._data = None

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Exclude every other user of this vault."""
        return self._lock
