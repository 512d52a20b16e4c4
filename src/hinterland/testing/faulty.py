"""A network with faults that a seed repeats."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

from hinterland.client.errors import ConnectError, ConnectionLost
from hinterland.client.exchange import OpenWebSocket, Request, Response, Transport
from hinterland.kit.clock import Clock, SystemClock

_GONE = 1012  # the close code of a WebSocket that a fault ends


class FaultyNetwork:
    """A transport over `transport` in which requests meet faults, each with its probability from 0 to 1.

    `refused`: the connection is refused, nothing is sent. `reset`: the connection ends before the request is sent or
    after the server carried it out, each half of the time. `lost`: the server carries it out and its answer is lost.
    `busy`: 503 without the server's help. `delay`: seconds that pass at most before a request is sent. `cut`: a stream
    ends after a piece. The same `seed` and the same order of requests give the same faults; `met` counts them. Set
    `is_down` to refuse everything; streams and WebSockets that are open then end at once.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        seed: int,
        refused: float = 0.0,
        reset: float = 0.0,
        lost: float = 0.0,
        busy: float = 0.0,
        cut: float = 0.0,
        delay: float = 0.0,
        operations: frozenset[str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.met: Counter[str] = Counter()
        self._is_down = False
        self._coming: set[asyncio.Future[bytes | None]] = set()
        self._websockets: set[OpenWebSocket] = set()
        self._closing: set[asyncio.Future[None]] = set()
        self._transport = transport
        self._random = Random(seed)
        self._faults: tuple[tuple[str, float], ...] = (
            ("refused", refused), ("reset", reset), ("lost", lost), ("busy", busy),
        )  # fmt: skip
        self._cut = cut
        self._delay = delay
        self._operations = operations
        self._clock = clock or SystemClock()

    @property
    def is_down(self) -> bool:
        """Whether everything is refused."""
        return self._is_down

    @is_down.setter
    def is_down(self, is_down: bool) -> None:
        self._is_down = is_down
        for piece in self._coming if is_down else ():
            piece.cancel()
        websockets, self._websockets = (self._websockets, set()) if is_down else (set(), self._websockets)
        for websocket in websockets:
            self._closing.add(asyncio.ensure_future(websocket.close(_GONE)))

    async def __call__(self, request: Request) -> Response:
        """Send the request, unless a fault comes between."""
        if self.is_down:
            raise ConnectError(detail="the network is down")
        if self._operations is not None and request.operation not in self._operations:
            return await self._transport(request)
        fault, is_early = self._draw(), self._random.random() < 0.5
        if self._delay:
            await self._clock.sleep(self._delay * self._random.random())
        self.met[fault] += 1
        if fault == "refused":
            raise ConnectError(detail="a fault: refused")
        if fault == "busy":
            return Response(status=503)
        if fault == "reset" and is_early:
            raise ConnectionLost(detail="a fault: reset")
        response = await self._transport(request)
        if fault in ("reset", "lost"):
            await response.close()
            raise ConnectionLost(detail=f"a fault: {fault}")
        if response.websocket is not None:
            self._websockets.add(response.websocket)
        return self._with_cuts(response)

    def heal(self) -> None:
        """No faults from now on."""
        self.is_down = False
        self._faults = ()
        self._cut = self._delay = 0.0

    async def close(self) -> None:
        """Let the transport's connections go."""
        await self._transport.close()

    def _draw(self) -> str:
        number = self._random.random()
        for name, probability in self._faults:
            number -= probability
            if number < 0:
                return name
        return "none"

    def _with_cuts(self, response: Response) -> Response:
        if response.stream is not None:
            response.stream = self._cut_off(response.stream)
        return response

    async def _cut_off(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while (piece := await self._next(pieces)) is not None:
            yield piece
            if self.is_down or (self._cut and self._random.random() < self._cut):
                raise self._lost()

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece; None: there is none. It is lost where the network goes down meanwhile."""
        coming = asyncio.ensure_future(_piece_of(pieces))
        self._coming.add(coming)
        try:
            await asyncio.wait([coming])
        except asyncio.CancelledError:
            coming.cancel()
            await asyncio.wait([coming])
            raise
        finally:
            self._coming.discard(coming)
        if coming.cancelled():
            raise self._lost()
        return coming.result()

    def _lost(self) -> ConnectionLost:
        self.met["cut"] += 1
        return ConnectionLost(detail="a fault: cut")


async def _piece_of(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)
