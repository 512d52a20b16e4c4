"""Who may import whom: the floors, the faces, and what each floor may carry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, Import, imports, is_module, is_package, modules

# What a floor may import beside the standard library and the project itself.
CARRIES = {
    "kit": {"idna", "msgspec"},
    "contract": {"msgspec"},
    "client": {
        "cryptography",
        "httpx2",
        "msgspec",
        "websockets",
    },  # websockets: an extra, loaded with the first WebSocket
    "testing": {"apsw", "httpx2", "msgspec", "pytest", "starlette"},  # pytest: only the suites, which run under it
}


def all_imports(folder: Path = PACKAGE) -> list[Import]:
    """Every import below a folder of the package."""
    return [found for file in modules(folder) for found in imports(file)]


def _package(found: Import) -> str:
    """The package whose face an import is in."""
    return ".".join(found.file.parent.relative_to(PACKAGE.parent).parts)


def uses_a_face(found: Import) -> bool:
    """Whether an import takes a package's `__init__` for more than the way to a module in it."""
    if not is_package(found.module):
        return False
    return found.name is None or not is_module(f"{found.module}.{found.name}")


def test_the_floors_hold() -> None:
    """A room imports only from the floors below, and siblings never: import-linter's contracts are kept."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_face_is_imported_from_inside() -> None:
    """A package's `__init__` is its face for guests and is never imported from inside the project."""
    faces = [str(found) for found in all_imports() if found.file.name != "__init__.py" and uses_a_face(found)]
    assert faces == []


def test_a_face_hides_no_module() -> None:
    """No name of a face is also a module's of its package, which would take the name's place once it is imported."""
    offered = [found for found in all_imports() if found.file.name == "__init__.py" and found.name is not None]
    assert len(offered) > 100
    hiding = [str(found) for found in offered if is_module(f"{_package(found)}.{found.name}")
              and found.module != _package(found)]  # fmt: skip
    assert hiding == []


def test_imports_are_absolute() -> None:
    """An import names its module in full, so that a search for the name finds every use."""
    assert [str(found) for found in all_imports() if found.level] == []


@pytest.mark.parametrize("floor", CARRIES)
def test_a_floor_carries_only_its_own_libraries(floor: str) -> None:
    """The floors that an app installs import no library but those named for them."""
    allowed = CARRIES[floor] | set(sys.stdlib_module_names) | {"hinterland"}
    foreign = [str(found) for found in all_imports(PACKAGE / floor) if found.module.split(".")[0] not in allowed]
    assert foreign == []
