"""Prints constraints for pip: what pyproject.toml declares in its lowest version, all else as dev.txt pins it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_DECLARED = re.compile(r"^([\w.-]+)>=([\w.]+)")
_PINNED = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)

_PINNED_BY_OTHERS = {"httpcore2"}  # by httpx2


def lowest() -> dict[str, str]:
    """The lowest declared version of each dependency, those of the extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    return {found[1]: found[2] for each in declared if (found := _DECLARED.match(each))}


def constraints() -> dict[str, str]:
    """A version of each package of the tests' environment, but of those that others pin exactly."""
    pinned = dict(_PINNED.findall((ROOT / "requirements/dev.txt").read_text()))
    return {name: version for name, version in (pinned | lowest()).items() if name not in _PINNED_BY_OTHERS}


if __name__ == "__main__":
    print("\n".join(f"{name}=={version}" for name, version in sorted(constraints().items())))
