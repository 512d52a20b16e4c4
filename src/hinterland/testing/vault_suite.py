"""The suite that every vault must pass.

    class TestMyVault(VaultSuite):
        @pytest.fixture
        def vaults(self, tmp_path):
            return lambda: MyVault(tmp_path / "session")   # each call: another handle on the same place

Async tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hinterland.client.vault.protocol import Vault

Vaults = Callable[[], Vault]


class VaultSuite:
    """Subclass it and give the fixture `vaults`."""

    def test_an_empty_vault_holds_nothing(self, vaults: Vaults) -> None:
        """Loading from a vault in which nothing was saved gives None, and clearing it is no error."""
        vault = vaults()
        assert vault.load() is None
        vault.clear()
        assert vault.load() is None

    def test_what_was_saved_last_is_loaded(self, vaults: Vaults) -> None:
        """The last saved bytes come back exactly, whatever they are."""
        vault = vaults()
        for data in (b"first", b"", bytes(range(256)) * 40):
            vault.save(data)
            assert vault.load() == data

    def test_handles_share_the_place(self, vaults: Vaults) -> None:
        """What one handle saves or clears, another sees."""
        one, other = vaults(), vaults()
        one.save(b"shared")
        assert other.load() == b"shared"
        other.clear()
        assert one.load() is None

    async def test_the_lock_excludes(self, vaults: Vaults) -> None:
        """While one holds the lock another waits for it, and gets it afterwards."""
        order: list[str] = []
        async with vaults().lock():
            waiting = asyncio.create_task(_hold(vaults(), order))
            for _ in range(20):
                await asyncio.sleep(0)
            order.append("first")
        await waiting
        assert order == ["first", "second"]

    async def test_a_lock_is_let_go_after_an_error(self, vaults: Vaults) -> None:
        """An error of the holder, or its cancellation, lets the lock go and is passed on as it is."""
        for error in (ValueError("own"), OSError("own"), TimeoutError("own"), asyncio.CancelledError()):
            passed_on: BaseException | None = None
            try:
                async with vaults().lock():
                    raise error
            except type(error) as caught:
                passed_on = caught
            assert passed_on is error
        async with vaults().lock():
            vaults().save(b"still works")
        assert vaults().load() == b"still works"


async def _hold(vault: Vault, order: list[str]) -> None:
    async with vault.lock():
        order.append("second")
