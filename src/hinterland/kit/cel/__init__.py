"""Rules and filters: a small, typed Common Expression Language (CEL) with one meaning in Python and both databases.

``check(parse('auth.id == record.author'), Environment({...}))`` gives a checked tree; ``predicate(tree)`` makes a
Python function of it, ``to_sql(tree, SQLITE, …)`` an SQL condition, ``explain(tree, variables)`` says which part
refused. Values are true, false or *error*; error is what reading a field without a value gives, and it denies.
"""

from __future__ import annotations

_HOMES = {
    "CelError": "errors",
    "parse": "parser",
    "check": "check",
    "predicate": "predicate",
    "allows": "predicate",
    "read_key": "predicate",
    "reads": "typed",
    "to_sql": "sql",
    "Sql": "sql",
    "SQLITE": "dialects",
    "POSTGRES": "dialects",
    "explain": "explain",
    "refusing": "explain",
    "Environment": "types",
    "ObjectType": "types",
    "ListType": "types",
    "BOOL": "types",
    "INT": "types",
    "INT64": "types",
    "DOUBLE": "types",
    "STRING": "types",
    "TIMESTAMP": "types",
    "BYTES": "types",
    "DYN": "types",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
