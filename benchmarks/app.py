"""The app file that the measured server runs: three collections with the same fields, and those of related records.

`notes` is written and listened to, `articles` is read, listed and searched, and `drawers`, each record of which has one
owner, grows; its inserts also index the words of a title.
"""

from __future__ import annotations

from benchmarks.related_data import REFERENCES
from hinterland.contract.fields import Boolean, Field, Instant, List, Number, Reference, Text
from hinterland.contract.records import Collection, Rules
from hinterland.server import App, Settings

MEMBER = "auth.id in record.members"
OWN = "auth.id == record.owner"
SIGNED_IN = "auth != null"

FIELDS: dict[str, Field] = {
    "members": List(of=Text(max_length=64), max_items=10),
    "title": Text(max_length=200),
    "rank": Number(index=True),
    "category": Text(max_length=40, index=True),
    "done": Boolean(),
    "due": Instant(),
}

SEARCHED: dict[str, Field] = {**FIELDS, "title": Text(max_length=200, search=True)}

RELATED = [
    Collection(
        name=name,
        fields={
            **{field: FIELDS[field] for field in ("title", "rank", "done")},
            **{field: Reference(to=target) for field, target in references.items()},
        },
        rules=Rules(list=SIGNED_IN, view=SIGNED_IN),
    )
    for name, references in REFERENCES.items()
]

app = App(
    name="benchmark",
    settings=Settings(streams_per_account=10_000),  # few members have all streams
    collections=[
        Collection(name="notes", fields=FIELDS, rules=Rules(list=MEMBER, view=MEMBER, create=MEMBER)),
        Collection(
            name="articles",
            fields=SEARCHED,
            indexes=(("category", "rank"),),
            rules=Rules(list=SIGNED_IN, view=MEMBER, create=MEMBER),
        ),
        Collection(
            name="drawers",
            fields={"owner": Text(max_length=64, index=True), **SEARCHED},
            rules=Rules(list=OWN, view=OWN, create=OWN),
        ),
        *RELATED,
    ],
)
