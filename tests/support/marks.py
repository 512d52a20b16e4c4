"""An app whose one collection everybody writes: marks, to see which writes have come to stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import httpx2

APP = """
from hinterland.contract import EVERYBODY, Collection, Text
from hinterland.server import App

app = App(collections=[Collection(name="marks", fields={"mark": Text(required=True)}, rules=EVERYBODY)])
"""


def marks_app(folder: Path) -> Path:
    """The app's file, made in a folder."""
    file = folder / "app.py"
    file.write_text(APP)
    return file


@contextmanager
def calling(url: str) -> Iterator[httpx2.Client]:
    """A plain client."""
    with httpx2.Client(base_url=url, timeout=30) as client:
        yield client


def marks(client: httpx2.Client) -> set[str]:
    """The marks that are there."""
    items = client.get("/v1/records/marks?limit=1000").json()["items"]
    return {item["mark"] for item in items}


def check_integrity(data: Path) -> None:
    """The file of an ended server is whole."""
    connection = apsw.Connection(str(data / "data.db"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
