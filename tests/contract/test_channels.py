"""The declaration of channels, and the names that it covers."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.channels import Channel
from hinterland.kit.cel.types import INT, STRING


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("room/{id}", "room/42", {"id": "42"}),
        ("room/{id}", "room/a b:ü", {"id": "a b:ü"}),
        ("room/{id}", "room/", None),
        ("room/{id}", "room", None),
        ("room/{id}", "room/1/2", None),
        ("room/{id}", "hall/1", None),
        ("room/{id}", "room/a\n", None),
        ("room/{id}", "room/" + "x" * 129, None),
        ("n/{id:int}", "n/42", {"id": 42}),
        ("n/{id:int}", "n/042", None),
        ("n/{id:int}", "n/-1", None),
        ("n/{id:int}", "n/٤", None),
        ("n/{id:int}", "n/" + "9" * 16, None),
        ("{a}/x/{b}", "1/x/2", {"a": "1", "b": "2"}),
        ("news", "news", {}),
        ("news", "News", None),
    ],
)
def test_names(path: str, name: str, values: dict[str, Any] | None) -> None:
    """A name is covered where each of its parts is, and has what is in the braces."""
    assert Channel(path).values_of(name) == values


def test_types() -> None:
    """What a name has in the braces is a text, or an integer where that is declared."""
    channel = Channel("a/{one}/{two:int}")
    assert channel.parameters == {"one": STRING, "two": INT}
    assert channel.form == Channel("a/{x}/{y:int}").form != Channel("a/{x}/{y}").form


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"path": ""}, "can't be a part of its path"),
        ({"path": "a//b"}, "can't be a part of its path"),
        ({"path": "/a"}, "can't be a part of its path"),
        ({"path": "a/{Id}"}, "can't be a part of its path"),
        ({"path": "a/{id:text}"}, "can't be a part of its path"),
        ({"path": "a/x{id}"}, "can't be a part of its path"),
        ({"path": "{a}/{a}"}, "two parameters have the same name"),
        ({"path": "a/" * 8 + "a"}, "it has 9 parts; use at most 8"),
        ({"path": "a", "history": -1}, "history is -1"),
        ({"path": "a", "history": 1_001}, "history is 1001"),
        ({"path": "a", "history_days": 0}, "history_days is 0"),
        ({"path": "a", "history_days": float("nan")}, "history_days is nan"),
        ({"path": "a", "shows": "name"}, "shows must be a list of names"),
    ],
)
def test_refused_declarations(declared: dict[str, Any], message: str) -> None:
    """A declaration that can't be used names the channel and what is wrong."""
    with pytest.raises(ValueError, match=message) as error:
        Channel(**declared)
    assert repr(declared["path"]) in str(error.value)
