"""Declarations, compiled: what can't be used is refused when the server starts."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.fields import Field, Instant, Integer, Json, List, Object, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.cel.types import STRING, ObjectType
from hinterland.server.data import rules
from hinterland.server.data.catalogue import Catalogue, DeclarationError
from hinterland.server.storage.protocol import StoredRecord
from tests.server.data.world import ADA, ADMIN
from tests.server.refused import refused

POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY, ids="integer")
COMMENTS = Collection(name="comments", fields={}, parent="posts")
LIKES = Collection(name="likes", fields={}, parent="comments")


def catalogue(*collections: Collection) -> Catalogue:
    """The compiled declarations."""
    return Catalogue(collections, "sqlite")


def record(body: str = "{}", private: str | None = None) -> StoredRecord:
    """A stored record."""
    return StoredRecord("", "x", 3, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z", body, private)


@pytest.mark.parametrize("action", ["list", "view", "create", "update", "delete"])
@pytest.mark.parametrize("rule", ["record.", "record.what == 1", "1", "auth.name == 'x'", "nobody", "record.title > 1"])
def test_rules_that_can_not_be(action: str, rule: str) -> None:
    """A rule that is no condition over what it may read is refused with its collection and action."""
    broken = Collection(name="posts", fields={"title": Text()}, rules=Rules(**{action: rule}))
    with pytest.raises(DeclarationError, match=f"'posts', rule {action}: "):
        catalogue(broken)


@pytest.mark.parametrize("action", ["view", "create", "update", "delete"])
def test_rules_may_read_the_clock(action: str) -> None:
    """now() may decide a request: by a rule of one record."""
    posts = Collection(name="posts", fields={"until": Instant()}, rules=Rules(**{action: "record.until > now()"}))
    assert catalogue(posts)["posts"].rules[action] is not None


def test_views_do_not_read_the_clock() -> None:
    """now() cannot decide what live views show: no list rule reads it, and no field's."""
    rule = "record.until > now()"
    listed = Collection(name="posts", fields={"until": Instant()}, rules=Rules(list=rule))
    hidden = Collection(name="posts", fields={"until": Instant(), "text": Text(read=rule)})
    for broken, place in ((listed, "list"), (hidden, "fields.text.read")):
        with pytest.raises(DeclarationError, match=f"rule {place}: now\\(\\) cannot decide what live views show"):
            catalogue(broken)


@pytest.mark.parametrize("action", ["list", "view", "create", "delete"])
def test_only_updates_have_an_old_record(action: str) -> None:
    """`old` stands in the update rule alone."""
    with pytest.raises(DeclarationError, match="only the update rule has `old`"):
        catalogue(Collection(name="posts", fields={"title": Text()}, rules=Rules(**{action: "old.title == 'x'"})))
    catalogue(Collection(name="posts", fields={"title": Text()}, rules=Rules(update="old.title == 'x'")))


@pytest.mark.parametrize("rule", ["record.", "old.title == 'x'", "record.what == 1"])
def test_read_rules_that_can_not_be(rule: str) -> None:
    """A field's read rule is checked as every rule."""
    with pytest.raises(DeclarationError, match=r"fields\.title\.read"):
        catalogue(Collection(name="posts", fields={"title": Text(read=rule)}))


def test_a_field_that_asks_and_reads_the_revision() -> None:
    """The read rule of a field that asks another collection can't read the revision, which a write has only once it is
    decided; another may."""
    rule = "posts.exists(p, p.title == 'x') && record.revision > 1"
    with pytest.raises(DeclarationError, match=r"fields\.title\.read: .*can't read record\.revision"):
        catalogue(Collection(name="posts", fields={"title": Text(read=rule)}))
    made = catalogue(Collection(name="posts", fields={"title": Text(read="record.revision > 1"), "text": Text()}))
    assert made["posts"].asking == set()


def test_rules_that_sql_can_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that lists or pages depend on is refused where SQL can't say it: those of list, view and each field's
    `read`. Rules over one record at hand need no SQL."""
    place = ObjectType({"city": STRING})  # no kind of field has such a type as yet
    monkeypatch.setattr(rules, "record_type", lambda *_, **__: ObjectType({"title": STRING, "place": place}))
    rule = "record.place.city == 'Rome'"
    for action in ("list", "view"):
        with pytest.raises(DeclarationError, match=f"rule {action}: record.place.city has no column of its own"):
            catalogue(Collection(name="posts", fields={"title": Text()}, rules=Rules(**{action: rule})))
    with pytest.raises(DeclarationError, match=r"rule fields\.title\.read: record.place.city has no column of its own"):
        catalogue(Collection(name="posts", fields={"title": Text(read=rule)}))
    for action in ("create", "update", "delete"):
        catalogue(Collection(name="posts", fields={"title": Text()}, rules=Rules(**{action: rule})))


def test_collections_that_do_not_fit_together() -> None:
    """Names are used once, and parents are declared, above their children."""
    with pytest.raises(DeclarationError, match="'posts' is declared twice"):
        catalogue(POSTS, POSTS)
    with pytest.raises(DeclarationError, match="its parent 'posts' is not declared"):
        catalogue(COMMENTS)
    above = Collection(name="posts", fields={}, parent="comments")
    with pytest.raises(
        DeclarationError, match="collection 'comments': its parent 'posts' is below itself; name another"
    ):
        catalogue(above, COMMENTS)


def test_users_have_no_password_field() -> None:
    """A password is never a field of a record."""
    with pytest.raises(DeclarationError, match="passwords are kept apart"):
        catalogue(users(fields={"password": Text()}))
    catalogue(users(), Collection(name="vault", fields={"password": Text()}))


@pytest.mark.parametrize(("ids", "field"), [("string", Integer(fill="auth.id")), ("integer", Text(fill="auth.id"))])
def test_what_is_filled_can_hold_it(ids: Any, field: Any) -> None:
    """A field that is filled with users' ids is of their kind, else no record could be created."""
    with pytest.raises(DeclarationError, match=r"posts\.owner: it is filled with the ids of users"):
        catalogue(users(ids=ids), Collection(name="posts", fields={"owner": field}))
    good = Text(fill="auth.id") if ids == "string" else Integer(fill="auth.id")
    catalogue(users(ids=ids), Collection(name="posts", fields={"owner": good}))


def test_the_version() -> None:
    """The version names the declaration: the same for the same, another for any change."""
    assert catalogue(POSTS).version == catalogue(POSTS).version
    other = Collection(name="posts", fields={"title": Text(max_length=5)}, rules=EVERYBODY, ids="integer")
    assert catalogue(POSTS).version != catalogue(other).version
    assert list(catalogue(POSTS, COMMENTS).collections()) == [POSTS, COMMENTS]


def test_unknown_collections() -> None:
    """An unknown collection is refused with those that are declared and that others than administrators may use."""
    with refused("unknown_collection", "declared are posts"):
        catalogue(POSTS)["nowhere"]
    closed = catalogue(POSTS, Collection(name="closed"))
    with refused("unknown_collection") as caught:
        closed["nowhere"]
    assert "closed" not in caught.value.message
    with refused("unknown_collection", "declared are posts, closed"):
        closed.named("nowhere", is_admin=True)
    with refused("unknown_collection", "declare it in the app file"):
        catalogue()["nowhere"]


def test_paths() -> None:
    """A path of names and ids leads to a collection below its own parents, or to a record of it."""
    all_three = catalogue(POSTS, COMMENTS, LIKES)
    for path, found in (
        ("posts", ("posts", "", "")),
        ("posts/1", ("posts", "", "1")),
        ("posts/1/comments", ("comments", "posts/1", "")),
        ("posts/1/comments/c/likes/l", ("likes", "posts/1/comments/c", "l")),
    ):
        entry, parent, id = all_three.locate(path.split("/"))
        assert (entry.name, parent, id) == found
    for wrong in (
        "comments",
        "comments/c",
        "posts/1/likes",
        "posts/1/posts",
        "posts/1/comments/c/comments",
        "x/1/comments",
    ):
        with refused("unknown_collection"):
            all_three.locate(wrong.split("/"))
    with refused("unknown_collection", r"'comments' are found under posts/\{id\}/comments$"):
        all_three.locate(["comments"])
    with refused("unknown_collection", "'posts' are found under posts, below no other record$"):
        all_three.locate(["posts", "1", "posts"])
    for wrong in ("posts/x/comments", "posts/1/comments/__c/likes"):
        with refused("not_found"):
            all_three.locate(wrong.split("/"))


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1.0", "9007199254740992", "9" * 5_000, "٣"])
def test_integer_ids(text: str) -> None:
    """An integer id is a whole number from 1 within 2^53; anything else names no record."""
    with refused("not_found"):
        catalogue(POSTS)["posts"].parse_id(text)
    assert catalogue(POSTS)["posts"].parse_id("9007199254740991") == 2**53 - 1


def test_string_ids() -> None:
    """A string id is what it is; what can't be one names no record."""
    entry = catalogue(users())["users"]
    assert entry.parse_id("a-Z_9 é") == "a-Z_9 é"
    for text in ("", "a/b", "~a", "x" * 129):
        with refused("not_found"):
            entry.parse_id(text)


def test_who_is_allowed() -> None:
    """Nobody without a rule, everybody with `true`, administrators always, and an error denies."""
    rules = Rules(list="true", view="record.title == 'x'", create="!(record.title == 'x')", delete="record.n > 1")
    entry = catalogue(Collection(name="posts", fields={"title": Text(), "n": Integer()}, rules=rules))["posts"]
    one, none = record('{"title":"x","n":null}'), record('{"title":null,"n":null}')
    assert entry.allows("list", SIGNED_OUT, None)
    assert [entry.allows("view", ADA, made) for made in (one, none)] == [True, False]
    assert [entry.allows("create", ADA, made) for made in (one, none)] == [False, False]
    assert not entry.allows("delete", ADA, one)
    assert not entry.allows("update", ADA, one)
    assert all(entry.allows(action, ADMIN, none) for action in entry.rules)


def test_private_fields() -> None:
    """A field with a read rule is shown where the rule says so, of each record by itself; administrators see all."""
    fields: dict[str, Field] = {
        "owner": Text(),
        "mine": Text(read="auth.id == record.owner"),
        "staff": Text(read="'staff' in auth.roles"),
    }
    entry = catalogue(Collection(name="posts", fields=fields))["posts"]
    made = record('{"owner":"ada"}', '{"mine":"m","staff":"s"}')
    both = Principal(id="ada", roles=("staff",))
    seen = {caller: entry.shown(caller, made) for caller in (SIGNED_OUT, ADA, both, ADMIN)}
    assert seen == {SIGNED_OUT: frozenset(), ADA: {"mine"}, both: None, ADMIN: None}
    assert '"mine":"m"' in entry.wire(ADA, made)
    assert '"staff"' not in entry.wire(ADA, made)
    assert entry.hidden(ADMIN) == frozenset()
    assert entry.hidden(both) == {"mine"}  # of some other record it would not be shown
    assert entry.hidden(ADA) == {"mine", "staff"}


@pytest.mark.parametrize(
    ("name", "field", "reason"),
    [
        ("plan", Text(), "users could write users.plan themselves"),
        ("email", None, "users could write users.email themselves"),
        ("pla", None, "users has no field 'pla'; declare it there"),
        ("roles", Text(write="admin"), "auth.roles has another meaning; rename the field of users"),
        ("id", None, "auth.id has another meaning"),
        ("plan", Json(write="admin"), "users.plan holds JSON objects"),
        ("plan", Object(fields={"a": Text()}, write="admin"), "users.plan holds JSON objects"),
        ("plan", List(of=Object(fields={"a": Text()}), write="admin"), "users.plan holds JSON objects"),
    ],
)
def test_auth_fields_that_can_not_be(name: str, field: Field | None, reason: str) -> None:
    """A field of users that rules would read of the caller, and that users could give themselves rights by, that is
    not declared, or whose values are objects is refused."""
    declared = users(fields={} if field is None else {name: field})
    with pytest.raises(DeclarationError, match=f"auth_fields: {reason}"):
        Catalogue([declared], "sqlite", (name,))


def test_auth_fields_of_another_kind() -> None:
    """What was compiled with one kind of a field of the caller does not serve for another kind."""
    posts = Collection(name="posts", fields={"level": Integer()}, rules=Rules(list="auth.level == record.level"))
    level = Integer(write="admin")
    one, two = (
        Catalogue([users(fields={"level": field}), posts], "sqlite", ("level",))
        for field in (level, Integer(write="admin", maximum=3))
    )
    assert one["posts"].is_like(Catalogue([users(fields={"level": level}), posts], "sqlite", ("level",))["posts"])
    assert not one["posts"].is_like(two["posts"])
