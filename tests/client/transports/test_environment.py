"""A bad environment is an error that names the variable, its value and what to do; plain http needs no certificates."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectError, HinterlandError, InvalidSetting
from hinterland.client.exchange import Request
from hinterland.client.transports.environment import no_tls
from hinterland.client.transports.network import Network
from tests.support.ports import free_port

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
Put = Callable[[str, object], None]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Sets a variable in an environment without proxies and certificates."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    return lambda name, value: monkeypatch.setenv(name, str(value))


async def error_at(scheme: str, *, verify: str | None = None) -> HinterlandError:
    """What a request to a port where nobody listens raises."""
    network = Network(verify=verify)
    try:
        await network(Request(method="GET", url=f"{scheme}://127.0.0.1:{free_port()}/"))
    except HinterlandError as error:
        return error
    finally:
        await network.close()
    raise AssertionError("somebody listens")


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(
            "socks5://u:planted@127.0.0.1:9", "the package socksio is missing",
            marks=pytest.mark.skipif(find_spec("socksio") is not None, reason="socksio is installed"),
        ),
        ("ftp://127.0.0.1:9", "is not a proxy's address"),
        ("http://127.0.0.1:notaport", "is not a proxy's address"),
        ("http://", "is not a proxy's address"),
        ("no proxy", "is not a proxy's address"),
    ],
)  # fmt: skip
async def test_a_proxy_that_can_not_be_used(put: Put, name: str, value: str, words: str) -> None:
    """A proxy's variable that can't be used is named with its value, without a password, and what to do."""
    put(name, value)
    error = await error_at("http")
    assert isinstance(error, InvalidSetting)
    assert f"{name}={value.replace('u:planted@', '')} " in error.message
    assert words in error.message
    assert "unset it" in error.advice
    assert "planted" not in str(error)


@pytest.mark.parametrize("name", ["ALL_PROXY", "http_proxy"])
@pytest.mark.parametrize("start", ["", "u:planted@", "http://", "http://u:planted@"])
async def test_a_proxy_that_is_not_reached(put: Put, name: str, start: str) -> None:
    """Where the proxy is not reached, the error names its variable and value, without a password, and what to do; not
    where the server itself is asked, which NO_PROXY says."""
    for host in ("127.0.0.1", "nonsense.invalid"):
        put(name, f"{start}{host}:{free_port()}")
        error = await error_at("http")
        assert isinstance(error, ConnectError)
        assert f"{name}={start.replace('u:planted@', '')}{host}:" in error.message
        assert error.message.endswith(" can't be reached.")
        assert f"Set {name} to" in error.advice
        assert "planted" not in str(error)
    for no_proxy in ("127.0.0.1", "*"):
        put("no_proxy", no_proxy)
        assert (await error_at("http")).message == ConnectError.message


async def test_a_proxy_that_refuses(put: Put) -> None:
    """So it is where the proxy makes no connection to the server."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as proxy:
        address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        put("HTTPS_PROXY", address)
        error = await error_at("https")
    assert isinstance(error, ConnectError)
    assert error.message == f"The proxy of HTTPS_PROXY={address} makes no connection to the server."
    assert "407" in error.detail


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_certificates_that_are_missing(put: Put, tmp_path: Path, name: str) -> None:
    """A variable that names certificates which can't be read is named; plain http does not ask for any."""
    put(name, tmp_path / "missing")
    error = await error_at("https")
    assert isinstance(error, InvalidSetting)
    assert f"{name}={tmp_path / 'missing'} can't be used: No such file" in error.message
    assert f"Set {name} to" in error.advice
    assert isinstance(await error_at("http"), ConnectError)


async def test_certificates_that_are_none(put: Put, tmp_path: Path) -> None:
    """So is a file that holds no certificate, and one that the app itself names."""
    (tmp_path / "no.pem").write_text("nothing")
    put("SSL_CERT_FILE", tmp_path / "no.pem")
    error = await error_at("https")
    assert isinstance(error, InvalidSetting)
    assert "SSL_CERT_FILE=" in error.message
    assert "it holds no certificate" in error.message
    error = await error_at("https", verify=str(tmp_path / "missing.pem"))
    assert isinstance(error, InvalidSetting)
    assert f"The file of certificates {tmp_path / 'missing.pem'} can't be read" in error.message


async def test_a_log_of_keys_that_can_not_be_written(put: Put, tmp_path: Path) -> None:
    """So is a log of TLS keys in a folder that is missing."""
    put("SSL_CERT_DIR", tmp_path)
    put("SSLKEYLOGFILE", tmp_path / "missing" / "keys")
    error = await error_at("https")
    assert isinstance(error, InvalidSetting)
    assert "SSLKEYLOGFILE=" in error.message
    assert isinstance(await error_at("http"), ConnectError)


@pytest.mark.parametrize("value", ["backend", "ftp://h", "http://h:port", "https://:1"])
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """An address that is none, given or in API_URL, is named when the client is made."""
    with pytest.raises(InvalidSetting, match="is not the address of a server"):
        Client(value)
    monkeypatch.setenv("API_URL", value)
    with pytest.raises(InvalidSetting, match=f"^API_URL={value}"):
        Client()


def test_a_context_for_plain_http_trusts_nobody() -> None:
    """The context that connections without TLS get would refuse every certificate."""
    assert no_tls().verify_mode is ssl.CERT_REQUIRED
    assert no_tls().get_ca_certs() == []
