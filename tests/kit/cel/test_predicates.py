"""The Python function: the third value, wrong kinds of values, and keys for groups of callers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import Predicate, allows, predicate, read_key
from hinterland.kit.cel.types import STRING
from tests.kit.cel.expressions import Expression, checked, expressions
from tests.kit.cel.schema import AUTH, AUTH_FIELDS, ENVIRONMENT, FIELDS, OLD, RECORDS


def compiled(source: str) -> Predicate:
    """The function of a rule."""
    return predicate(check(parse(source), ENVIRONMENT))


def answer(source: str, record: Mapping[str, Any], auth: object = None, old: object = None) -> bool | None:
    """What a rule answers."""
    return compiled(source)({"record": record, "auth": auth, "old": old})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true || record.id == 'x'", True),
        ("record.id == 'x' || true", True),
        ("false && record.id == 'x'", False),
        ("record.id == 'x' && false", False),
        ("record.id == 'x' || false", None),
        ("true && record.id == 'x' && true", None),
        ("record.id == 'x' || false || true", True),
        ("!(record.id == 'x')", None),
        ("record.id != 'x'", None),
        ("record.open ? true : true", None),
        ("true ? true : record.open", True),
        ("has(record.id)", False),
        ("!has(record.id)", True),
        ("record.id == null", True),
        ("record.id != null", False),
        ("record != null", True),
        ("auth == null", True),
        ("auth.id == null", None),
        ("has(auth.id)", None),
        ("auth.id == 'x'", None),
        ("'x' in auth.roles", None),
        ("'x' in record.tags", None),
        ("record.id in []", None),
        ("'x' in ['x', record.id]", None),
        ("'x' in ['x']", True),
        ("record.tags.all(t, true)", None),
        ("record.tags.size() == 0", None),
        ("record.tags[0] == 'x'", None),
        ("1 / 0 == 0", None),
        ("1 % 0 == 0", None),
        ("-7 / 2 == -3 && -7 % 2 == -1 && 7 / -2 == -3 && 7 % -2 == 1", True),
        ("9223372036854775807 + 1 > 0", None),
        ("-9223372036854775808 - 1 < 0", None),
        ("9223372036854775807 * 2 > 0", None),
        ("-9223372036854775808 / -1 > 0", None),
        ("-9223372036854775808 % -1 == 0", None),
        ("-(-9223372036854775808) > 0", None),
        ("1.0 / 0.0 > 0.0", None),
        ("0.5 + 0.25 == 0.75 && 3.0 / 2.0 == 1.5", True),
        ("int(1e30) > 0", None),
        ("int(-1.9) == -1", True),
        ("string(12) == '12' && string(true) == 'true' && string(false) == 'false'", True),
        ("'ÄbC'.lowerAscii() == 'Äbc' && 'äbC'.upperAscii() == 'äBC'", True),
        ("'a😀'.size() == 2", True),
        ("'\\uffff' < '😀'", True),
        ("'abc'.startsWith('') && 'abc'.endsWith('') && 'abc'.contains('')", True),
        ("'\U0010ffff'.startsWith('\U0010ffff')", True),
        ("9007199254740993 > 9007199254740992", True),
        ("[1, 2].exists(n, n == 2) && ![1, 2].all(n, n == 2) && [1, 2].all(n, n > 0)", True),
        ("[1, 0].exists(n, 1 / n == 1)", True),
        ("[0, 2].exists(n, 1 / n == 1)", None),
        ("[1, 2] + [3] == [1, 2, 3] && [1] != [2] && [[1], [2]] == [[1], [2]] && [] == []", True),
        ("record.tags == ['a']", None),
        ("18446744073709551615u / 2u == 9223372036854775807u && 0xFFu == 255u", True),
        ("0u - 1u == 0u", None),
        ("18446744073709551615u + 1u == 0u", None),
        ("b'a' < b'b' && b'' < b'a' && b'\\xff' > b'a' && b'a' + b'b' == b'ab'", True),
        ("timestamp('2026-01-02T03:04:05Z').getHours('Europe/Rome') == 4", True),
        ("timestamp('2026-01-02T03:04:05Z').getHours('Nowhere/Town') == 4", None),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s') > timestamp('2026-01-02T03:04:05Z')", None),
        ("duration('1h') + duration('30m') == duration('1.5h')", True),
        ("int('9223372036854775808') > 0", None),
        ("string(-0.0045) == '-0.0045' && double('1e3') == 1000.0", True),
        ("base64.decode('aGk') == b'hi' && string(b'hi') == 'hi'", True),
        ("[0, 2].all(n, 1 / n == 1)", False),
        ("[1, 0].all(n, 1 / n == 1)", None),
    ],
)
def test_errors_are_a_third_value(source: str, expected: bool | None) -> None:
    """What has no value and what cannot be computed is an error, and only && || and ?: can do without it."""
    assert answer(source, {}) is expected


WRONG: dict[str, list[Any]] = {
    "id": [1, True, ["a"], {}],
    "count": ["1", 1.0, True, 2**53, -(2**53)],
    "big": ["x", "01", "+1", "1_0", " 1", "１", "", "9223372036854775808", "9" * 5000, 1.5, True, 2**63],
    "price": ["1", True, float("nan"), float("inf"), 10**400],
    "open": [1, "true", 0],
    "at": [1, None, True],
    "blob": [1, []],
    "tags": ["a", {"a": 1}, 1],
}
COMPARED = {
    "id": "record.id {} 'a'",
    "count": "record.count {} 1",
    "big": "record.big {} 1",
    "price": "record.price {} 1.0",
    "open": "record.open {} true",
    "at": "record.at {} timestamp('2026-01-02T03:04:05Z')",
    "blob": "record.blob {} b'a'",
    "tags": "record.tags.size() {} 1",
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in WRONG for value in WRONG[field]])
def test_a_value_of_another_kind_denies_negated_or_not(field: str, value: object) -> None:
    """A field without a value, or with one of another kind, is an error in every comparison and its negation."""
    for record in ({field: value}, {field: None}, {}):
        for operator in ("==", "!="):
            source = COMPARED[field].format(operator)
            for rule in (source, f"!({source})", f"!!({source})"):
                assert answer(rule, record) is None
                assert not allows(compiled(rule), {"record": record})


@pytest.mark.parametrize(
    "rule", ["'a' in record.tags", "record.tags.exists(t, t == 'a')", "record.tags.all(t, t == 'a')"]
)
def test_a_list_of_another_kind_denies_negated_or_not(rule: str) -> None:
    """What should be a list and is none is an error, whatever is asked of it."""
    for value in ("a", {"a": 1}, 1, None):
        assert answer(rule, {"tags": value}) is None
        assert answer(f"!({rule})", {"tags": value}) is None


def test_elements_of_another_kind_are_not_taken_for_equal() -> None:
    """True is not 1, and an integer is its text only where documents hold it as text."""
    assert answer("1 in record.counts", {"counts": [True, "1"]}) is False
    assert answer("true in record.flags", {"flags": [1, True]}) is True
    assert answer("1 in record.bigs", {"bigs": ["1"]}) is True
    assert answer("1.0 in record.prices", {"prices": [1]}) is True
    assert answer("record.counts[0] == 1", {"counts": [True]}) is None
    assert answer("record.counts.exists(n, n == 1)", {"counts": [True]}) is None


def test_documents_of_any_parser_are_understood() -> None:
    """A double may come as an int, a list as a tuple, an object as any mapping."""
    record = MappingProxyType({"price": 3, "tags": ("a", "b"), "big": 5, "id": "x"})
    assert answer("record.price / 2.0 == 1.5 && 'a' in record.tags && record.big == 5 && has(record.id)", record)
    assert answer("auth.id == 'x'", {}, MappingProxyType({"id": "x"})) is True


@pytest.mark.parametrize("auth", ["x", 1, ["id"], True])
def test_a_variable_of_another_kind_denies(auth: object) -> None:
    """What should be an object and is none has no fields."""
    assert answer("auth.id == 'x' || has(auth.id) || auth.level > 1", {}, auth) is None


def test_variables_may_be_left_out() -> None:
    """A variable that is not given is null."""
    assert compiled("old == null && auth == null")({}) is True
    assert compiled("record.id == 'a'")({}) is None


def test_only_true_allows() -> None:
    """False and error both deny."""
    assert allows(compiled("true"), {})
    assert not allows(compiled("false"), {})
    assert not allows(compiled("record.open"), {})


def test_a_predicate_is_a_bool() -> None:
    """A tree of another type is none."""
    tree = check(parse("record.id"), ENVIRONMENT, STRING)
    with pytest.raises(ValueError, match="a predicate is a bool, this is a string"):
        predicate(tree)


def test_the_keys_of_callers_tell_apart_what_the_rule_tells_apart() -> None:
    """Equal keys for equal answers: only what is read counts, and its kind does."""
    tree = check(parse("auth != null && auth.id == record.id && 'a' in auth.roles"), ENVIRONMENT)
    key = read_key(tree, "auth")
    same = [{"id": "x", "roles": ["a"], "level": level} for level in (1, 2)]
    others: list[Any] = [
        None,
        {"id": "y", "roles": ["a"]},
        {"id": "x", "roles": []},
        {"id": "x"},
        {"id": 1, "roles": ["a"]},
    ]
    others += [{"id": True, "roles": ["a"]}, {"id": {"a": 1}, "roles": ["a"]}, {"roles": ["a"]}, "x", 1]
    assert key({"auth": same[0]}) == key({"auth": same[1]})
    keys = [key({"auth": auth}) for auth in (same[0], *others)]
    assert len(set(keys)) == len(keys)
    assert read_key(tree, "old")({"old": {"id": "x"}}) == ()


def test_keys_tell_null_from_an_object_without_the_field() -> None:
    """A test for null is an error in one and true in the other."""
    key = read_key(check(parse("auth.id == null"), ENVIRONMENT), "auth")
    assert key({"auth": None}) != key({"auth": {}})
    assert key({"auth": {}}) == key({"auth": {"id": None}})


@st.composite
def callers(draw: st.DrawFn) -> list[Any]:
    """Two callers who differ in little, or in everything."""
    first, second = draw(AUTH), draw(AUTH)
    if first is None or second is None:
        return [first, draw(st.sampled_from([second, {}]))]
    changed = draw(st.sets(st.sampled_from(list(AUTH_FIELDS)), max_size=3))
    return [first, first | {name: second.get(name) for name in changed}]


@given(rule=expressions(), record=RECORDS, auths=callers(), old=OLD)
def test_callers_with_equal_keys_get_equal_answers(rule: Expression, record: Any, auths: list[Any], old: Any) -> None:
    """A rule may be evaluated once for all callers that are alike in what it reads."""
    for _, tree in checked([rule]):
        key, test = read_key(tree, "auth"), predicate(tree)
        given = [{"record": record, "auth": auth, "old": old} for auth in auths]
        if hash(key(given[0])) == hash(key(given[1])) and key(given[0]) == key(given[1]):
            assert test(given[0]) == test(given[1])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, "9" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(rule=expressions(), record=st.fixed_dictionaries(dict.fromkeys(FIELDS, ANYTHING)), auth=ANYTHING)
def test_no_document_makes_a_predicate_fail(rule: Expression, record: dict[str, Any], auth: Any) -> None:
    """Whatever stands in a document, the answer is true, false or error; nothing is raised."""
    for _, tree in checked([rule]):
        assert predicate(tree)({"record": record, "auth": auth, "old": record}) in (True, False, None)
