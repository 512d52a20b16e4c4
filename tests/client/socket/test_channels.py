"""Channels of the socket, against the real server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import Conflict, Forbidden, TooLarge, Unauthorized
from hinterland.client.socket.channels import ChannelEvent, JoinedChannel
from hinterland.contract.channels import Channel
from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import next_of

PASSWORD = "a long walk outside"
MEMBER = "members.exists(m, m.room == channel.id && m.user == auth.id)"
MEMBERS = Collection(name="members", fields={"room": Text(index=True), "user": Reference(to="users")}, rules=EVERYBODY)
APP = App(
    collections=[MEMBERS],
    channels=[
        Channel("room/{id}", join="true", send="true", history=50, shows=("name",)),
        Channel("club/{id}", join=MEMBER, send=MEMBER),
    ],
)


class Person:
    """A client with its network."""

    def __init__(self, client: Client, network: FaultyNetwork) -> None:
        self.client = client
        self.network = network

    async def join(self, channel: str = "room/1", **words: Any) -> JoinedChannel:
        """Join a channel."""
        return await asyncio.wait_for(self.client.socket.join(channel, **words), 20)


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend(APP) as backend:
        yield backend


async def person(backend: TestBackend, name: str) -> Person:
    """Somebody who has signed up."""
    network = FaultyNetwork(backend.transport(), seed=1)
    client = await backend.client(transport=network, random=lambda: 0.0)
    await client.auth.sign_up(name=name, email=f"{name}@example.org", password=PASSWORD)
    return Person(client, network)


async def next_message(room: JoinedChannel) -> ChannelEvent:
    """The next message."""
    event: ChannelEvent = await next_of(room)
    return event if event.kind == "message" else await next_message(room)


async def until_left(room: JoinedChannel, count: int) -> None:
    """Read until so many are there."""
    while len(room.members) != count:
        await next_of(room)


async def test_messages_and_presence(backend: TestBackend) -> None:
    """Members see each other with their state, and get each other's messages, kept and fleeting, not their own."""
    ada, bob = await person(backend, "ada"), await person(backend, "bob")
    first = await ada.join(state={"mood": "good"})
    second = await bob.join()
    await until_left(first, 2)
    assert {member.user["name"]: member.state for member in second.members if member.user} == {
        "ada": {"mood": "good"},
        "bob": None,
    }
    assert await first.send("said", {"text": "Hi"}) == 1
    assert await first.send("typing", keep=False) == 0
    said, typing = await next_message(second), await next_message(second)
    assert (said.event, said.data, said.seq, said.user and said.user["name"]) == ("said", {"text": "Hi"}, 1, "ada")
    assert (typing.event, typing.seq) == ("typing", 0)
    await first.change_state({"mood": "better"})
    while not (event := await next_of(second)).changed:
        pass
    better = {"mood": "better"}
    assert [event.changed[0].state, *(each.state for each in first.members)] == [better, better, None]
    with pytest.raises(TooLarge):
        await first.change_state("x" * 5_000)
    assert [each.state for each in first.members] == [better, None]
    await first.leave()
    await until_left(second, 1)
    assert [event async for event in first if event.kind == "message"] == []


async def test_a_late_one_gets_the_history(backend: TestBackend) -> None:
    """Who joins gets the last kept messages first, as many as wanted."""
    ada, bob = await person(backend, "ada"), await person(backend, "bob")
    async with await ada.join() as room:
        for text in ("1", "2", "3"):
            await room.send("said", text)
    late = await bob.join(history=2)
    assert [(await next_message(late)).data for _ in range(2)] == ["2", "3"]
    with pytest.raises(Conflict):
        await bob.join()


async def test_a_cut_is_bridged(backend: TestBackend) -> None:
    """After a cut the channel is joined again, and kept messages that were missed come once each, without one's own."""
    ada, bob = await person(backend, "ada"), await person(backend, "bob")
    sender, reader = await ada.join(), await bob.join(state="here")
    await sender.send("said", "1")
    assert (await next_message(reader)).data == "1"
    await reader.send("said", "own")
    bob.network.is_down = True
    while (await next_of(reader)).kind != "offline":
        pass
    await sender.send("said", "2")
    assert await reader.send("typing", keep=False) == 0
    waiting = asyncio.create_task(reader.send("said", "late"))
    bob.network.is_down = False
    assert [(await next_message(reader)).data] == ["2"]
    await asyncio.wait_for(waiting, 20)
    assert [(await next_message(sender)).data for _ in range(2)] == ["own", "late"]
    assert {each.member: each.state for each in reader.members}[reader.member] == "here"


async def test_rules(backend: TestBackend) -> None:
    """Who may not join is refused; a right that ends, and a log-out, end the join."""
    ada = await person(backend, "ada")
    with pytest.raises(Forbidden):
        await ada.join("club/1")
    assert ada.client.auth.user is not None
    member = {"room": "1", "user": ada.client.auth.user["id"]}
    made = await ada.client.collection("members").create(member)
    club, room = await ada.join("club/1"), await ada.join()
    await ada.client.collection("members").delete(made["id"])
    with pytest.raises(Forbidden):
        await next_message(club)
    await ada.client.auth.log_out()
    with pytest.raises(Unauthorized):
        await next_message(room)
