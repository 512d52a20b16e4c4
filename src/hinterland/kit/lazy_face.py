"""The face of a package: names of its modules, each loaded when it is first asked for."""

from __future__ import annotations

import sys


def offer(face: str, homes: dict[str, tuple[str, ...]]) -> None:
    """Give the package `face` the names in `homes`, by the module that defines them.

    Where that is the package itself, they are modules in it. `dir()`, `__all__` and completion have all of them at
    once. Import them below `if TYPE_CHECKING` too, each `as` itself, and call this in its `else`, so that type checkers
    know these names and no others.
    """
    package = sys.modules[face]
    home_of = {name: home for home, names in homes.items() for name in names}

    def load(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {face!r} has no attribute {name!r}")
        from importlib import import_module  # here: a face is imported faster without

        home = home_of[name]
        found = import_module(f"{face}.{name}") if home == face else getattr(import_module(home), name)
        setattr(package, name, found)
        return found

    vars(package).update(__getattr__=load, __all__=sorted(home_of), __dir__=lambda: sorted(home_of))
