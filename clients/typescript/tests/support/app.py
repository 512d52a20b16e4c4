"""An app for the tests of the clients: every merge policy, integer ids, records below records, private ones, channels."""

from __future__ import annotations

from hinterland import Channel
from hinterland.contract import EVERYBODY, Collection, Integer, Json, List, Rules, Text
from hinterland.server import App, AuthSettings, Settings

OWN = "auth.id == record.owner"

app = App(
    name="offline",
    collections=[
        Collection(
            name="notes",
            fields={
                "title": Text(required=True),
                "body": Text(),
                "word": Text(merge="server"),
                "count": Integer(default=0, merge="counter"),
                "tags": List(of=Text(), merge="set"),
                "data": Json(),
                "code": Text(unique=True),
            },
            rules=EVERYBODY,
        ),
        Collection(name="tasks", fields={"title": Text(required=True), "after": Integer()}, ids="integer", rules=EVERYBODY),
        Collection(name="steps", fields={"title": Text(required=True)}, ids="integer", parent="tasks", rules=EVERYBODY),
        Collection(
            name="diary",
            fields={"text": Text(required=True), "owner": Text(fill="auth.id")},
            rules=Rules(list=OWN, view=OWN, create=OWN, update=OWN, delete=OWN),
        ),
    ],
    channels=[
        Channel("room/{id}", join="true", send="channel.id != 'quiet'", history=5, shows=("name",)),
        Channel("own/{id}", join="auth.id == channel.id", send="true"),
    ],
    settings=Settings(auth=AuthSettings(password_min_length=6)),
)
