"""The passwords that guessers try first."""

from __future__ import annotations

from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from pathlib import Path

COMMONEST = 3_000


@cache
def common_passwords() -> frozenset[str]:
    """The commonest 3,000 passwords, in lower case, from the lists that the package zxcvbn ships.

    Only its file of lists is run: the package itself would keep 12 MiB of dictionaries in memory.
    """
    package = find_spec("zxcvbn")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).with_name("frequency_lists.py")
    loader = SourceFileLoader("frequency_lists", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    lists = module_from_spec(spec)
    loader.exec_module(lists)
    return frozenset(word.casefold() for word in lists.FREQUENCY_LISTS["passwords"][:COMMONEST])
