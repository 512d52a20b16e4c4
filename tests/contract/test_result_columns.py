"""The columns of a result of aggregates."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.contract.aggregation import Aggregation
from hinterland.contract.fields import Boolean, Date, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import Collection
from hinterland.contract.result_columns import MAX_COLUMNS, columns_of, having_of, order_of
from hinterland.kit.cel.predicates import predicate
from tests.server.refused import refused

SALES = Collection(
    name="sales",
    fields={
        "category": Text(), "price": Number(), "pieces": Integer(), "big": Int64(), "paid": Boolean(), "at": Instant(),
        "day": Date(),
        "tags": List(of=Text()), "more": Json(), "count": Integer(), "sum": Text(),
    },
)  # fmt: skip


def test_the_columns_of_the_result() -> None:
    """Groups first, then values in a fixed order, each column once, whatever is asked for twice."""
    asked = Aggregation(
        group=("category", "at:month", "category"), max=("at",), count=("*", "tags", "distinct:paid"),
        sum=("pieces", "big"), avg=("price",), min=("paid",),
    )  # fmt: skip
    found = columns_of(SALES, asked)
    assert [column.name for column in found] == [
        "category", "at_month", "count", "count_tags", "count_distinct_paid", "sum_pieces", "sum_big", "avg_price",
        "min_paid", "max_at",
    ]  # fmt: skip
    assert [column.name for column in columns_of(SALES, Aggregation())] == ["count"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"group": ("categry",)}, "group: unknown field 'categry'; allowed: category, "),
        ({"group": ("tags",)}, r"group: tags is of kind List\(of=Text\), which has no order; allowed: category, "),
        ({"group": ("day:hour",)}, "group: day has no part 'hour'; allowed: day:year, day:month"),
        ({"group": ("at:week",)}, "group: at has no part 'week'; allowed: at:year, at:month, at:day, at:hour"),
        ({"group": ("price:day",)}, "group: price has no part 'day'; only times and dates have parts"),
        ({"count": ("x",)}, r"count: unknown field 'x'; allowed: \*, "),
        ({"count": ("distinct:more",)}, "count: more is of kind Json, which"),
        ({"sum": ("category",)}, "sum: category is a string, not a number; allowed: price, "),
        ({"avg": ("at",)}, "avg: at is a timestamp, not a number; allowed: "),
        ({"min": ("",)}, "min: unknown field ''"),
        ({"group": ("count",), "count": ("*",)}, r"two columns of the result are called count; count=id counts"),
    ],
)
def test_columns_that_are_none(asked: dict[str, Any], message: str) -> None:
    """What a field does not have is refused with the names that are allowed."""
    with refused("invalid_query", message):
        columns_of(SALES, Aggregation(**asked))


def test_names_in_having() -> None:
    """A name that is no column is refused with those that are."""
    columns = columns_of(SALES, Aggregation(group=("category",), count=("*",)))
    with refused(
        "invalid_query", 'over the columns category, count: unknown variable "total"; known: category, count '
    ):
        having_of(columns, "total > 1")


def test_too_many_columns() -> None:
    """A result has a bounded number of columns."""
    wide = Collection(name="wide", fields={f"f{number}": Integer() for number in range(MAX_COLUMNS + 1)})
    with refused("invalid_query", "the result has 33 columns; ask for at most 32"):
        columns_of(wide, Aggregation(sum=tuple(wide.fields)))


def test_the_order() -> None:
    """Rows are sorted by columns of the result; those of the groups follow, so that no two rows are equal."""
    columns = columns_of(SALES, Aggregation(group=("category", "paid"), count=("*",)))
    assert order_of(columns, ()) == [(0, False), (1, False)]
    assert order_of(columns, ("-count", "paid", "-paid")) == [(2, True), (1, False), (0, False)]
    with refused("invalid_query", "sort: the result has no column 'pied'; it has paid, "):
        order_of(columns, ("pied",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count > 2", True), ("count > 3 || category == 'a'", True), ("sum_price >= 1.5 && sum_price < 2", True),
        ("category == null", False), ("[1, 3].exists(n, n == count)", True), ("category in ['a', 'b']", True),
        ("has(category)", True), ("at_month.startsWith('2026')", True), ("sum_price", None), ("cuont > 1", None),
        ("auth == null", None), ("record.count > 1", None), ("count >", None), ("true || " * 600 + "true", None),
    ],
)  # fmt: skip
def test_having(text: str, expected: bool | None) -> None:
    """`having` reads the columns of the result as variables, and nothing else."""
    columns = columns_of(SALES, Aggregation(group=("category", "at:month"), count=("*",), sum=("price",)))
    row = {"category": "a", "at_month": "2026-01", "count": 3, "sum_price": 1.5}
    if expected is None:
        with refused("invalid_query", "having"):
            having_of(columns, text)
        return
    having = having_of(columns, text)
    assert predicate(having.tree)({having.variable: row}) is expected


@pytest.mark.parametrize(
    ("asked", "value", "shown"),
    [
        ({"sum": ("pieces",)}, 2**53 - 1, 2**53 - 1), ({"sum": ("big",)}, 2**53, "9007199254740992"),
        ({"max": ("big",)}, -(2**63), "-9223372036854775808"), ({"min": ("paid",)}, 0, False),
        ({"avg": ("pieces",)}, 2, 2.0), ({"sum": ("price",)}, None, None), ({"group": ("at",)}, "2026", "2026"),
    ],
)  # fmt: skip
def test_values_as_json(asked: dict[str, Any], value: Any, shown: Any) -> None:
    """Values have the JSON form of their field's kind: exact for every reader."""
    [column] = columns_of(SALES, Aggregation(**asked))
    found = column.shown(value)
    assert (found, type(found)) == (shown, type(shown))
    assert msgspec.json.decode(msgspec.json.encode(found)) == shown


@pytest.mark.parametrize(
    ("asked", "value", "message"),
    [
        ({"sum": ("pieces",)}, 2**53, "sum_pieces of a group is beyond .*declare the field as Int64"),
        ({"sum": ("big",)}, 2**63, "sum_big of a group is beyond 64 bits"),
        ({"sum": ("price",)}, float("inf"), "sum_price of a group is beyond a double"),
        ({"avg": ("price",)}, float("nan"), "avg_price of a group is beyond a double"),
    ],
)
def test_values_that_json_does_not_hold(asked: dict[str, Any], value: Any, message: str) -> None:
    """A number that some reader would take for another one is refused with what to do."""
    [column] = columns_of(SALES, Aggregation(**asked))
    with refused("invalid_query", message):
        column.shown(value)
