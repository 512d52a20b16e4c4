"""JSON Patch: the cases of RFC 6902's appendix A, and what ends a patch."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.json_patch import COPIED_BYTES, MAX_OPERATIONS, operations, patched
from hinterland.contract.values import is_same
from tests.server.refused import refused
from tests.support.npm import install
from tests.support.required import require_node

SUITE = Path(__file__).with_name("json_patch_cases")


def applied(document: Any, patch: Any) -> Any:
    """The document after a patch, or the code of the refusal that ended it."""
    try:
        return patched(json.loads(json.dumps(document)), operations(patch))
    except Refusal as refusal:
        return refusal.code


# RFC 6902, appendix A: the number, the document, the patch, and the result or how it ends.
APPENDIX: list[tuple[str, Any, list[dict[str, Any]], Any]] = [
    ("A.1", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ("A.2", {"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ("A.3", {"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ("A.4", {"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ("A.5", {"baz": "qux", "foo": "bar"}, [{"op": "replace", "path": "/baz", "value": "boo"}],
     {"baz": "boo", "foo": "bar"}),
    ("A.6", {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
     [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
     {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
    ("A.7", {"foo": ["all", "grass", "cows", "eat"]}, [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
     {"foo": ["all", "cows", "eat", "grass"]}),
    ("A.8", {"baz": "qux", "foo": ["a", 2, "c"]},
     [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
     {"baz": "qux", "foo": ["a", 2, "c"]}),
    ("A.9", {"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}], "stale"),
    ("A.10", {"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
     {"foo": "bar", "child": {"grandchild": {}}}),
    ("A.11", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}], {"foo": "bar", "baz": "qux"}),
    ("A.12", {"foo": "bar"}, [{"op": "add", "path": "/baz/bat", "value": "qux"}], "conflict"),
    ("A.14", {"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ("A.15", {"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": "10"}], "stale"),
    ("A.16", {"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
     {"foo": ["bar", ["abc", "def"]]}),
]  # fmt: skip
# A.13, a member that is there twice, is refused as any JSON with such names (RFC 8259 §4).


@pytest.mark.parametrize(("document", "patch", "expected"), [row[1:] for row in APPENDIX], ids=[r[0] for r in APPENDIX])
def test_the_examples_of_the_standard(document: Any, patch: Any, expected: Any) -> None:
    """Each example of the standard's appendix ends as it says there."""
    assert applied(document, patch) == expected


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": None}, [{"op": "replace", "path": "/a", "value": 1}], {"a": 1}),
        ({"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": [1]}], [1]),
        ({"a": 1}, [{"op": "remove", "path": ""}], None),
        ({"": 1}, [{"op": "remove", "path": "/"}], {}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/a/c"}], {"a": {"b": 1, "c": {"b": 1}}}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a"}], {"a": 1}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/1", "value": 3}], {"a": [1, 3]}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1.0}], {"a": 1}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": True}], "stale"),
        ({"a": {"x": 1, "y": 2}}, [{"op": "test", "path": "/a", "value": {"y": 2, "x": 1}}], {"a": {"x": 1, "y": 2}}),
        ({"a": []}, [{"op": "remove", "path": "/a/-"}], "conflict"),
        ({"a": [1]}, [{"op": "add", "path": "/a/2", "value": 1}], "conflict"),
        ({"a": [1]}, [{"op": "replace", "path": "/a/1", "value": 1}], "conflict"),
        ({"a": [1, 2]}, [{"op": "test", "path": "/a/01", "value": 2}], "conflict"),
        ({"a": [1]}, [{"op": "test", "path": "/a/1e0", "value": 1}], "conflict"),
        ({"a": "text"}, [{"op": "add", "path": "/a/0", "value": 1}], "conflict"),
        ({}, [{"op": "remove", "path": "/a"}], "conflict"),
        ({}, [{"op": "test", "path": "/a", "value": None}], "conflict"),
        ({}, [{"op": "copy", "from": "/a", "path": "/b"}], "conflict"),
    ],
)
def test_single_operations(document: Any, patch: Any, expected: Any) -> None:
    """What an operation needs is there, or the patch ends with a conflict; an index has no leading zeros."""
    assert applied(document, patch) == expected


@pytest.mark.parametrize(
    ("patch", "place"),
    [
        ({}, "the patch"),
        ([1], "[0]"),
        ([{}], "[0].op"),
        ([{"op": "spam", "path": "/a"}], "[0].op"),
        ([{"op": ["add"], "path": "/a"}], "[0].op"),
        ([{"op": "add", "value": 1}], "[0].path"),
        ([{"op": "add", "path": "a", "value": 1}], "[0].path"),
        ([{"op": "add", "path": 1, "value": 1}], "[0].path"),
        ([{"op": "add", "path": "/~2", "value": 1}], "[0].path"),
        ([{"op": "add", "path": "/~", "value": 1}], "[0].path"),
        ([{"op": "remove", "path": "/a"}, {"op": "test", "path": "/a"}], "[1].value"),
        ([{"op": "copy", "path": "/a"}], "[0].from"),
        ([{"op": "move", "from": "/a", "path": "/a/b"}], "[0].from"),
        ([{"op": "remove", "path": "/a"}] * (MAX_OPERATIONS + 1), "the patch"),
    ],
)
def test_malformed_patches(patch: Any, place: str) -> None:
    """A patch that is malformed is refused by the place of what is wrong, before any of it is done."""
    with refused("invalid_body") as caught:
        operations(patch)
    assert caught.value.message.startswith(f"{place}:")


def test_values_are_not_shared() -> None:
    """A value that is copied, or added twice, is changed in one place only."""
    patch = [
        {"op": "add", "path": "/a", "value": {"x": []}},
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "add", "path": "/b/x/-", "value": 1},
    ]
    asked = operations(patch)
    assert patched({}, asked) == patched({}, asked) == {"a": {"x": []}, "b": {"x": [1]}}


def test_copies_are_bounded() -> None:
    """Copies of copies, which double the document with each operation, end at a bound."""
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(64)]
    assert applied({"a": {"text": "x" * 100}}, doubling) == "too_large"
    assert applied({"a": "x" * (COPIED_BYTES - 2)}, [{"op": "copy", "from": "/a", "path": "/b"}]) != "too_large"


def test_the_public_cases() -> None:
    """Every case of json-patch-tests (npm `json-patch-test-suite`) has its result, or is refused where it must fail.

    One case writes `op` twice in an operation, which Python's reader of JSON does not keep; it is left out.
    """
    require_node()
    install(SUITE)
    files = [SUITE / "node_modules" / "json-patch-test-suite" / f"{name}.json" for name in ("spec_tests", "tests")]
    cases = [case for file in files for case in json.loads(file.read_text()) if case.get("comment") != "duplicate ops"]
    assert len(cases) == 94
    wrong = []
    for case in cases:
        try:
            result, is_refused = patched(copy.deepcopy(case["doc"]), operations(case["patch"])), False
        except Refusal:
            result, is_refused = None, True
        if is_refused != ("error" in case) or not (is_refused or is_same(result, case.get("expected", result))):
            wrong.append(case)
    assert wrong == []
