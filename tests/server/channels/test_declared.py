"""Channels with their rules."""

from __future__ import annotations

import logging

import pytest

from hinterland.contract.channels import Channel
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import Collection, users
from hinterland.server.channels.declared import ChannelBook
from hinterland.server.data.catalogue import Catalogue, DeclarationError

MEMBERS = Collection(name="members", fields={"room": Text(index=True), "level": Integer()})


def book(*channels: Channel, members: Collection = MEMBERS) -> ChannelBook:
    """The channels of an app with members."""
    return ChannelBook(channels, Catalogue((users(), members), "sqlite"), "sqlite")


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (Channel("room/{id}", join="record.id == 'x'"), "rule join"),
        (Channel("room/{id}", join="channel.name == 'x'"), "rule join"),
        (Channel("room/{id}", send="channel.id"), "rule send"),
        (Channel("room/{id}", send="members.exists(m, m.level == channel.id)"), "rule send"),
        (Channel("room/{id}", join="strangers.exists(m, m.room == channel.id)"), "rule join"),
        (Channel("room/{id}", join="now() > timestamp('2026-01-01T00:00:00Z')"), "now\\(\\) cannot decide who stays"),
        (Channel("room/{id}", shows=("avatar",)), "users has no field 'avatar'"),
    ],
)
def test_refused_declarations(channel: Channel, message: str) -> None:
    """A rule that can't be used prevents the start, and the message names the channel."""
    with pytest.raises(DeclarationError, match=message) as error:
        book(channel)
    assert "'room/{id}'" in str(error.value)


def test_two_of_one_form() -> None:
    """Two declarations that cover the same names are refused."""
    with pytest.raises(DeclarationError, match="another one has the same names"):
        book(Channel("room/{id}"), Channel("room/{name}"))


def test_which_one_covers_a_name() -> None:
    """A name is of the declaration that has more of it without braces; one that none covers is not found."""
    found = book(Channel("{a}/{b}"), Channel("room/{id}"), Channel("{x}/lobby"), Channel("room/lobby"))
    names = ("room/lobby", "room/1", "hall/lobby", "hall/1")
    assert [found.of(name).rules.declared.path for name in names] == ["room/lobby", "room/{id}", "{x}/lobby", "{a}/{b}"]
    with pytest.raises(Refusal, match="declared are: room/lobby"):
        found.of("x")
    with pytest.raises(Refusal, match="the app declares none: add Channel"):
        book().of("x")


def test_collections_that_are_declared_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A channel whose rule no longer fits the collections is closed, and the log reports it."""
    catalogue = Catalogue((users(), MEMBERS), "sqlite")
    made = ChannelBook([Channel("room/{id}", join="members.exists(m, m.room == channel.id)")], catalogue, "sqlite")
    catalogue.adopt(Catalogue((users(), Collection(name="members", fields={"room": Integer()})), "sqlite"))
    assert made.of("room/1").rules.join is not None
    with caplog.at_level(logging.ERROR):
        made.renew()
    assert made.of("room/1").rules.join is None
    assert "from now on it is for administrators only" in caplog.text
