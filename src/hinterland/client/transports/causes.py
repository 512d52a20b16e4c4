"""Why a connection could not be made, as the client's own error."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from hinterland.client import errors

PLAIN = "Check its address: the server does not use TLS at this port."


def is_plain(error: Exception) -> bool:
    """Whether the server answered a handshake of TLS with something else."""
    return any(isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER" for cause in _causes(error))


def connect_error(error: BaseException) -> type[errors.HinterlandError]:
    """The class of an error of making a connection."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return errors.NameNotFound
        # A connection that ends during the handshake may succeed at the next try; a refused certificate will not.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return errors.TlsError
    return errors.ConnectError


def reason_of(error: Exception) -> str:
    """What an error says of itself."""
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
