"""Which event loop, thread and process a client belongs to."""

from __future__ import annotations

import asyncio
import os

from hinterland.client.errors import WrongLoop


class LoopGuard:
    """Binds a client to the event loop and the process of its first use: its connections and tasks are theirs."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def check(self) -> None:
        """Raises WrongLoop where another loop, thread or process calls."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if self._loop is None:
            if loop is not None:
                self._loop, self._process = loop, os.getpid()
        elif loop is not self._loop or os.getpid() != self._process:
            raise WrongLoop
