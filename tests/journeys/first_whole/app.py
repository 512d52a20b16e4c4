"""The app whose databases were made by the first whole version, before anything of its schema changed."""

from __future__ import annotations

from hinterland.contract.fields import Boolean, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.server import App

MINE = "auth.id == record.owner"

app = App(
    name="first",
    collections=[
        users(fields={"about": Text()}),
        Collection(
            name="notes",
            fields={
                "title": Text(required=True),
                "owner": Text(fill="auth.id", index=True),
                "slug": Text(unique=True),
                "stars": Integer(merge="counter"),
                "price": Number(),
                "done": Boolean(),
                "due": Instant(),
                "big": Int64(),
                "tags": List(of=Text(), merge="set"),
                "meta": Json(),
                "secret": Text(read=MINE),
            },
            rules=Rules(list=MINE, view=MINE, create=MINE, update=MINE, delete=MINE),
        ),
        Collection(name="orders", ids="integer", fields={"amount": Integer()}, rules=EVERYBODY),
        Collection(name="lines", parent="orders", fields={"text": Text()}, rules=EVERYBODY),
    ],
)
