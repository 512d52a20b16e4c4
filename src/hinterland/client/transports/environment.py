"""What the environment says of the way to a server: proxies and certificates, each checked before it is used."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies

from hinterland.client.errors import InvalidSetting

_PROXIES = ("http", "https", "all")
_SOCKS = ("socks5", "socks5h")
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def check_proxies() -> None:
    """Raises InvalidSetting for a proxy that can't be used, with the name of its variable."""
    for proxy in _proxies():
        _check_proxy(*proxy)


def _proxies() -> list[tuple[str, str, str]]:
    """The variable of each proxy, its address with a scheme, and its value as it may be shown."""
    found = getproxies()
    given = [(_variable(key), found[key]) for key in _PROXIES if found.get(key)]
    if found.get("no") == "*":
        return []
    return [(name, value if "://" in value else f"http://{value}", _without_password(value)) for name, value in given]


def proxy_failure(host: str, port: int, *, is_reached: bool) -> tuple[str, str]:
    """The message and the advice of an error of the proxy at this address; empty where no variable names such a
    proxy."""
    for variable, address, shown in _proxies():
        parts = urlsplit(address)
        if (parts.hostname, parts.port or _PORTS[parts.scheme]) == (host, port):
            problem = "makes no connection to the server" if is_reached else "can't be reached"
            advice = f"Set {variable} to the address of a proxy, such as http://proxy.example:3128, or unset it."
            return f"The proxy of {variable}={shown} {problem}.", advice
    return "", ""


def _variable(key: str) -> str:
    names = (f"{key}_proxy", f"{key.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), f"the system's {key} proxy")


def _check_proxy(variable: str, address: str, shown: str) -> None:
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and " " not in parts.netloc and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in ("http", "https", *_SOCKS):
        raise InvalidSetting(
            f"{variable}={shown} is not a proxy's address.",
            advice=f"Set {variable} to an address such as http://proxy.example:3128, or unset it.",
        )
    if parts.scheme in _SOCKS and find_spec("socksio") is None:
        raise InvalidSetting(
            f"{variable}={shown} is a SOCKS proxy, for which the package socksio is missing.",
            advice=f"Install it with pip install socksio, or set {variable} to an http:// proxy, or unset it.",
        )


def _without_password(value: str) -> str:
    start, mark, rest = value.partition("://") if "://" in value else ("", "", value)
    return f"{start}{mark}{rest.rpartition('@')[2]}"


def tls_context(file: str | None) -> ssl.SSLContext | None:
    """A context that trusts the certificates in `file`, without one those that SSL_CERT_FILE or SSL_CERT_DIR name;
    None: the system's. Raises InvalidSetting, which names the setting, where they can't be read."""
    named, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    try:
        if file is not None or named:
            return ssl.create_default_context(cafile=file if file is not None else named)
        if folder:
            os.listdir(folder)  # OpenSSL takes one that is missing for an empty one
            return ssl.create_default_context(capath=folder)
    except (OSError, ssl.SSLError) as error:
        raise _unreadable(file, error) from error
    return None


def _unreadable(file: str | None, error: OSError) -> InvalidSetting:
    """The error for certificates, or for a log of keys, that can't be opened."""
    log = os.environ.get("SSLKEYLOGFILE")
    if log and error.filename == log:
        name, value, what = "SSLKEYLOGFILE", log, "a file that can be written"
    elif file is not None:
        return InvalidSetting(
            f"The file of certificates {file} can't be read: {_reason(error)}.",
            advice="Give the path of a file in PEM form.",
        )
    elif named := os.environ.get("SSL_CERT_FILE"):
        name, value, what = "SSL_CERT_FILE", named, "a file of certificates in PEM form"
    else:
        name, value, what = "SSL_CERT_DIR", os.environ.get("SSL_CERT_DIR", ""), "a folder of certificates"
    return InvalidSetting(
        f"{name}={value} can't be used: {_reason(error)}.", advice=f"Set {name} to {what}, or unset it."
    )


def _reason(error: OSError) -> str:
    return "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror or str(error)


def no_tls() -> ssl.SSLContext:
    """A context for connections without TLS: it reads no file, and trusts nobody should it be used all the same."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
