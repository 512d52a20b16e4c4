"""The errors' root, and what goes wrong without an answer of the server; `client.errors` draws the whole tree."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Sent = Literal["no", "maybe", "yes"]
_ORDER: dict[Sent, int] = {"no": 0, "maybe": 1, "yes": 2}


def most_sent(first: Sent, second: Sent) -> Sent:
    """What is known of a request that was tried twice: the one that says more was sent."""
    return first if _ORDER[first] >= _ORDER[second] else second


class HinterlandError(Exception):
    """What all errors carry.

    `message` is for a screen: what happened. `advice`: what to try. `detail`: more for a developer. `code` is
    stable and never translated. `sent` says whether the server may have got the request. `attempts` were made and
    `waited` seconds passed between them. `retry_after`: the seconds that the server asked to wait. `request_id`: what
    to look for in the server's log. `operation`: which call it was.
    """

    code: str = "error"
    message: str = "Something went wrong."
    advice: str = "Try again."
    default_sent: ClassVar[Sent] = "no"

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        detail: str = "",
        advice: str = "",
        sent: Sent | None = None,
        retry_after: float | None = None,
        request_id: str = "",
        operation: str = "",
    ) -> None:
        self.message = message or type(self).message
        self.code = code or type(self).code
        self.advice = advice or type(self).advice
        self.detail = detail
        self.sent: Sent = sent or self.default_sent
        self.attempts = 1
        self.waited = 0.0
        self.retry_after = retry_after
        self.request_id = request_id
        self.operation = operation
        super().__init__(self.message)

    def __str__(self) -> str:
        facts = f"[{', '.join(self._facts())}]"
        if "\n" in self.message:  # it ends with an excerpt and a mark under it
            return f"{self.message}\n{self.advice} {facts}"
        end = "" if self.message.endswith((".", "!", "?")) else "."
        has_advice = "; " in self.message and self.advice == type(self).advice  # as a server's messages do
        return " ".join([f"{self.message}{end}", *([] if has_advice else [self.advice]), facts])

    def _facts(self) -> list[str]:
        facts = [self.code]
        if self.operation:
            facts.append(self.operation)
        if self.detail:
            facts.append(self.detail)
        facts.append(f"sent: {self.sent}")
        if self.attempts != 1:
            facts.append(f"{self.attempts} attempts, waited {self.waited:.1f} s")
        if self.retry_after is not None:
            facts.append(f"the server asks to wait {self.retry_after:g} s")
        if self.request_id:
            facts.append(f"request {self.request_id}")
        return facts


class NetworkError(HinterlandError):
    """No answer came. Whether the server acted is in `sent`."""

    code = "network"
    message = "The server did not respond."
    advice = "Check the network connection and try again."
    default_sent: ClassVar[Sent] = "maybe"


class ConnectError(NetworkError):
    """The server was not reached; nothing was sent."""

    code = "connect"
    message = "The server can't be reached."
    advice = "Check the network connection and the server's address, then try again."
    default_sent: ClassVar[Sent] = "no"


class NameNotFound(ConnectError):
    """The host name has no address at the moment."""

    code = "name_not_found"
    message = "The server's name can't be found."


class TlsError(ConnectError):
    """The server's certificate was refused; nothing was sent."""

    code = "tls"
    message = "The connection to the server is not secure, so nothing was sent."
    advice = "Check the server's certificate and this machine's clock."


class ConnectionLost(NetworkError):
    """The connection ended before the answer was complete."""

    code = "connection_lost"
    message = "The connection to the server was lost."


class ConnectionClosed(ConnectionLost):
    """A WebSocket has ended: `close_code` and `reason` are the server's (RFC 6455 §7.4); 1006: it gave none."""

    code = "connection_closed"

    def __init__(self, message: str = "", *, close_code: int = 1006, reason: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.close_code = close_code
        self.reason = reason

    def _facts(self) -> list[str]:
        return [*super()._facts(), f"close code {self.close_code}", *([self.reason] if self.reason else [])]


class Timeout(NetworkError):
    """Something took too long."""

    code = "timeout"
    message = "The server took too long to respond."
    advice = "Try again, or raise the timeout in Options."


class ConnectTimeout(Timeout):
    """The connection was not made in time; nothing was sent."""

    code = "connect_timeout"
    message = "The server can't be reached in time."
    default_sent: ClassVar[Sent] = "no"


class PoolTimeout(Timeout):
    """No connection became free in time; nothing was sent."""

    code = "pool_timeout"
    message = "Too many requests are running at once."
    advice = "Try again, or raise Options.max_connections."
    default_sent: ClassVar[Sent] = "no"


class WriteTimeout(Timeout):
    """The request could not be sent in time."""

    code = "write_timeout"
    message = "Sending to the server took too long."


class ReadTimeout(Timeout):
    """The answer did not come in time."""

    code = "read_timeout"


class DeadlineExceeded(Timeout):
    """The time for the whole call, retries included, is over."""

    code = "deadline"
    advice = "Try again, or raise Options.deadline."


class QueueFull(HinterlandError):
    """Too many messages wait for the connection; this one was not taken."""

    code = "queue_full"
    message = "The server can't be reached, and too many messages are waiting."
    advice = "Check the network connection and try again."


class UnsafeRequest(HinterlandError):
    """The client refused to send the request."""

    code = "unsafe_request"
    message = "The request was not sent because it would not be safe."
    advice = "Check the server's address."


class InsecureAddress(UnsafeRequest):
    """Plain http to another machine, which others in the network could read."""

    code = "insecure_address"
    message = "The server's address is not encrypted, so nothing was sent."
    advice = "Use https, or Client(..., allow_http=True) in a network that you trust."


class RedirectRefused(UnsafeRequest):
    """The server pointed to an address that is not safe to follow, or in a circle."""

    code = "redirect_refused"
    message = "The server points to an address that is not safe to follow."
    default_sent: ClassVar[Sent] = "yes"


class InvalidResponse(HinterlandError):
    """The answer does not fit its type: `path` is the place in the document (`$.items[3].price`), `found` what is
    there."""

    code = "invalid_response"
    message = "The server's response was not understood."
    advice = "Check that the address is this app's server, and that app and server are of the same version."
    default_sent: ClassVar[Sent] = "yes"

    def __init__(self, message: str = "", *, path: str = "$", found: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.path = path
        self.found = found

    def _facts(self) -> list[str]:
        return [*super()._facts(), f"at {self.path}", *([f"found {self.found}"] if self.found else [])]


class VaultError(HinterlandError):
    """The session can't be kept or read."""

    code = "vault"
    message = "The stored session can't be read."
    advice = "Sign in again."


class InvalidSetting(HinterlandError, ValueError):
    """A setting, or a variable of the environment, that can't be used; the message names it and its value."""

    code = "invalid_setting"
    message = "A setting of the client can't be used."
    advice = "Correct the setting."


class WrongLoop(HinterlandError):
    """The client was called from another event loop, thread or process than the one that it was first used in; nothing
    was done."""

    code = "wrong_loop"
    message = "This client belongs to another event loop, thread or process."
    advice = (
        "Call it in its own loop (asyncio.run_coroutine_threadsafe from other threads), use "
        "hinterland.client.BlockingClient, or make another Client, as after a fork."
    )


class ClientClosed(HinterlandError):
    """The client was closed before or during the call."""

    code = "closed"
    message = "The connection to the server was closed by this app."
    advice = "Make a new Client."
