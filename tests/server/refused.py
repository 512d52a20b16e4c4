"""What a test expects to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hinterland.contract.errors import Refusal


@contextmanager
def refused(code: str, match: str | None = None) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """The block ends with the refusal `code`, whose message matches."""
    with pytest.raises(Refusal, match=match) as caught:
        yield caught
    assert caught.value.code == code, caught.value
