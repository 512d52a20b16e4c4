"""A thread for work that takes long in Python alone, beside an event loop that goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_SWITCH_SECONDS = 0.0005


class BackgroundWorker(ThreadPoolExecutor):
    """Does one job after the other. While one runs, other threads wait a tenth as long as usual for their turn of the
    interpreter: an event loop needs several turns for each request."""

    def __init__(self, name: str) -> None:
        super().__init__(1, name)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do a job after those before it."""
        return super().submit(_done, partial(fn, *args, **kwargs))


def _done(job: Callable[[], T]) -> T:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, _SWITCH_SECONDS))
    try:
        return job()
    finally:
        sys.setswitchinterval(usual)
