"""Parts of a statement: SQL text, and functions that bind its parameters for one question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from hinterland.kit.cel.predicates import Variables
from hinterland.kit.cel.sql import Sql
from hinterland.server.data.select.question import Select, Window

Bind = Callable[[Select, Variables], Sequence[Any]]
"""From the question and the variables of rules (the caller's `auth`, and the instant of the request) to the values of
some parameters, in order."""

Gate = Callable[[Select, Variables], bool]
"""Whether the parts of a rule or condition that read nothing of a record are true; asked with the same variables."""


class SqlPart(NamedTuple):
    """A part of a statement; parameters stand as `?`."""

    text: str
    binds: tuple[Bind, ...] = ()


NOTHING = SqlPart("FALSE")


def joined(parts: Iterable[SqlPart], operator: str) -> SqlPart:
    """Parts as one, with `operator`, such as " AND ", between them."""
    found = [*parts]
    return SqlPart(operator.join([part.text for part in found]), tuple([bind for part in found for bind in part.binds]))


def filled(template: str, *parts: SqlPart) -> SqlPart:
    """A template with parts in its `{}`, in order."""
    return SqlPart(
        template.format(*[part.text for part in parts]), tuple([bind for part in parts for bind in part.binds])
    )


def limited(part: SqlPart, window: Window) -> SqlPart:
    """A SELECT of the rows of a window."""
    if window.limit is None:
        return part
    if not window.offset:
        return SqlPart(f"{part.text} LIMIT ?", (*part.binds, lambda select, variables: (select.window.limit,)))
    bind: Bind = lambda select, variables: (select.window.limit, select.window.offset)  # noqa: E731
    return SqlPart(f"{part.text} LIMIT ? OFFSET ?", (*part.binds, bind))


def by_rule(sql: Sql) -> SqlPart:
    """A rule's SQL, whose parameters depend on the caller."""
    if not sql.parameters:
        return SqlPart(f"({sql.text})")
    return SqlPart(f"({sql.text})", (lambda select, variables: sql.bind(variables),))


def gated(gate: Gate) -> SqlPart:
    """A gate as a term of a WHERE."""
    return SqlPart("CAST(? AS boolean)", (lambda select, variables: (gate(select, variables),),))
