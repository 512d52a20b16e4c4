"""The words that the server and the client both speak."""

from __future__ import annotations

_HOMES = {
    **dict.fromkeys(("Collection", "Rules", "EVERYBODY", "users"), "hinterland.contract.records"),
    **dict.fromkeys(
        ("Text", "Integer", "Number", "Boolean", "Instant", "Int64", "Bytes", "Json", "List"),
        "hinterland.contract.fields",
    ),
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
