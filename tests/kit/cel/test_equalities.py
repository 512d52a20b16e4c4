"""What an expression needs of a record, as equalities."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.equalities import MOST_ELEMENTS, Equality, equalities, lightest, values_of
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from tests.kit.cel.expressions import Expression, checked, expressions
from tests.kit.cel.schema import AUTH, ENVIRONMENT, OLD, RECORDS

ADA = {"id": "ada", "roles": ["staff", "b", 7], "level": 2, "trusted": True, "limits": ["5", "05"]}


def one(equality: Equality) -> int:
    return 1


def needed(source: str, auth: Any = None) -> set[tuple[str, object]] | None:
    """What an expression needs, by the names of the fields; None: it is not known."""
    found = equalities(check(parse(source), ENVIRONMENT), "record", {"auth": ADA if auth is None else auth}, one)
    return None if found is None else {(".".join(each.field.fields), each.value) for each in found}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("record.id == 'x'", {("id", "x")}), ("auth.id == record.id", {("id", "ada")}),
        ("record.count == 2.0", {("count", 2)}), ("record.open", {("open", True)}), ("!record.open", {("open", False)}),
        ("record.count == auth.level + 1", {("count", 3)}), ("auth.id in record.tags", {("tags", "ada")}),
        ("record.id in ['x', 'y']", {("id", "x"), ("id", "y")}), ("record.count in auth.limits", {("count", 5)}),
        ("record.id in auth.roles", {("id", "staff"), ("id", "b")}), ("record.id in [auth.id]", {("id", "ada")}),
        ("record.id == 'x' || auth.id in record.tags", {("id", "x"), ("tags", "ada")}),
        ("record.id == 'x' && record.price > 3.0", {("id", "x")}),
        ("'nobody' in auth.roles || record.id == auth.id", {("id", "ada")}),
        ("auth.trusted && record.id == auth.id", {("id", "ada")}), ("!auth.trusted && record.price > 3.0", set()),
        ("record.id == 'x' && (record.open || record.id == 'y' && record.count == 2)", {("id", "x")}),
        ("auth.trusted ? record.id == 'x' : record.price > 3.0", {("id", "x")}),
        ("record.price > 3.0 ? record.id == 'x' : record.id == 'y'", {("id", "x"), ("id", "y")}),
        ("auth.id in ['ada', 'ben'] || record.open", None), ("record.price > 3.0", None), ("record.id != 'x'", None),
        ("record.id == record.value", None), ("record.id in record.tags", None), ("!(record.id == 'x')", None),
        ("record.id == 'x' || record.price > 3.0", None), ("record.id == null", None), ("record.count + 1 == 3", None),
        ("record.id.startsWith('x')", None), ("record.tags.exists(tag, tag == auth.id)", None), ("true", None),
        ("record.id.size() == 1", None), ("record.price > 3.0 ? record.id == 'x' : true", None),
    ],
)  # fmt: skip
def test_equalities(source: str, wanted: set[tuple[str, object]] | None) -> None:
    """Comparisons of a field with what is given are known by its value, `&&` by one of its operands, `||` by all."""
    assert needed(source) == wanted


@pytest.mark.parametrize("source", ["record.id == auth.id", "record.id in auth.roles", "record.count in auth.limits",
                                    "auth.trusted ? record.open : record.atom"])  # fmt: skip
def test_an_error_is_never_true(source: str) -> None:
    """Where what a field is compared with is an error, no record makes the expression true."""
    assert needed(source, {}) == set()


def test_the_least_weight_is_chosen() -> None:
    """Of the operands of `&&`, the one whose equalities weigh the least tells the expression."""
    tree = check(parse("record.open && (record.id == 'x' || record.id == 'y') && record.count == 2"), ENVIRONMENT)
    weights = {"open": 5, "id": 1, "count": 3}
    found = equalities(tree, "record", {}, lambda equality: weights[equality.field.fields[0]])
    assert {each.value for each in found or ()} == {"x", "y"}
    assert lightest([None, None], one) is None


def test_what_costs_too_much_tells_nothing() -> None:
    """What would take long to work out, or to look up, is left to the predicate."""
    long = [f"r{number}" for number in range(MOST_ELEMENTS + 1)]
    assert needed("record.id in auth.roles", {"roles": long}) is None
    assert len(needed("record.id in auth.roles", {"roles": long[1:]}) or ()) == MOST_ELEMENTS
    endless = "auth.roles.all(role, !role.contains('x'))"
    texts = {"roles": ["a" * 1_000_000] * 20}
    assert needed(f"{endless} && record.price > 3.0", texts) is None
    assert needed(f"{endless} ? record.open : record.price > 3.0", texts) is None
    assert needed("record.id == auth.id + auth.id", {"id": "x" * 20_000_000}) is None
    field = next(iter(equalities(check(parse("'x' in record.tags"), ENVIRONMENT), "record", {}, one) or ())).field
    read = values_of(field, "record")
    assert read({"record": {"tags": ["a", 1, None]}}) == ["a"]
    assert read({"record": {"tags": long}}) is None
    assert read({"record": {}}) == []


@given(rule=expressions(), record=RECORDS, auth=AUTH, old=OLD)
def test_what_is_true_has_one_of_its_equalities(rule: Expression, record: Any, auth: Any, old: Any) -> None:
    """No expression is true of a record in which none of its equalities holds."""
    for _, tree in checked([rule]):
        variables = {"record": record, "auth": auth, "old": old}
        found = equalities(tree, "record", {"auth": auth, "old": old}, one)
        if found is not None and predicate(tree)(variables) is True:
            values = {each: values_of(each.field, "record")(variables) for each in found}
            assert any(held is None or each.value in held for each, held in values.items())
