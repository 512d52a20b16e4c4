"""Free ports on the loopback interface."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

_CHOICE = range(20_000, 32_000)  # below those that the system gives to connections
_CHANCE = random.SystemRandom()
_given: set[int] = set()  # those of this process


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on. It stays with the process of tests that asked for it until that
    ends: a server that is killed and starts again finds it free, whatever tests run beside."""
    while not _is_given(port := _CHANCE.choice(_CHOICE)):
        pass
    return port


def _is_given(port: int) -> bool:
    if port in _given:
        return False
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:  # another process has it
        return False
    _given.add(port)
    return _is_free(port)


@cache
def _locks() -> int:
    """A file of which each byte is a port; a lock ends with its process."""
    file = Path(tempfile.gettempdir()) / f"hinterland-ports-{os.getuid()}"
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
