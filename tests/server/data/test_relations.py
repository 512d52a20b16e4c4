"""Which records belong to others, by name."""

from __future__ import annotations

from hinterland.contract.fields import Integer, List, Reference, Text
from hinterland.contract.records import Collection, users
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.relations import Relation

TOPICS = Collection(name="topics", fields={"above": Reference(to="topics")}, ids="integer")
ABOUT = Collection(
    name="about",
    fields={
        "topic": Reference(to="topics"),
        "other": Reference(to="topics", unique=True),
        "rare": Reference(to="users", index=False),
        "best": Reference(to="users"),
    },
)
POSTS = Collection(name="posts", fields={"title": Text(), "comments": Text(fill="auth.id")})
COMMENTS = Collection(
    name="comments",
    parent="posts",
    fields={"by": Text(fill="auth.id", index=True), "checked_by": Text(fill="auth.id", unique=True)},
)
LIKES = Collection(name="likes", fields={"by": Text(fill="auth.id", index=True), "tags": List(of=Text())})
UNINDEXED = Collection(name="unindexed", fields={"by": Text(fill="auth.id")})


def test_names() -> None:
    """References have the name of their field, records below that of their collection; those that refer to a record
    are named with their field, and by the collection alone where only one field of it refers there. What has no index
    is not searched."""
    catalogue = Catalogue([users(), POSTS, COMMENTS, LIKES, UNINDEXED], "sqlite")
    relations = {name: dict(catalogue.relations.of(entry)) for name, entry in catalogue.entries.items()}
    assert relations["posts"] == {"comments": Relation("users", by="comments", is_one=True)}
    assert relations["unindexed"] == {"by": Relation("users", by="by", is_one=True)}
    assert relations["users"] == {
        "comments_via_by": Relation("comments", back="by"),
        "comments_via_checked_by": Relation("comments", back="checked_by"),
        "likes_via_by": Relation("likes", back="by"),
        "likes": Relation("likes", back="by"),
    }


def test_references() -> None:
    """A field that refers to records is a relation of its collection, and of the one that it refers to, also where
    that is the same."""
    catalogue = Catalogue([users(), TOPICS, ABOUT], "sqlite")
    assert dict(catalogue.relations.of(catalogue["topics"])) == {
        "above": Relation("topics", by="above", is_one=True),
        "topics": Relation("topics", back="above"),
        "topics_via_above": Relation("topics", back="above"),
        "about_via_topic": Relation("about", back="topic"),
        "about_via_other": Relation("about", back="other"),
    }
    assert [*catalogue.relations.of(catalogue["about"])] == ["topic", "other", "rare", "best"]
    assert [*catalogue.relations.of(catalogue["users"])] == ["about", "about_via_best"]


def test_ids_of_another_kind() -> None:
    """A field refers to users where it holds ids such as theirs."""
    filled = Collection(name="filled", fields={"by": Integer(fill="auth.id", index=True)})
    catalogue = Catalogue([users(ids="integer"), filled], "sqlite")
    assert dict(catalogue.relations.of(catalogue["users"]))["filled"] == Relation("filled", back="by")
    assert dict(Catalogue([UNINDEXED], "sqlite").relations.of(catalogue["filled"])) == {}


def test_a_changed_catalogue() -> None:
    """A catalogue that becomes another has its relations."""
    catalogue = Catalogue([users(), POSTS], "sqlite")
    assert "likes" not in catalogue.relations.of(catalogue["users"])
    catalogue.adopt(Catalogue([users(), POSTS, LIKES], "sqlite"))
    assert "likes" in catalogue.relations.of(catalogue["users"])
