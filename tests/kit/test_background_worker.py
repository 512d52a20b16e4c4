"""A thread for work that takes long."""

from __future__ import annotations

import sys

import pytest

from hinterland.kit.background_worker import BackgroundWorker


def test_others_wait_less_while_it_works() -> None:
    """While a job runs the interpreter changes threads more often; behind it, as before, whatever became of it."""
    usual = sys.getswitchinterval()
    with BackgroundWorker("test") as worker:
        assert worker.submit(sys.getswitchinterval).result() < usual / 5
        assert worker.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            worker.submit(divmod, 7, 0).result()
    assert sys.getswitchinterval() == usual
