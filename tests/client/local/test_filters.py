from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from hinterland.client.local.filters import Test, annotated, checked_filter, filter_of_documents, guessed, predicate_of
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import Types
from hinterland.kit.cel.types import STRING, ListType


def compiled(filter: str, fields: Types) -> Test:
    return predicate_of(checked_filter(filter, fields))


def compiled_for(filter: str, documents: list[dict[str, Any]], fields: Types | None = None) -> Test:
    return predicate_of(filter_of_documents(filter, documents, fields))


class Thing(msgspec.Struct):
    id: str | int
    name: str
    price: float | None = None
    at: datetime | None = None
    tags: list[str] = []
    anything: Any = None
    nothing: None = None


def test_types_of_a_struct() -> None:
    """The app's record type tells the types; an id that may still be temporary counts as text."""
    found = annotated(Thing)
    assert found is not None
    assert [str(found[name]) for name in ("id", "name", "price", "at", "tags", "anything", "nothing")] == [
        "string", "string", "double", "timestamp", "list(string)", "dyn", "dyn",
    ]  # fmt: skip
    assert annotated(dict) is None


def test_types_of_values() -> None:
    """Without a declaration the records tell: whole numbers beside others are doubles, a mixture has no type."""
    found = guessed(
        [
            {"id": 5, "n": 1, "mix": 1, "tags": ["a"], "same": "x", "odd": [1, "a"], "empty": [], "other": 1},
            {"id": 6, "n": 1.5, "mix": "a", "tags": [], "same": "y", "nothing": None},
        ],
        ["id", "n", "mix", "tags", "same", "odd", "empty", "nothing"],
    )
    assert [str(found[name]) for name in ("id", "n", "mix", "tags", "same", "odd", "empty")] == [
        "int", "double", "dyn", "list(string)", "string", "dyn", "list(string)",
    ]  # fmt: skip
    assert not {"nothing", "other"} & set(found)


def test_what_every_record_has_needs_no_declaration() -> None:
    """A record's own times are moments for a filter, as on the server, though the store holds them as texts."""
    record = {"id": "a", "created_at": "2026-01-02T03:04:05.000006Z", "revision": 1}
    assert compiled_for('record.created_at > timestamp("2026-01-01T00:00:00Z")', [record])(record)
    with pytest.raises(Refusal, match="never compared"):
        compiled_for('record.created_at > "2026"', [record])


@pytest.mark.parametrize("types", [None, {"at": STRING}])
def test_moments_of_undeclared_fields(types: Types | None) -> None:
    """A filter takes a field for instants where its values have their form, whatever type the app gives it, as the
    server would; and still for text where the filter compares text."""
    documents: list[dict[str, Any]] = [{"at": "2026-01-02T03:04:05.000006Z"}, {"at": None}]
    test = compiled_for('record.at > timestamp("2026-01-01T00:00:00Z")', documents, types)
    assert [test(document) for document in documents] == [True, False]
    assert compiled_for('record.at > "2026"', documents, types)(documents[0])
    with pytest.raises(Refusal):
        compiled_for('record.at > timestamp("2026-01-01T00:00:00Z")', [*documents, {"at": "soon"}], types)


@pytest.mark.parametrize("filter", ["record.x > 3", "record.x > 3.5", "record.x == 'a'", "record.x", "has(record.x)"])
@pytest.mark.parametrize("documents", [[], [{"x": None}]])
def test_a_field_without_any_value_fits_every_filter(filter: str, documents: list[dict[str, Any]]) -> None:
    """A filter on a field of which no record has a value finds nothing, and is no mistake."""
    test = compiled_for(filter, documents)
    assert not test({"x": None})


def test_a_mistake_is_a_mistake_for_whatever_type() -> None:
    """A filter that fits no type says why."""
    for text in ("record.x > 'a' && record.x > 3", "record.x >"):
        with pytest.raises(Refusal):
            compiled_for(text, [])


def test_a_filter_lets_only_true_through() -> None:
    """A record without the value is an error for the comparison, and not in the answer."""
    test = compiled("record.price > 3.0 && 'a' in record.tags", annotated(Thing) or {})
    assert test({"price": 4.0, "tags": ["a"]})
    assert not test({"price": None, "tags": ["a"]})
    assert not test({"price": 4, "tags": []})


@pytest.mark.parametrize("filter", ["record.price >", "record.unknown == 1", "record.price", "record.name > 3"])
def test_a_filter_that_can_not_be_used_says_why(filter: str) -> None:
    """A filter with a mistake raises invalid_query with the words of the checker."""
    with pytest.raises(Refusal) as caught:
        compiled(filter, annotated(Thing) or {})
    assert caught.value.code == "invalid_query"


def test_a_large_record_is_found() -> None:
    """What a filter may cost on a server is no bound on a device: a record is not missing since it is large."""
    fields = {"tags": ListType(STRING), "text": STRING}
    test = compiled("record.tags.exists(tag, (tag + record.text).endsWith('z'))", fields)
    assert test({"tags": ["a"] * 2_000, "text": "b" * 20_000 + "z"})
    assert test({"tags": ["a"] * 100_000 + ["z"], "text": "z"})
