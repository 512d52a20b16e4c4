"""The same app in a later version: notes have a status that is required, and a limit of their title."""

from __future__ import annotations

from hinterland.contract import EVERYBODY, Collection, Text
from hinterland.server import App, AuthSettings, Settings

app = App(
    name="offline",
    collections=[
        Collection(
            name="notes",
            fields={"title": Text(required=True, max_length=10), "status": Text(default="open")},
            rules=EVERYBODY,
        )
    ],
    settings=Settings(auth=AuthSettings(password_min_length=6)),
)
