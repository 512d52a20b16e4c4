"""The backend of a hundred tutorials: users and posts, open to everybody, with integer ids.

Open means open: everybody who reaches it reads and changes everything. For real rules, see `examples/shop/app.py`.
Clients of json-server and the simple REST data providers of admin frameworks work with it unchanged.
"""

from __future__ import annotations

from hinterland.contract import EVERYBODY, Collection, Integer, Text, users
from hinterland.server import App, AuthSettings, Settings

app = App(
    name="tutorial",
    collections=[
        users(fields={"username": Text(max_length=100)}, rules=EVERYBODY, ids="integer", email_read="true"),
        Collection(
            name="posts",
            fields={
                "title": Text(required=True, max_length=300),
                "body": Text(),
                "user_id": Integer(index=True),
            },
            rules=EVERYBODY,
            ids="integer",
        ),
    ],
    settings=Settings(auth=AuthSettings(password_min_length=6, refuse_common_passwords=False)),
)
