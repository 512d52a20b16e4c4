"""What every vault does; `hinterland.testing.vault_suite` is the suite that each must pass."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Vault(Protocol):
    """Keeps one small secret, the session, for all processes of an app."""

    def load(self) -> bytes | None:
        """What was saved last; None: nothing. Raises VaultError where it can't be read or was tampered with."""
        ...

    def save(self, data: bytes) -> None:
        """Keep `data` instead of what was there, durable on return. Raises VaultError, and keeps the old then."""
        ...

    def clear(self) -> None:
        """Forget it. Raises VaultError."""
        ...

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Exclude every other user of this vault, those of other processes too. Raises VaultError after 15 s."""
        ...
