"""Every folder of modules is a package."""

from __future__ import annotations

from tests.house.tree import PACKAGE, ROOT, modules


def test_every_room_has_a_face() -> None:
    """A folder without `__init__.py` is invisible to the rules between the floors, so there is none."""
    rooms = {file.parent for file in modules(PACKAGE)}
    assert [str(room.relative_to(ROOT)) for room in sorted(rooms) if not (room / "__init__.py").exists()] == []


def test_every_room_says_what_it_is_for() -> None:
    """A package's `__init__` begins with a docstring that says what is in the room."""
    faces = [file for file in modules(PACKAGE) if file.name == "__init__.py"]
    assert [str(face.relative_to(ROOT)) for face in faces if not face.read_text().startswith('"""')] == []
