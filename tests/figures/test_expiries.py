"""Access tokens that expire under many calls at once, and answers to renewals that are lost."""

from __future__ import annotations

import asyncio

import msgspec

from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.options import Options
from hinterland.client.session import SignedIn
from hinterland.testing.backend import running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.figures.scale import SEED, Progress, figure, sized

COROUTINES = sized(100, 1_000)
EXPIRIES = sized(5, 20)


class Expiring:
    """A transport that refuses the access tokens that the test lets expire, and keeps what renewals answered."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._expired: set[str] = set()
        self.successors: set[str] = set()

    def expire(self, token: str) -> None:
        """From now on the server's answer to this token is 401."""
        self._expired.add(f"Bearer {token}")

    async def __call__(self, request: Request) -> Response:
        """Refuse, or send."""
        if request.headers.get("authorization") in self._expired:
            return Response(status=401, content=b'{"code":"unauthorized","status":401}')
        if not request.operation:
            return Response(status=200)  # what is asked does not matter here, and would take the time of 20,000 calls
        response = await self._transport(request)
        if request.operation == "auth.refresh" and response.status == 200:
            self.successors.add(msgspec.json.decode(response.content)["refresh_token"])
        return response

    async def close(self) -> None:
        """Nothing is held."""
        await self._transport.close()


async def test_expiries() -> None:
    """1,000 coroutines × 20 token expiries, 30 % of refresh answers lost: 20 refreshes reach the server as new,
    0 sign-outs.

    The small form has 100 coroutines and 5 expiries.
    """
    progress = Progress("expiries", EXPIRIES)
    async with running_backend() as backend:
        expiring = Expiring(backend.transport())
        network = FaultyNetwork(expiring, seed=SEED, lost=0.3, operations=frozenset({"auth.refresh"}))
        options = Options(retries=10, retry_base=0.001, retry_base_busy=0.001)
        client = await backend.client(transport=network, options=options)
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
        seen: list[object] = []
        client.auth.listen(seen.append)
        for number in range(EXPIRIES):
            state = client.auth.state
            assert isinstance(state, SignedIn)
            expiring.expire(state.access_token)
            answers = await asyncio.gather(*(client.request("GET", "/health") for _ in range(COROUTINES)))
            assert {answer.status for answer in answers} == {200}
            progress.at(number + 1)
        is_out = [state for state in seen if not isinstance(state, SignedIn)]
    figure(
        f"{COROUTINES:,} coroutines × {EXPIRIES} expiries, {network.met['lost']} answers lost of"
        f" {network.met.total()}: {len(expiring.successors)} refreshes as new, {len(is_out)} sign-outs"
        f" in {progress.elapsed:.0f} s"
    )
    assert len(expiring.successors) == EXPIRIES
    assert is_out == []
