"""Smoke test of the built wheel without extras: what an app carries. Run by the interpreter of a fresh environment."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

SERVER_LIBRARIES = ("apsw", "argon2", "asyncpg", "click", "joserfc", "rich", "starlette", "uvicorn")


def main() -> None:
    """Checks the wheel's parts, that the client works without the server, and that the command says what to install."""
    check_it_is_the_wheel()
    check_the_client_is_alone()
    check_the_command_says_what_to_install()
    print("The wheel without extras: passed")


def check_it_is_the_wheel() -> None:
    """The package comes from this environment, with its types and its licence."""
    import hinterland

    folder = Path(str(hinterland.__file__)).parent
    assert folder.is_relative_to(sys.prefix), folder
    assert (folder / "py.typed").exists()
    assert any(file.name == "LICENSE" for file in distribution("hinterland").files or ())


def check_the_client_is_alone() -> None:
    """The client is usable, though no server library is installed, and loads nothing of the server."""
    assert [name for name in SERVER_LIBRARIES if find_spec(name)] == []
    from hinterland.client import Client

    assert callable(Client)
    assert [name for name in sys.modules if name.startswith("hinterland.server")] == []


def check_the_command_says_what_to_install() -> None:
    """Without the server's extra the command names the extra instead of showing a traceback."""
    command = Path(sys.executable).with_name("hinterland")
    done = subprocess.run([str(command), "--help"], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "install hinterland with the extra 'server'" in said, said
    assert "Traceback" not in said, said


if __name__ == "__main__":
    main()
