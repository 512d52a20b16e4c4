"""WebSockets for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack, overload

from hinterland.client.blocking_thread import BlockingRepository, LoopThread
from hinterland.client.events import Event
from hinterland.client.socket.channels import ChannelEvent, JoinedChannel
from hinterland.client.socket.socket import ClientSocket
from hinterland.client.websocket import WebSocketClient, WebSocketSettings
from hinterland.contract.operations import Method
from hinterland.contract.socket import ChannelMember

T = TypeVar("T")
M = TypeVar("M")


class BlockingSocket:
    """Calls and subscriptions over one WebSocket; see `hinterland.client.socket.socket.ClientSocket`."""

    def __init__(self, thread: LoopThread, socket: ClientSocket) -> None:
        self._thread = thread
        self._socket = socket

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._socket.is_connected

    def connect(self) -> None:
        """Return when there is a connection."""
        self._thread.run(self._socket.connect())

    def disconnect(self) -> None:
        """End the connection, its calls and its subscriptions."""
        self._thread.run(self._socket.disconnect())

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
        """The output of an operation."""
        called = self._socket.call(name, input, output=output, method=method, deadline=deadline, headers=headers)
        return self._thread.run(called)

    @overload
    def collection(self, name: str, *, parent: str = "") -> BlockingRepository[dict[str, Any]]: ...
    @overload
    def collection(self, name: str, kind: type[T], *, parent: str = "") -> BlockingRepository[T]: ...
    def collection(self, name: str, kind: Any = dict, *, parent: str = "") -> Any:
        """The records of a collection as `kind`, over the socket."""
        return BlockingRepository(self._thread, self._socket.collection(name, kind, parent=parent))

    def subscribe(self, collections: str | Sequence[str], **words: Any) -> Iterator[Event]:
        """A page of a collection, and then what happens, with the arguments of `ClientSocket.subscribe`."""
        return self._thread.iterate(self._socket.subscribe(collections, **words))

    def join(self, channel: str, *, state: Any = None, history: int | None = None) -> BlockingChannel:
        """Join a channel."""
        joined = self._socket.join(channel, state=state, history=history)
        return BlockingChannel(self._thread, self._thread.run(joined))


class BlockingChannel:
    """A channel that is joined; see `hinterland.client.JoinedChannel`. Use it with `with`, or call `leave`."""

    def __init__(self, thread: LoopThread, channel: JoinedChannel) -> None:
        self._thread = thread
        self._channel = channel

    @property
    def name(self) -> str:
        """Its name."""
        return self._channel.name

    @property
    def member(self) -> str:
        """The name of this join; "" while there is no connection."""
        return self._channel.member

    @property
    def members(self) -> list[ChannelMember]:
        """Those who are there."""
        return self._channel.members

    def send(self, event: str, data: Any = None, *, keep: bool = True) -> int:
        """Send a message to the other members. Its number; 0: it is not kept."""
        return self._thread.run(self._channel.send(event, data, keep=keep))

    def change_state(self, state: Any) -> None:
        """Change what the others see of this member."""
        self._thread.run(self._channel.change_state(state))

    def leave(self) -> None:
        """Leave the channel."""
        self._thread.run(self._channel.leave())

    def __iter__(self) -> Iterator[ChannelEvent]:
        return self._thread.iterate(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


class BlockingWebSocketClient(Generic[M]):
    """`hinterland.client.WebSocketClient` without `await`, with the same arguments; any thread may use it."""

    @overload
    def __init__(
        self: BlockingWebSocketClient[str | bytes], url: str, **settings: Unpack[WebSocketSettings]
    ) -> None: ...
    @overload
    def __init__(
        self: BlockingWebSocketClient[M], url: str, kind: type[M], **settings: Unpack[WebSocketSettings]
    ) -> None: ...
    def __init__(self, url: str, kind: Any = None, **settings: Unpack[WebSocketSettings]) -> None:
        self._socket: WebSocketClient[M] = WebSocketClient(url, kind, **settings)
        self._thread = LoopThread()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._socket.is_connected

    @property
    def messages(self) -> Iterator[M]:
        """The messages, in order, over all connections."""
        return self._thread.iterate(self._socket.messages)

    def connect(self) -> None:
        """Connect, and return when there is a connection."""
        self._thread.run(self._socket.connect())

    def send(self, message: object) -> None:
        """Send a message; while there is no connection it waits for one."""
        self._thread.run(self._socket.send(message))

    def disconnect(self) -> None:
        """Close the connection; `connect` begins anew."""
        self._thread.run(self._socket.disconnect())

    def close(self) -> None:
        """Disconnect for good, and end the thread."""
        self.disconnect()
        self._thread.close()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
