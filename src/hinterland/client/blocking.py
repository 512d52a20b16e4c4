"""A client for scripts, threads and GUIs: the same client without `await`, run by one loop in the background."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, overload

from hinterland.client.blocking_thread import BlockingRepository, LoopThread
from hinterland.client.client import Client
from hinterland.client.errors import ClientClosed, WrongLoop
from hinterland.client.events import Event
from hinterland.client.exchange import Layer, Response, Transport
from hinterland.client.layers.trace import OnTrace
from hinterland.client.options import Options
from hinterland.client.session import AuthState
from hinterland.client.vault.protocol import Vault
from hinterland.contract.accounts import Challenge, SessionInfo, TotpSetup
from hinterland.contract.operations import Method, Operation
from hinterland.contract.records import Collection
from hinterland.kit.backoff import Random
from hinterland.kit.body import Body
from hinterland.kit.clock import Clock

if TYPE_CHECKING:
    from hinterland.client.blocking_graphql import BlockingGraphQL
    from hinterland.client.blocking_socket import BlockingSocket

T = TypeVar("T")


class ClientArguments(TypedDict, total=False):
    """The arguments of `hinterland.client.Client` but the address."""

    store: str | os.PathLike[str] | None
    vault: Vault | None
    transport: Transport | None
    clock: Clock | None
    options: Options | None
    on_trace: OnTrace | None
    layers: Sequence[Layer]
    collections: Iterable[Collection]
    operations: Iterable[Operation]
    allow_http: bool
    random: Random


class BlockingAuth:
    """The account operations; see `hinterland.client.auth.Auth`."""

    def __init__(self, thread: LoopThread, client: Client) -> None:
        self._thread = thread
        self._auth = client.auth

    @property
    def state(self) -> AuthState:
        """SignedOut, SigningIn or SignedIn."""
        return self._auth.state

    @property
    def user(self) -> dict[str, Any] | None:
        """The signed-in user's record; None: signed out."""
        return self._auth.user

    def sign_up(self, *, name: str, email: str, password: str, **fields: Any) -> dict[str, Any]:
        """Make a user and sign in. The user's record."""
        return self._thread.run(self._auth.sign_up(name=name, email=email, password=password, **fields))

    def log_in(self, *, email: str, password: str) -> dict[str, Any]:
        """Sign in. The user's record. Raises ChallengeRequired where the account has a second factor."""
        return self._thread.run(self._auth.log_in(email=email, password=password))

    def answer(self, challenge: Challenge, *, code: str) -> dict[str, Any]:
        """Sign in with the challenge of a log-in and a code. The user's record."""
        return self._thread.run(self._auth.answer(challenge, code=code))

    def log_out(self) -> None:
        """End the session."""
        self._thread.run(self._auth.log_out())

    def refresh(self) -> dict[str, Any]:
        """Renew the session now. The user's record."""
        return self._thread.run(self._auth.refresh())

    def me(self) -> dict[str, Any]:
        """The signed-in user's record, as the server has it now."""
        return self._thread.run(self._auth.me())

    def change_password(self, *, password: str, new_password: str) -> None:
        """Change the password; every other session ends."""
        self._thread.run(self._auth.change_password(password=password, new_password=new_password))

    def change_email(self, *, email: str, password: str) -> dict[str, Any]:
        """Change the e-mail address that signs in. The user's record."""
        return self._thread.run(self._auth.change_email(email=email, password=password))

    def enrol_totp(self, *, password: str) -> TotpSetup:
        """Begin to use an authenticator app as second factor."""
        return self._thread.run(self._auth.enrol_totp(password=password))

    def confirm_totp(self, *, code: str) -> list[str]:
        """Turn the second factor on. The recovery codes."""
        return self._thread.run(self._auth.confirm_totp(code=code))

    def disable_totp(self, *, password: str, code: str) -> None:
        """Turn the second factor off."""
        self._thread.run(self._auth.disable_totp(password=password, code=code))

    def sessions(self) -> list[SessionInfo]:
        """The user's sessions on all devices."""
        return self._thread.run(self._auth.sessions())

    def end_session(self, id: str) -> None:
        """End one of the user's sessions."""
        self._thread.run(self._auth.end_session(id))

    def delete_account(self, *, password: str) -> None:
        """Delete the account with its record, and sign out."""
        self._thread.run(self._auth.delete_account(password=password))


class BlockingClient:
    """`hinterland.client.Client` without `await`, with the same arguments. It is open at once; any thread may use it.

    `run` waits for any other coroutine of the client: `client.run(client.client.local.collection("notes").list())`.
    """

    def __init__(self, url: str | None = None, **settings: Unpack[ClientArguments]) -> None:
        self.client = Client(url, **settings)
        self._thread = LoopThread()
        try:
            self._thread.run(self.client.open())
        except BaseException:
            self._thread.close()
            raise
        self.auth = BlockingAuth(self._thread, self.client)

    @property
    def url(self) -> str:
        """The backend's address."""
        return self.client.url

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine of `self.client`."""
        return self._thread.run(act)

    @overload
    def collection(self, name: str, *, parent: str = "") -> BlockingRepository[dict[str, Any]]: ...
    @overload
    def collection(self, name: str, kind: type[T], *, parent: str = "") -> BlockingRepository[T]: ...
    def collection(self, name: str, kind: Any = dict, *, parent: str = "") -> Any:
        """The records of a collection as `kind`, a msgspec.Struct or dict."""
        return BlockingRepository(self._thread, self.client.collection(name, kind, parent=parent))

    def events(self, collections: Sequence[str], *, cursor: str = "", filter: str = "") -> Iterator[Event]:
        """The live events of `collections` after `cursor`."""
        return self._thread.iterate(self.client.events(collections, cursor=cursor, filter=filter))

    @overload
    def call(
        self, name: str, input: object = None, *, output: type[T], method: Method = ..., deadline: float | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> T: ...  # fmt: skip
    @overload
    def call(
        self, name: str, input: object = None, *, method: Method = ..., deadline: float | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> Any: ...  # fmt: skip
    def call(
        self, name: str, input: object = None, *, output: Any = None, method: Method = "POST",
        deadline: float | None = None, headers: Mapping[str, str] = {},
    ) -> Any:  # fmt: skip
        """The output of an operation. The body of a `Download` is read by `iterate`."""
        called = self.client.call(name, input, output=output, method=method, deadline=deadline, headers=headers)
        return self._thread.run(called)

    def iterate(self, body: Body) -> Iterator[bytes]:
        """The pieces of a body."""
        return self._thread.iterate(body.open())

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = {},
    ) -> Response:
        """Call any path of the backend."""
        return self._thread.run(self.client.request(method, path, json=json, query=query, headers=headers))

    @property
    def socket(self) -> BlockingSocket:
        """One WebSocket for calls and subscriptions, which opens with its first use."""
        from hinterland.client.blocking_socket import BlockingSocket

        return BlockingSocket(self._thread, self.client.socket)

    @property
    def graphql(self) -> BlockingGraphQL:
        """Queries, mutations and subscriptions of GraphQL."""
        from hinterland.client.blocking_graphql import BlockingGraphQL

        return BlockingGraphQL(self._thread, self.client.graphql)

    def close(self) -> None:
        """Cancel what is running, close connections, and end the thread."""
        try:
            self._thread.run(self.client.close())
        except (ClientClosed, WrongLoop):
            return
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
