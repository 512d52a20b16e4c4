"""The commands as they teach themselves, and their documentation."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from hinterland.cli.commands import cli
from tests.support.command import hinterland, reported

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
COMMANDS = [
    "serve", "migrate", "compact", "import", "records update", "records delete", "admin create", "admin list",
    "admin remove", "admin password", "users grant", "users revoke", "users roles", "graphql schema",
]  # fmt: skip


def commands(group: click.Group, *before: str) -> dict[str, click.Command]:
    """The commands of a group and of those in it, by what is typed."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        words = (*before, name)
        found |= commands(command, *words) if isinstance(command, click.Group) else {" ".join(words): command}
    return found


def options(command: str) -> list[str]:
    """The options of a command."""
    return [name for parameter in commands(cli)[command].params for name in parameter.opts if name.startswith("--")]


def section(command: str) -> str:
    """What the documentation says of a command."""
    return DOCUMENTATION.partition(f"\n## `hinterland {command}")[2].partition("\n## ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str) -> None:
    """Each command has a section with an example, and each of its options a row in it."""
    assert f"\nhinterland {command} " in section(command)
    assert [name for name in options(command) if f"| `{name}`" not in section(command)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(command: str) -> None:
    """`--help` says what a command is for, with a line that can be typed."""
    shown = hinterland(*command.split(), "--help")
    assert shown.code == 0
    assert f"Example: hinterland {command} " in " ".join(shown.out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_of_one_style(command: str) -> None:
    """Arguments are in capitals, as documented; options show the <kind> of their value, flags nothing."""
    heading = DOCUMENTATION.partition(f"\n## `hinterland {command}")[2].partition("`")[0]
    shown = hinterland(*command.split(), "--help").out
    assert f"hinterland {command} [OPTIONS]{heading}" in shown.replace("python -m ", "")
    assert max(map(len, shown.splitlines())) <= 80
    rows = [line.split() for line in shown.splitlines() if line.startswith("  --")]
    valued = {row[0] for row in rows if row[1].startswith("<")}
    assert valued == {*options(command)} - {"--yes", "--log-requests", "--dry-run", "--decimal-comma", "--force"}
    assert {row[0] for row in rows} == {*options(command), "--help"}


def test_the_documented_commands_are_all() -> None:
    """The list above is that of the program."""
    assert [*commands(cli)] == COMMANDS


def test_the_version() -> None:
    """`--version` prints the installed version and nothing else."""
    shown = hinterland("--version")
    assert (shown.code, shown.out, shown.err) == (0, f"hinterland {version('hinterland')}\n", "")


@pytest.mark.parametrize("arguments", [["nothing"], ["serve", "--port", "0"], ["serve", "--prot", "1"], ["import"]])
def test_a_mistyped_command(arguments: list[str]) -> None:
    """A word that is not known is named, with the way to help, and the exit code of usage."""
    ended = hinterland(*arguments)
    assert "--help" in reported(ended)
    assert ended.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serv"], "No such command 'serv'. Did you mean 'serve'?"),
        (["serve", "--log-reqests"], "No such option '--log-reqests'. Did you mean '--log-requests'?"),
        (["serve", "--port", "65536"], "Invalid value for '--port': 65536 is not in the range 1<=x<=65535."),
        (["serve", "--port", "x"], "Invalid value for '--port': 'x' is not a valid port."),
        (["serve", "/"], "File '/' is a directory."),
        (["compact", "--data", __file__], "is a file."),
        (["import", "cars"], "Missing argument 'FILE'."),
    ],
)
def test_a_mistake_is_explained(arguments: list[str], message: str) -> None:
    """What is wrong with an argument is the last line, with what was perhaps meant."""
    assert reported(hinterland(*arguments)).splitlines()[-1].endswith(message)


def test_an_interrupted_command(tmp_path: Path) -> None:
    """A command that Ctrl+C ends has the exit code that shells expect, and prints nothing."""
    app = tmp_path / "app.py"
    app.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = hinterland("serve", app, "--data", tmp_path / "data")
    assert (ended.code, ended.out, ended.err) == (130, "", "")


@pytest.mark.parametrize("group", [[], ["admin"]])
def test_no_command(group: list[str]) -> None:
    """Without a command a group prints its help, as with `--help`, and ends with 0: it is a question, not a mistake."""
    shown = hinterland(*group)
    assert (shown.code, shown.out, shown.err) == (0, hinterland(*group, "--help").out, "")


def test_help_loads_no_server() -> None:
    """`--help` answers without loading the server's parts."""
    code = "import sys; import hinterland.cli.commands; print([m for m in sys.modules if m.startswith('hinterland.s')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
