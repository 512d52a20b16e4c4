"""What the field trip needs: cars and airports, about which every signed-in user may write notes."""

from __future__ import annotations

from hinterland.contract import Collection, Integer, Number, Rules, Text, users
from hinterland.server import App, AuthSettings, Settings

# Notes and sightings may be added; what a thing is called is not the traveller's to change.
RULES = Rules(list="true", view="true", create="auth != null", update="auth != null && record.name == old.name")
NOTES = {"note": Text(), "sightings": Integer(default=0, minimum=0, merge="counter")}

app = App(
    name="field trip",
    collections=[
        users(),
        Collection(
            name="cars",
            fields={
                "name": Text(required=True, index=True),
                "miles_per_gallon": Number(),
                "cylinders": Integer(),
                "displacement": Number(),
                "horsepower": Integer(),
                "weight_in_lbs": Integer(),
                "acceleration": Number(),
                "year": Text(),
                "origin": Text(index=True),
                **NOTES,
            },
            rules=RULES,
        ),
        Collection(
            name="airports",
            fields={
                "iata": Text(required=True, unique=True),
                "name": Text(required=True),
                "city": Text(),
                "state": Text(index=True),
                "country": Text(),
                "latitude": Number(),
                "longitude": Number(),
                **NOTES,
            },
            rules=RULES,
        ),
    ],
    settings=Settings(auth=AuthSettings(password_min_length=6)),
)
