from __future__ import annotations

import asyncio

import pytest

from hinterland.kit.eager import begin


async def test_at_once() -> None:
    """A coroutine that never waits has ended when it was begun."""
    done: list[int] = []

    async def act() -> None:
        done.append(1)

    assert begin(act()) is None
    assert done == [1]


async def test_the_rest() -> None:
    """One that waits goes on where it is awaited, as often as it waits."""
    gates = [asyncio.Event() for _ in range(3)]
    passed: list[int] = []

    async def act() -> None:
        for number, gate in enumerate(gates):
            await gate.wait()
            passed.append(number)

    rest = begin(act())
    assert rest is not None
    gates[0].set()  # before anybody awaits it
    task = asyncio.ensure_future(rest)
    for gate in gates[1:]:
        await asyncio.sleep(0)
        gate.set()
    await task
    assert passed == [0, 1, 2]


@pytest.mark.parametrize("is_late", [False, True])
async def test_errors(is_late: bool) -> None:
    """An error is raised where the coroutine runs then."""
    gate = asyncio.Event()

    async def act() -> None:
        if is_late:
            await gate.wait()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        rest = begin(act())
        assert rest is not None
        gate.set()
        await rest


async def test_cancelled() -> None:
    """A task that awaits the rest can cancel it, and the coroutine may take it up."""
    seen: list[str] = []

    async def act() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    rest = begin(act())
    assert rest is not None
    task = asyncio.ensure_future(rest)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
