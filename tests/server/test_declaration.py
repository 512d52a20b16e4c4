"""Reading an app file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.records import Collection, users
from hinterland.server.backend import Backend
from hinterland.server.declaration import App, AppFileError, load
from hinterland.server.operations.call import Call


def file(folder: Path, text: str, name: str = "app.py") -> Path:
    """An app file."""
    path = folder / name
    path.write_text(text)
    return path


def test_an_app_file(tmp_path: Path) -> None:
    """The `app` of the file is read, each file anew."""
    for name in ("one", "two"):
        path = file(tmp_path, f"from hinterland.server import App\napp = App(name={name!r})\n", f"{name}.py")
        assert load(path).name == name


def test_the_examples() -> None:
    """Every example can be read."""
    paths = sorted((Path(__file__).parents[2] / "examples").glob("*/app.py"))
    assert [load(path).name for path in paths] == [path.parent.name for path in paths]


def test_users_are_declared() -> None:
    """Users are there without being declared; a declaration of them stands as it is."""
    assert [collection.name for collection in App().collections] == ["users"]
    mine = users(ids="integer")
    posts = Collection(name="posts", fields={})
    assert App(collections=[posts, mine]).collections == (posts, mine)
    assert App(collections=[posts]).collections == (users(), posts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "declares no app"),
        ("app = 1", "declares no app"),
        ("x = 1\napp = nothing", "line 2: NameError"),
        ("x = 1\n\napp = (", "line 3: SyntaxError"),
        ("import hinterland_nowhere", "line 1: ModuleNotFoundError"),
        ("from hinterland.contract import Collection\nCollection(name='A', fields={})", "line 2: ValueError"),
        ("from hinterland.server import Settings\nSettings(log_days=-1)", "line 2: SettingsError"),
    ],
)
def test_files_that_can_not_be_used(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong with a file is said with its path and line."""
    path = file(tmp_path, text)
    with pytest.raises(AppFileError, match=said) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_an_error_of_syntax_is_shown(tmp_path: Path) -> None:
    """An error of syntax is reported once with its place and the line's text, in the app file or in one beside it."""
    path = file(tmp_path, "x = 1\n  app = (\n")
    with pytest.raises(AppFileError) as caught:
        load(path)
    assert str(caught.value) == f"{path}, line 2: IndentationError: unexpected indent\n  app = ("
    beside = file(tmp_path, "y = = 2\n", "beside_it.py")
    with pytest.raises(AppFileError) as caught:
        load(file(tmp_path, "x = 1\nimport beside_it"))
    assert str(caught.value) == f"{beside}, line 1: SyntaxError: invalid syntax\n  y = = 2"
    with pytest.raises(AppFileError, match=r"line 1: SyntaxError: invalid syntax \(<unknown>, line 1\)"):
        load(file(tmp_path, "__import__('ast').parse('= 1')"))


def test_no_file(tmp_path: Path) -> None:
    """Where there is no file, or none of Python, that is said."""
    with pytest.raises(AppFileError, match="there is no app file"):
        load(tmp_path / "app.py")
    with pytest.raises(AppFileError, match="not a Python file"):
        load(file(tmp_path, "{}", "app.json"))
    beside = file(tmp_path, "app = 1")
    with pytest.raises(AppFileError) as caught:
        load(beside.with_suffix(""))
    assert str(caught.value) == f"there is no app file {beside.with_suffix('')}; did you mean {beside}?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Rules(lsit='true')", "Rules() has no argument 'lsit'; use one of list, view, create, update, delete"),
        ("é = 'é', [Rules(\n  lsit='true')]", "Rules() has no argument 'lsit'; use one of list, "),
        ("Collection('notes', {})", "Collection() takes its arguments by name; write Collection(name=...)"),
        ("Collection(fields={})", "Missing required argument 'name'"),
        ("import hinterland\nhinterland.Rules(a='true')", "Unexpected keyword argument 'a'"),
        ("make = lambda **more: Rules(**more)\nmake(a='')", "Rules() has no argument 'a'; use one of list, "),
        ("Rules.make = Rules\nmake = Rules.make\n(lambda: 1)(2)", "takes 0 positional arguments but 1 was given"),
        ("import functools\nmake = functools.partial(Rules)\nmake(a='')", "Unexpected keyword argument 'a'"),
    ],
)
def test_arguments_that_a_declaration_does_not_have(tmp_path: Path, text: str, said: str) -> None:
    """A mistyped argument is reported with what it was given to and the arguments that there are, the closest first."""
    with pytest.raises(AppFileError, match=rf": TypeError: .*{re.escape(said)}"):
        load(file(tmp_path, f"from hinterland import Collection, Rules\n{text}"))


def test_functions_that_can_not_carry_out_an_operation() -> None:
    """An operation needs a name and an async function of two arguments."""

    def blocking(backend: Backend, call: Call[None]) -> int:
        return 1

    async def three(backend: Backend, call: Call[None], more: int) -> int:
        return more

    app: Any = App()
    with pytest.raises(ValueError, match="operation 'a': its function is not async; declare it with async def"):
        app.operation("a")(blocking)
    with pytest.raises(ValueError, match=r"operation 'a': its function must take two arguments, \(backend, call\)"):
        app.operation("a")(three)
    with pytest.raises(ValueError, match=r"name the operation, as in @app.operation\('orders.total'\)"):
        app.operation(three)
    assert not app.handlers


def test_auth_fields_are_names() -> None:
    """One name in place of a list of names is refused with what to write."""
    with pytest.raises(ValueError, match=r"write auth_fields=\('plan',\)"):
        App(auth_fields="plan")
