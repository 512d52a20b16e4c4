"""Texts that would grow without end are refused where a database would hold them."""

from __future__ import annotations

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.dialects import SQLITE
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.growth import check_growth
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.sql import to_sql
from tests.kit.cel.engines import column
from tests.kit.cel.schema import ENVIRONMENT

GROWING = [
    "record.tags" + ".map(x, x + x)" * 13 + ".exists(x, x == '')",
    "strings.quote(" * 14 + "record.id" + ")" * 14 + " == ''",
    "strings.quote(" * 30 + "'\"'" + ")" * 30 + " == record.id",
    "[record.id].exists(x, [x + x].exists(y, [y + y].exists(z, " + "+".join(["z.replace('', z)"] * 6) + " == '')))",
]
FITTING = [
    "record.id == " + " + ".join(["record.key"] * 60),
    "record.id.replace(record.key, record.value).replace('a', record.id) == ''",
    "record.tags" + ".map(x, x.lowerAscii().trim())" * 20 + ".exists(x, x == '')",
    "record.tags.map(x, x + x).map(x, x + x).join(record.id) == ''",
    "strings.quote(strings.quote(record.id)) == ''",
    "record.counts" + ".map(n, n + n)" * 20 + ".exists(n, n == 0)",
]


@pytest.mark.parametrize("source", GROWING)
def test_texts_that_double(source: str) -> None:
    """A text that doubles again and again is refused when the condition is compiled, by the part that is too long."""
    with pytest.raises(CelError, match="may become too long a text"):
        to_sql(check(parse(source), ENVIRONMENT), SQLITE, column)


@pytest.mark.parametrize("source", FITTING)
def test_texts_that_grow_a_little(source: str) -> None:
    """Texts may be joined and replaced as far as a database can hold them; numbers do not grow."""
    check_growth(check(parse(source), ENVIRONMENT))
