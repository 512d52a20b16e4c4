"""A network with faults that a seed repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from random import Random

from hinterland.client.errors import ConnectError, ConnectionLost
from hinterland.client.exchange import Request, Response, Transport
from hinterland.kit.clock import Clock, SystemClock


class FaultyNetwork:
    """A transport over `transport` in which requests meet faults, each with its probability from 0 to 1.

    `refused`: the connection is refused, nothing is sent. `reset`: the connection ends before the request is sent or
    after the server carried it out, each half of the time. `lost`: the server carries it out and its answer is lost.
    `busy`: 503 without the server's help. `delay`: seconds that pass at most before a request is sent. `cut`: a stream
    ends after a piece. The same `seed` and the same order of requests give the same faults; `met` counts them. Set
    `is_down` to refuse everything.
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
        self.is_down = False
        self.met: Counter[str] = Counter()
        self._transport = transport
        self._random = Random(seed)
        self._faults: tuple[tuple[str, float], ...] = (
            ("refused", refused), ("reset", reset), ("lost", lost), ("busy", busy),
        )  # fmt: skip
        self._cut = cut
        self._delay = delay
        self._operations = operations
        self._clock = clock or SystemClock()

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
        pieces = response.stream
        if pieces is None or not self._cut:
            return response

        async def cut() -> AsyncIterator[bytes]:
            async for piece in pieces:
                yield piece
                if self.is_down or self._random.random() < self._cut:
                    self.met["cut"] += 1
                    raise ConnectionLost(detail="a fault: cut")

        response.stream = cut()
        return response
