"""What the package offers to guests, and what its import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hinterland.kit import cel

HEAVY = {"dataclasses", "datetime", "difflib", "inspect", "json", "msgspec", "typing"}


def test_every_name_of_the_face_exists() -> None:
    """Each name that is offered can be had, and no other."""
    assert set(dir(cel)) == set(vars(cel)["__all__"])
    assert all(getattr(cel, name) is not None for name in vars(cel)["__all__"])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cel.nothing  # type: ignore[attr-defined]


def test_the_language_is_light_to_import() -> None:
    """An app that checks rules loads nothing of weight for it."""
    modules = ("checking", "explaining", "parser", "predicates", "sql")
    code = (
        "import sys; before = set(sys.modules)\n"
        + "".join(f"import hinterland.kit.cel.{name}\n" for name in modules)
        + f"print(*sorted({HEAVY!r} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
