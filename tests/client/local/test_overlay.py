from __future__ import annotations

from typing import Any

import pytest

from hinterland.client.local.overlay import after, replay
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import Collection, CompiledCollection
from hinterland.contract.values import instant

NOTE = {"id": "a", "created_at": "t", "updated_at": "t", "revision": 7, "text": "old", "count": 2, "tags": ["x"]}
FIELDS: dict[str, Any] = {"text": Text(required=True), "owner": Text(fill="auth.id"), "count": Integer(default=1)}
DECLARED = CompiledCollection(Collection(name="notes", fields=FIELDS))


def write(act: Any, **body: Any) -> Write:
    return Write(act=act, collection="notes", id="a", body=body)


def test_a_created_record_is_whole() -> None:
    """A creation shows at once with its id, times and revision 0; its timestamp is its time."""
    assert after(None, write("create", text="new"), 5.0) == {
        "id": "a", "created_at": instant(5.0), "updated_at": instant(5.0), "revision": 0, "text": "new",
    }  # fmt: skip


def test_a_declared_record_is_completed_as_on_the_server() -> None:
    """Where the declaration is known, defaults and the caller's id are filled in, and what is not valid is refused."""
    record = after(None, write("create", text="new"), 5.0, DECLARED, "ada")
    assert record is not None
    assert (record["owner"], record["count"]) == ("ada", 1)
    with pytest.raises(Refusal, match="text: is required"):
        after(None, write("create"), 5.0, DECLARED)


def test_a_write_of_before_another_declaration() -> None:
    """A write that is kept, and that the declaration no longer allows, shows as it was sent."""
    assert (replay(None, [(write("create", count=7), 5.0)], DECLARED) or {})["count"] == 7
    assert (replay(NOTE, [(write("patch", mood="good"), 5.0)], DECLARED) or {})["mood"] == "good"
    assert replay(None, [(write("patch", text="new"), 5.0)], DECLARED) is None


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"text": "new"}, "text", "new"),
        ({"text": None}, "text", None),
        ({"count": {"$increment": 3}}, "count", 5),
        ({"missing": {"$increment": 3}}, "missing", 3),
        ({"big": {"$increment": 3}}, "big", "12"),
        ({"tags": {"$add": ["y", "x"]}}, "tags", ["x", "y"]),
        ({"tags": {"$remove": ["x"]}}, "tags", []),
        ({"at": {"$now": True}}, "at", instant(9.0)),
        ({"text": {"$$now": 1}}, "text", {"$now": 1}),
        ({"text": {"own": 1}}, "text", {"own": 1}),
        ({"text": {"$own": 1}}, "text", {"$own": 1}),
        ({"any": {"a": None, "b": {"c": 2}}}, "any", {"b": {"c": 2, "d": 1}}),
        ({"any": {"$$now": 1}}, "any", {"a": 1, "b": {"c": 1, "d": 1}, "$now": 1}),
        ({"revision": 99}, "revision", 7),
    ],
)
def test_a_patch_shows_as_the_server_will_do_it(body: dict[str, Any], field: str, value: Any) -> None:
    """Values, transforms and escaped keys of a patch give what the server will give; reserved fields stay."""
    record = after({**NOTE, "big": "9", "any": {"a": 1, "b": {"c": 1, "d": 1}}}, write("patch", **body), 9.0)
    assert record is not None
    assert record[field] == value
    assert record["updated_at"] == instant(9.0)


def test_transforms_are_for_patches() -> None:
    """A creation and a replacement show what they are given as it is."""
    for act, record in (("create", None), ("replace", NOTE)):
        made = after(record, write(act, text={"$now": None}), 9.0)
        assert made is not None
        assert made["text"] == {"$now": None}


def test_a_replaced_record_keeps_no_old_value() -> None:
    """A replacement clears what it leaves out."""
    record = after(NOTE, write("replace", text="new"), 9.0)
    assert record is not None
    assert (record["text"], record["count"], record["created_at"]) == ("new", None, "t")


def test_what_is_impossible_is_refused() -> None:
    """A second creation is a conflict, a change of nothing not found, a transform that does not fit not valid."""
    for record, act, code in (
        (NOTE, "create", "conflict"),
        (None, "patch", "not_found"),
        (None, "delete", "not_found"),
    ):
        with pytest.raises(Refusal) as caught:
            after(record, write(act), 1.0)
        assert caught.value.code == code
    with pytest.raises(Refusal) as caught:
        after(NOTE, write("patch", tags={"$increment": 1}), 1.0)
    assert caught.value.code == "validation"
    with pytest.raises(Refusal) as caught:
        after(NOTE, write("patch", id="another"), 1.0)
    assert caught.value.code == "validation"


def test_the_view_steps_over_what_the_server_has_overtaken() -> None:
    """A write that can no longer be done leaves the record as it is, and those after it are still shown."""
    writes = [(write("create", text="again"), 1.0), (write("patch", count=9), 2.0)]
    assert replay(NOTE, writes) == {**NOTE, "count": 9, "updated_at": instant(2.0)}
    assert replay(NOTE, [(write("delete"), 1.0), (write("patch", count=9), 2.0)]) is None
