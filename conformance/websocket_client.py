"""A client that sends back every message of each case of a fuzzing server, on the WebSockets of the transport."""

from __future__ import annotations

import asyncio
import sys

from hinterland.client.errors import HinterlandError
from hinterland.client.exchange import OpenWebSocket, Request, WebSocketOffer
from hinterland.client.transports.network import Network

AGENT = "hinterland"
_OFFER = WebSocketOffer(max_bytes=64 * 1024 * 1024, ping_seconds=60.0)


async def opened(network: Network, url: str) -> OpenWebSocket:
    """An open WebSocket."""
    response = await network(Request(method="GET", url=url, websocket=_OFFER))
    assert response.websocket is not None, response
    return response.websocket


async def echo(websocket: OpenWebSocket) -> None:
    """Send back every message, until it ends."""
    try:
        while True:
            await websocket.send(await websocket.receive())
    except HinterlandError:
        await websocket.close()


async def run(url: str) -> None:
    """Every case of the server."""
    network = Network()
    counting = await opened(network, f"{url}/getCaseCount")
    count = int(await counting.receive())
    await counting.close()
    for case in range(1, count + 1):
        await echo(await opened(network, f"{url}/runCase?case={case}&agent={AGENT}"))
    await echo(await opened(network, f"{url}/updateReports?agent={AGENT}"))
    await network.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
