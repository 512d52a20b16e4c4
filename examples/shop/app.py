"""An example shop: a catalogue that everybody reads, posts, and lists that only their members see."""

from __future__ import annotations

from hinterland.contract import Boolean, Collection, Instant, Integer, List, Number, Rules, Text, users
from hinterland.server import App, AuthSettings, Settings

OWN = "auth.id == record.id"
OWN_POST = "auth.id == old.author && record.author == old.author"
MEMBER = "auth.id == record.owner || auth.id in record.members"

app = App(
    name="shop",
    collections=[
        users(
            fields={"about": Text(max_length=2_000)},
            # Who has a member's id sees the name, to share a list; nobody lists the others.
            rules=Rules(list=OWN, view="auth != null", update=OWN),
        ),
        Collection(
            name="products",
            fields={
                "name": Text(required=True, max_length=200),
                "category": Text(index=True, max_length=100),
                "price": Number(required=True, minimum=0, index=True),
                "stock": Integer(minimum=0, default=0, merge="counter"),
            },
            rules=Rules(list="true", view="true"),  # written by administrators alone
        ),
        Collection(
            name="posts",
            fields={
                "title": Text(required=True, max_length=300),
                "body": Text(),
                "author": Text(fill="auth.id", index=True),
            },
            rules=Rules(
                list="true",
                view="true",
                create="auth.id == record.author",
                update=OWN_POST,
                delete="auth.id == record.author",
            ),
        ),
        Collection(
            name="lists",
            fields={
                "title": Text(required=True, max_length=200),
                "owner": Text(fill="auth.id", required=True, index=True),
                "members": List(of=Text(), merge="set"),
                "done": Boolean(default=False),
            },
            rules=Rules(
                list=MEMBER,
                view=MEMBER,
                create="auth.id == record.owner",
                update="(auth.id == old.owner || auth.id in old.members) && record.owner == old.owner",
                delete="auth.id == record.owner",
            ),
        ),
        Collection(
            name="orders",
            fields={
                "quantity": Integer(required=True, minimum=1, maximum=100),
                "placed": Instant(),
                "buyer": Text(fill="auth.id", required=True, index=True),
            },
            rules=Rules(
                list="auth.id == record.buyer", view="auth.id == record.buyer", create="auth.id == record.buyer"
            ),
            parent="products",  # an order is of a product that there is
        ),
    ],
    settings=Settings(auth=AuthSettings(password_min_length=6)),
)
