"""Rules and filters: a small, typed Common Expression Language (CEL) with one meaning in Python and both databases.

``check(parse('auth.id == record.author'), Environment({...}))`` gives a checked tree; ``predicate(tree)`` makes a
Python function of it, ``to_sql(tree, SQLITE, …)`` an SQL condition, ``explain(tree, variables)`` says which part
refused. Values are true, false or *error*; error is what reading a field without a value gives, and it denies.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this

if TYPE_CHECKING:
    from hinterland.kit.cel.checking import check as check
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
    _HOME = {
        "BOOL": "hinterland.kit.cel.types",
        "BYTES": "hinterland.kit.cel.types",
        "CelError": "hinterland.kit.cel.errors",
        "DOUBLE": "hinterland.kit.cel.types",
        "DYN": "hinterland.kit.cel.types",
        "Environment": "hinterland.kit.cel.types",
        "INT": "hinterland.kit.cel.types",
        "INT64": "hinterland.kit.cel.types",
        "ListType": "hinterland.kit.cel.types",
        "ObjectType": "hinterland.kit.cel.types",
        "POSTGRES": "hinterland.kit.cel.dialects",
        "SQLITE": "hinterland.kit.cel.dialects",
        "STRING": "hinterland.kit.cel.types",
        "Sql": "hinterland.kit.cel.sql",
        "TIMESTAMP": "hinterland.kit.cel.types",
        "allows": "hinterland.kit.cel.predicates",
        "check": "hinterland.kit.cel.checking",
        "explain": "hinterland.kit.cel.explaining",
        "parse": "hinterland.kit.cel.parser",
        "predicate": "hinterland.kit.cel.predicates",
        "read_key": "hinterland.kit.cel.predicates",
        "reads": "hinterland.kit.cel.typed",
        "refusing": "hinterland.kit.cel.explaining",
        "to_sql": "hinterland.kit.cel.sql",
    }

    def __getattr__(name):
        from importlib import import_module

        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BOOL",
    "BYTES",
    "DOUBLE",
    "DYN",
    "INT",
    "INT64",
    "POSTGRES",
    "SQLITE",
    "STRING",
    "TIMESTAMP",
    "CelError",
    "Environment",
    "ListType",
    "ObjectType",
    "Sql",
    "allows",
    "check",
    "explain",
    "parse",
    "predicate",
    "read_key",
    "reads",
    "refusing",
    "to_sql",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
