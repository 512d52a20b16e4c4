"""Blocking jobs in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from hinterland.kit.serial_worker import SerialWorker


@pytest.fixture
def thread() -> Iterator[SerialWorker]:
    """A thread, closed at the end."""
    made = SerialWorker("test")
    yield made
    made.close()


async def test_jobs_are_done_in_order_in_one_thread(thread: SerialWorker) -> None:
    """Jobs are done one after the other, in another thread, and give what they give."""
    names: list[str] = []

    def job(number: int) -> int:
        names.append(threading.current_thread().name)
        return number

    results = [thread.submit(lambda number=number: job(number)) for number in range(5)]  # type: ignore[misc]
    assert await asyncio.gather(*results) == [0, 1, 2, 3, 4]
    assert names == ["test"] * 5


async def test_an_error_is_the_waiters(thread: SerialWorker) -> None:
    """A job that raises fails its own future, and the next one is done."""

    def fail() -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await thread.submit(fail)
    assert await thread.submit(lambda: 1) == 1


@pytest.mark.parametrize("error", [None, OSError("no room")])
async def test_a_cancelled_waiter(thread: SerialWorker, error: OSError | None) -> None:
    """A job whose waiter is cancelled is done all the same, and only then is the waiter cancelled, whatever the job
    gives."""
    may_go, done = threading.Event(), threading.Event()

    def job() -> None:
        may_go.wait()
        done.set()
        if error is not None:
            raise error

    async def wait() -> None:
        await thread.submit(job)

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.sleep(0)
    assert not waiter.done()
    may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert done.is_set()


def test_a_loop_that_is_gone(thread: SerialWorker) -> None:
    """A job that ends after its loop was closed ends quietly; `close` waits for it."""
    may_go, done = threading.Event(), threading.Event()

    async def leave() -> None:
        thread.submit(may_go.wait)
        thread.submit(done.set)

    asyncio.run(leave())
    may_go.set()
    thread.close()
    assert done.is_set()


def test_a_thread_without_work() -> None:
    """One that was never asked for anything has nothing to end."""
    SerialWorker("idle").close()


async def test_a_thread_that_can_not_be_started(thread: SerialWorker) -> None:
    """Where the system has no thread to give, the caller gets its error, and the next job starts the thread."""
    usual = threading.stack_size(2**50)  # more than there are addresses
    try:
        with pytest.raises(RuntimeError, match="new thread"):
            thread.submit(lambda: 1)
    finally:
        threading.stack_size(usual)
    assert await asyncio.wait_for(asyncio.shield(thread.submit(lambda: 2)), 10) == 2
