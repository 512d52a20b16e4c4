"""Rules and filters: a small, typed Common Expression Language (CEL) with one meaning in Python and both databases.

``check(parse('auth.id == record.author'), Environment({...}))`` gives a checked tree; ``predicate(tree)`` makes a
Python function of it, ``to_sql(tree, SQLITE, …)`` an SQL condition, ``explain(tree, variables)`` says which part
refused. Values are true, false or *error*; error is what reading a field without a value gives, and it denies.
"""

from __future__ import annotations

from hinterland.kit.lazy_face import offer

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this

if TYPE_CHECKING:
    from hinterland.kit.cel.checking import check as check
    from hinterland.kit.cel.conditions import Condition as Condition
    from hinterland.kit.cel.conditions import and_ as and_
    from hinterland.kit.cel.conditions import cel as cel
    from hinterland.kit.cel.conditions import eq as eq
    from hinterland.kit.cel.conditions import ge as ge
    from hinterland.kit.cel.conditions import gt as gt
    from hinterland.kit.cel.conditions import has as has
    from hinterland.kit.cel.conditions import in_ as in_
    from hinterland.kit.cel.conditions import le as le
    from hinterland.kit.cel.conditions import lt as lt
    from hinterland.kit.cel.conditions import ne as ne
    from hinterland.kit.cel.conditions import not_ as not_
    from hinterland.kit.cel.conditions import or_ as or_
    from hinterland.kit.cel.dialects import POSTGRES as POSTGRES
    from hinterland.kit.cel.dialects import SQLITE as SQLITE
    from hinterland.kit.cel.errors import CelError as CelError
    from hinterland.kit.cel.explaining import explain as explain
    from hinterland.kit.cel.explaining import refusing as refusing
    from hinterland.kit.cel.parser import parse as parse
    from hinterland.kit.cel.predicates import allows as allows
    from hinterland.kit.cel.predicates import predicate as predicate
    from hinterland.kit.cel.predicates import read_key as read_key
    from hinterland.kit.cel.sql import Sql as Sql
    from hinterland.kit.cel.sql import to_sql as to_sql
    from hinterland.kit.cel.typed import reads as reads
    from hinterland.kit.cel.types import BOOL as BOOL
    from hinterland.kit.cel.types import BYTES as BYTES
    from hinterland.kit.cel.types import DOUBLE as DOUBLE
    from hinterland.kit.cel.types import DYN as DYN
    from hinterland.kit.cel.types import INT as INT
    from hinterland.kit.cel.types import INT64 as INT64
    from hinterland.kit.cel.types import STRING as STRING
    from hinterland.kit.cel.types import TIMESTAMP as TIMESTAMP
    from hinterland.kit.cel.types import Environment as Environment
    from hinterland.kit.cel.types import ListType as ListType
    from hinterland.kit.cel.types import ObjectType as ObjectType
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.kit.cel.checking": ("check",),
            "hinterland.kit.cel.conditions": (
                "Condition",
                "and_",
                "cel",
                "eq",
                "ge",
                "gt",
                "has",
                "in_",
                "le",
                "lt",
                "ne",
                "not_",
                "or_",
            ),
            "hinterland.kit.cel.dialects": ("POSTGRES", "SQLITE"),
            "hinterland.kit.cel.errors": ("CelError",),
            "hinterland.kit.cel.explaining": ("explain", "refusing"),
            "hinterland.kit.cel.parser": ("parse",),
            "hinterland.kit.cel.predicates": ("allows", "predicate", "read_key"),
            "hinterland.kit.cel.sql": ("Sql", "to_sql"),
            "hinterland.kit.cel.typed": ("reads",),
            "hinterland.kit.cel.types": (
                "BOOL",
                "BYTES",
                "DOUBLE",
                "DYN",
                "Environment",
                "INT",
                "INT64",
                "ListType",
                "ObjectType",
                "STRING",
                "TIMESTAMP",
            ),
        },
    )
