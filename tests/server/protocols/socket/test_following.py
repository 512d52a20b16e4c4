"""Subscriptions of a socket."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec

from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.data.delivery import END
from hinterland.server.protocols.socket.events import ENCODER
from hinterland.server.protocols.socket.following import Sieve
from tests.server.protocols.asgi import Socket, ask, bearer
from tests.server.protocols.socket.speaking import PATH, Sign, opened, post


async def test_snapshot_and_what_follows(server: Server) -> None:
    """A subscription begins with the page that it asks for, and goes on with what happens after it."""
    await post(server, "One")
    await post(server, "Two")
    socket = await opened(server)
    query = {"sort": "title", "limit": 1, "filter": "record.title != 'Two'", "total": True}
    shown = await socket.asked(type="subscribe", id="s", collection="posts", query=query)
    assert shown["type"] == "snapshot"
    assert [item["title"] for item in shown["items"]] == ["One"]
    assert (shown["id"], shown["total"]) == ("s", 1)
    ready = await socket.next()
    assert (ready["type"], ready["id"]) == ("ready", "s")
    await post(server, "Two")
    made = await post(server, "Three")
    commit = await socket.next()
    assert (commit["type"], commit["id"], commit["changes"][0]["record"]["title"]) == ("commit", "s", "Three")
    assert commit["revision"] == made.json["revision"]


def test_events_older_than_the_snapshot() -> None:
    """Until everything that the snapshot may show was sent, events have no cursor, behind which that would be repeated;
    the first one that has passed it has its own, also where none of its changes is left."""
    cursors = {"c2": 2, "c3": 3, "c5": 5, "c6": 6}

    def commit(revision: int, id: str) -> bytes:
        change = b'{"kind":"update","collection":"posts","id":"%b","revision":%d}' % (id.encode(), revision)
        return b'"type":"commit","cursor":"c%d","revision":%d,"changes":[%b]}' % (revision, revision, change)

    def started() -> Sieve:
        sieve = Sieve("", cursors.__getitem__)
        sieve.drop_shown(b'{"items":[{"id":"p1","revision":4},{"id":"p2","revision":5}]}', 9)
        return sieve

    def passed(sieve: Sieve, event: bytes) -> tuple[str, str, int]:
        left = msgspec.json.decode(b"{" + (sieve.passed(event) or b'"type":"nothing","cursor":""}'))
        return left["type"], left["cursor"], len(left.get("changes", ()))

    sieve = started()
    assert passed(sieve, ENCODER.ready("c2").removesuffix(END)) == ("ready", "", 0)
    assert passed(sieve, commit(3, "p3")) == ("commit", "", 1)
    assert passed(sieve, ENCODER.position("c3").removesuffix(END)) == ("nothing", "", 0)
    assert passed(sieve, commit(4, "p1")) == ("nothing", "", 0)
    was_open = sieve.is_open
    assert passed(sieve, commit(5, "p2")) == ("position", "c5", 0)
    assert (was_open, sieve.is_open) == (False, True)
    for event, shown in ((ENCODER.ready("c5").removesuffix(END), "ready"), (commit(6, "p1"), "commit")):
        sieve = started()
        assert passed(sieve, event)[:2] == (shown, "c5" if shown == "ready" else "c6")
        assert sieve.is_open
    unknown = Sieve("", cursors.__getitem__)
    unknown.drop_shown(b'{"items":[{"id":"p1"}]}', 6)
    assert passed(unknown, ENCODER.ready("c5").removesuffix(END)) == ("ready", "", 0)
    assert passed(unknown, commit(6, "p3")) == ("commit", "c6", 1)


async def test_resume(server: Server) -> None:
    """A cursor goes on where the former socket ended: nothing is missed, nothing comes twice."""
    socket = await opened(server)
    socket.send(type="subscribe", id="s", collection="posts", snapshot=False)
    cursor = (await socket.next())["cursor"]
    await post(server, "One")
    cursor = (await socket.next())["cursor"]
    await socket.leave()
    for title in ("Two", "Three"):
        await post(server, title)
    other = await opened(server)
    other.send(type="subscribe", id="again", collection="posts", cursor=cursor)
    assert (await other.next())["type"] == "ready"
    titles = [(await other.next())["changes"][0]["record"]["title"] for _ in range(2)]
    assert titles == ["Two", "Three"]
    await post(server, "Four")
    assert (await other.next())["changes"][0]["record"]["title"] == "Four"


async def test_cursor_that_can_not_be_continued(server: Server) -> None:
    """A cursor that the server did not make gets a `resync`, as on a stream."""
    socket = await opened(server)
    socket.send(type="subscribe", id="s", collection="posts", cursor="mine")
    assert (await socket.next())["type"] == "ready"
    resync = await socket.next()
    assert (resync["type"], resync["reason"], resync["id"]) == ("resync", "unknown", "s")


async def test_readers_of_the_same_event(server: Server) -> None:
    """What is sent to many is made once for those who are sent the same: each still has its own id and form, and one
    whose snapshot shows a record already, or who follows one parent, has its own changes."""
    await post(server, "Zero", "p0")
    for parent in ("p1", "p2"):
        await post(server, parent, parent)
    plain = [await opened(server) for _ in range(3)]
    packed = Socket(server, PATH, ("format", "msgpack"))
    below = await opened(server)
    assert msgspec.msgpack.decode(cast(bytes, await packed.raw()))["type"] == "hello"
    for socket, id in zip([*plain, packed], ("s", "s", "other", "s"), strict=True):
        socket.send(type="subscribe", id=id, collections=["comments"])
    below.send(type="subscribe", id="s", collection="posts/p1/comments")
    for socket in (*plain, below, below):
        assert (await socket.next())["type"] in ("ready", "snapshot")
    assert msgspec.msgpack.decode(cast(bytes, await packed.raw()))["type"] == "ready"
    for parent in ("p2", "p1"):
        answer = await ask(server, "POST", f"/v1/records/posts/{parent}/comments", {"text": parent})
        assert answer.status == 201, answer.body
        events = [await socket.next() for socket in plain]
        events.append(msgspec.msgpack.decode(cast(bytes, await packed.raw())))
        assert [event["id"] for event in events] == ["s", "s", "other", "s"]
        assert [event["changes"][0]["record"]["text"] for event in events] == [parent] * 4
    assert (await below.next())["changes"][0]["record"]["text"] == "p1"


async def test_several_subscriptions(server: Server) -> None:
    """One socket follows several collections by several subscriptions; each has its own messages and ends alone."""
    socket = await opened(server)
    for id, wanted in (
        ("a", {"collections": ["posts", "comments"]}),
        ("b", {"collection": "posts", "snapshot": False}),
    ):
        assert (await socket.asked(type="subscribe", id=id, **wanted))["type"] == "ready"
    made = await post(server, "One")
    assert {(await socket.next())["id"] for _ in range(2)} == {"a", "b"}
    assert await socket.asked(type="unsubscribe", id="b") == {"type": "end", "id": "b"}
    await ask(server, "POST", f"/v1/records/posts/{made.json['id']}/comments", {"text": "t"})
    assert (await socket.next())["changes"][0]["collection"] == "comments"
    assert (await socket.asked(type="subscribe", id="a", collection="posts"))["error"]["code"] == "conflict"
    assert (await socket.asked(type="subscribe", id="b", collection="posts"))["type"] == "snapshot"


async def test_collection_below_a_record(server: Server) -> None:
    """What is below one record is followed by its path: others' changes are not sent."""
    one, two = [(await post(server, title)).json["id"] for title in ("One", "Two")]
    await ask(server, "POST", f"/v1/records/posts/{one}/comments", {"text": "before"})
    socket = await opened(server)
    shown = await socket.asked(type="subscribe", id="s", collection=f"posts/{one}/comments")
    assert [item["text"] for item in shown["items"]] == ["before"]
    assert (await socket.next())["type"] == "ready"
    for parent, text in ((two, "there"), (one, "here")):
        await ask(server, "POST", f"/v1/records/posts/{parent}/comments", {"text": text})
    assert (await socket.next())["changes"][0]["record"]["text"] == "here"


async def test_what_is_not_shown(server: Server, sign_up: Sign) -> None:
    """A subscription shows what the rules let its caller see, and ends with a reason where that is nothing at all."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server, headers=bearer(bob["access_token"]))
    assert (await socket.asked(type="subscribe", id="n", collection="notes"))["items"] == []
    assert (await socket.next())["type"] == "ready"
    for members in ([ada["user"]["id"]], [ada["user"]["id"], bob["user"]["id"]]):
        body = {"title": str(len(members)), "members": members}
        await ask(server, "POST", "/v1/records/notes", body, bearer(ada["access_token"]))
    assert (await socket.next())["changes"][0]["record"]["title"] == "2"
    end = await socket.asked(type="subscribe", id="c", collection="closed")
    assert (end["type"], end["id"], end["error"]["code"]) == ("end", "c", "forbidden")
    for wrong in ({"filter": "record.("}, {"limit": 0}, {"sort": "nothing"}):
        end = await socket.asked(type="subscribe", id="c", collection="posts", query=wrong)
        assert (end["type"], end["error"]["code"]) == ("end", "invalid_query")


async def test_another_caller(server: Server, sign_up: Sign) -> None:
    """Who signs in as another on a socket follows nothing any longer that the former caller followed."""
    ada, bob = await sign_up("ada"), await sign_up("bob")
    socket = await opened(server, headers=bearer(ada["access_token"]))
    socket.send(type="subscribe", id="n", collection="notes", snapshot=False)
    assert (await socket.next())["type"] == "ready"
    socket.send(type="auth", token=bob["access_token"])
    assert {(await socket.next())["type"] for _ in range(2)} == {"authenticated", "end"}
    same = await ask(server, "POST", "/v1/auth/refresh", {"refresh_token": bob["refresh_token"]})
    socket.send(type="subscribe", id="n", collection="notes", snapshot=False)
    assert (await socket.next())["type"] == "ready"
    assert (await socket.asked(type="auth", token=same.json["access_token"]))["type"] == "authenticated"
    body = {"title": "mine", "members": [bob["user"]["id"]]}
    await ask(server, "POST", "/v1/records/notes", body, bearer(bob["access_token"]))
    assert (await socket.next())["type"] == "commit"


async def test_most_subscriptions(server: Server, clock: ManualClock) -> None:
    """A socket has a bounded number of subscriptions."""
    socket = await opened(server)
    for number in range(100):
        answer = await socket.asked(type="subscribe", id=str(number), collection="posts", snapshot=False)
        assert answer["type"] == "ready"
    await clock.advance(1)
    answer = await socket.asked(type="subscribe", id="more", collection="posts", snapshot=False)
    assert answer["error"]["code"] == "rate_limited"


async def test_nothing_is_left(server: Server) -> None:
    """A socket that ends takes its subscriptions with it."""
    assert server.backend is not None
    feed = server.backend.feed
    socket = await opened(server)
    socket.send(type="subscribe", id="s", collection="posts")
    await socket.next()
    await socket.leave()
    assert not feed.rights.listeners
    assert not feed._subscriptions
    await asyncio.sleep(0)
