"""One of the processes of `hinterland serve --workers N`, as its parent starts it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket

import click
import msgspec

from hinterland.cli.serving import Serving, serve_on

READY, GO, GREET = b"r", b"g", b"G"


class Parent:
    """The other end of the pair of sockets that connects a worker with its parent."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._watch: asyncio.Task[None] | None = None

    async def ready(self) -> bool:
        """Report that this process is ready, and wait until it may accept; whether it greets. Where the parent has
        ended, this process ends too."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._channel, READY)
        answer = await self._received()
        if not answer:
            raise click.exceptions.Exit(1)
        self._watch = loop.create_task(self._follow())
        return answer == GREET

    async def _follow(self) -> None:
        if not await self._received():
            logging.getLogger("hinterland").error("the parent process ended; ending too")
            os.kill(os.getpid(), signal.SIGTERM)

    async def _received(self) -> bytes:
        """The next byte; empty where the parent has ended."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._channel, 1)
        except OSError:
            return b""


def run(text: str) -> None:
    """Serve as the JSON `text` says, until a signal or the parent's end."""
    given = json.loads(text)
    listener = socket.socket(fileno=given["listener"])
    listener.setblocking(False)
    logging.basicConfig(
        format=f"%(asctime)s %(levelname)s [worker {given['number']}] %(name)s: %(message)s", level=logging.INFO
    )
    serving = msgspec.convert(given, Serving, dec_hook=lambda kind, value: kind(value))
    try:
        serve_on(listener, serving, Parent(socket.socket(fileno=given["channel"])).ready)
    except click.exceptions.Exit as ending:
        raise SystemExit(ending.exit_code) from None
