"""What `hinterland serve` is made of, before it serves."""

from __future__ import annotations

import socket

import pytest

from hinterland.cli import serving
from tests.support.required import require


def has_ipv6() -> bool:
    """Whether this machine has a loopback of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "url", "reported"),
    [
        ("127.0.0.1", "http://127.0.0.1:{port}", ""),
        ("::1", "http://[::1]:{port}", ""),
        ("0.0.0.0", "http://127.0.0.1:{port}", "0.0.0.0:{port}, every address of this machine"),
        ("::", "http://[::1]:{port}", "[::]:{port}, every address of this machine"),
    ],
)
def test_what_is_listened_on(host: str, url: str, reported: str) -> None:
    """The greeting has the address that works on this machine, and says where else is listened, if it is."""
    require("IPv6", ":" not in host or has_ipv6())
    with serving.listen(host, 0) as listener:
        port = listener.getsockname()[1]
        assert serving._url(listener) == url.format(port=port)
        lines = dict(serving._reaching(listener))
    assert lines.get("listens on", "") == reported.format(port=port)
    assert lines.get("from others", f":{port}").endswith(f":{port}")
    assert "from others" not in lines or reported


def test_a_machine_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no address in a network, none is printed."""

    class Unreachable(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "socket", Unreachable)
    assert serving._own_address(socket.AF_INET) == ""
