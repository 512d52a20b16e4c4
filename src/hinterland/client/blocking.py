"""A client for scripts, threads and GUIs: the same client without `await`, run by one loop in the background."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypedDict, TypeVar, Unpack, overload

from hinterland.client.client import Client
from hinterland.client.errors import ClientClosed, InvalidResponse, WrongLoop
from hinterland.client.events import Event
from hinterland.client.exchange import Layer, Response, Transport
from hinterland.client.layers.trace import OnTrace
from hinterland.client.options import Options
from hinterland.client.repository import Iteration, Page, RecordBody, RemoteRepository, ResultRows
from hinterland.client.session import AuthState
from hinterland.client.vault.protocol import Vault
from hinterland.contract.accounts import Challenge, SessionInfo, TotpSetup
from hinterland.contract.identity import RecordId
from hinterland.contract.operations import Method, Operation
from hinterland.contract.query import DEFAULT_LIMIT
from hinterland.contract.records import Collection
from hinterland.kit.backoff import Random
from hinterland.kit.body import Body
from hinterland.kit.clock import Clock

T = TypeVar("T")
R = TypeVar("R")


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


class LoopThread:
    """An event loop in a thread of its own; any thread may call."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hinterland-client", daemon=True)
        self._thread.start()

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """The outcome of `act`. Where the caller is interrupted, `act` is cancelled."""
        if os.getpid() != self._process:
            act.close()
            raise WrongLoop
        if not self._thread.is_alive() or sys.is_finalizing():
            act.close()
            raise ClientClosed
        if threading.current_thread() is self._thread:
            act.close()
            raise RuntimeError("a listener can't wait for the client that calls it: do it in another thread")
        future: Future[T] = asyncio.run_coroutine_threadsafe(act, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ClientClosed from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Generator[T, None, None]:
        """The items one by one; the source is closed when the caller stops."""
        try:
            while True:
                try:
                    yield self.run(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            with suppress(ClientClosed, WrongLoop):
                self.run(_closed(items))

    def close(self) -> None:
        """End the loop and its thread."""
        if self._thread.is_alive():
            self.run(_cancelled())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


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


class BlockingIteration(Generic[T]):
    """Records one by one; see `hinterland.client.repository.Iteration`."""

    def __init__(self, thread: LoopThread, items: Iteration[T]) -> None:
        self.mismatches: list[InvalidResponse] = items.mismatches
        self._items = thread.iterate(items)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def close(self) -> None:
        """End it before its end."""
        self._items.close()


class BlockingRepository(Generic[T]):
    """The records of one collection; see `hinterland.client.repository.Repository`."""

    def __init__(self, thread: LoopThread, repository: RemoteRepository[T]) -> None:
        self._thread = thread
        self._repository = repository

    def get(self, record_id: RecordId, *, fields: str | Sequence[str] = (), expand: str | Sequence[str] = ()) -> T:
        """One record."""
        return self._thread.run(self._repository.get(record_id, fields=fields, expand=expand))

    def list(
        self,
        *,
        page: int = 1,
        limit: int = DEFAULT_LIMIT,
        cursor: str = "",
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        **equals: Any,
    ) -> Page[T]:
        """A page of the records that the question finds."""
        found = self._repository.list(
            page=page, limit=limit, cursor=cursor, filter=filter, search=search, sort=sort, total=total, **equals
        )
        return self._thread.run(found)

    def iterate(
        self, *, filter: str = "", search: str = "", sort: Sequence[str] = (), limit: int = 100, **equals: Any
    ) -> BlockingIteration[T]:
        """All records that the question finds; `limit` are fetched at once."""
        return BlockingIteration(
            self._thread, self._repository.iterate(filter=filter, search=search, sort=sort, limit=limit, **equals)
        )

    @overload
    def aggregate(self, **words: Any) -> Page[dict[str, Any]]: ...
    @overload
    def aggregate(self, kind: type[R], **words: Any) -> Page[R]: ...
    def aggregate(self, kind: type[Any] = dict, **words: Any) -> Page[Any]:
        """A page of values of groups."""
        return self._thread.run(self._repository.aggregate(kind, **words))

    def distinct(self, *fields: str, filter: str = "", **equals: Any) -> ResultRows:
        """The combinations of the fields' values that the records have."""
        return self._thread.run(self._repository.distinct(*fields, filter=filter, **equals))

    def create(self, body: RecordBody, *, key: str = "") -> T:
        """Create a record."""
        return self._thread.run(self._repository.create(body, key=key))

    def replace(self, record_id: RecordId, body: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Replace all fields."""
        return self._thread.run(self._repository.replace(record_id, body, revision=revision, key=key))

    def update(self, record_id: RecordId, patch: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Change the given fields."""
        return self._thread.run(self._repository.update(record_id, patch, revision=revision, key=key))

    def delete(self, record_id: RecordId, *, revision: int | None = None, key: str = "") -> None:
        """Delete the record."""
        self._thread.run(self._repository.delete(record_id, revision=revision, key=key))


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


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


async def _closed(items: AsyncIterator[T]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


async def _cancelled() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
