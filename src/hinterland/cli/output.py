"""Output of commands: results on standard output, errors on standard error."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from hinterland.contract.errors import Refusal
from hinterland.server.data.catalogue import DeclarationError
from hinterland.server.data.schema import SchemaChange
from hinterland.server.declaration import AppFileError
from hinterland.server.settings import SettingsError
from hinterland.server.storage.failures import Deadlock, StorageError

# Control characters but line ends and tabs, marks that change the direction of text, and halves of surrogate pairs,
# which stand for bytes that are not UTF-8.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def print_result(message: str) -> None:
    """Print a result."""
    click.echo(message)


def fail(message: str, code: int = 1) -> NoReturn:
    """Print what is wrong and what to do, and exit."""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {printable(message)}", err=True)
    raise click.exceptions.Exit(code)


def printable(text: str) -> str:
    """`text` with control characters and direction marks escaped, as `\\x1b`: it may come from a file, a file's name or
    another server."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


@contextmanager
def error_boundary(app: Path | None, data: Path) -> Iterator[None]:
    """Within the block, an error of a command on an app file and a data folder is printed and exits."""
    _check_name(data)
    try:
        yield
    except SchemaChange as error:
        fail(f"{error}\n{_way_on(error, app, data)}")
    except Refusal as error:
        fail(described(error))
    except Deadlock:
        fail("another server writes to this database; stop it, then retry")
    except (StorageError, DeclarationError, AppFileError, SettingsError) as error:
        fail(str(error))
    except OSError as error:
        fail(": ".join(["the operating system refused", *filter(None, (error.filename,)), reason(error)]))


def _check_name(data: Path) -> None:
    try:
        str(data).encode()
    except UnicodeEncodeError:
        fail(f"the name of the data folder {data} is not UTF-8; rename it or choose another with --data")


def _way_on(change: SchemaChange, app: Path | None, data: Path) -> str:
    if app is None:
        return f"serve the data with its app file: {command('serve', 'APP.py', '--data', data)}"
    if not change.is_possible:
        return (
            "a collection keeps its ids and its parent: declare it as it was, add another collection with the new "
            "ones, and import the records into that"
        )
    return (
        f"to preview and apply the migration, run:\n  {command('migrate', app, '--data', data)}\n"
        "if this is a different app, give it a folder of its own with --data, or on PostgreSQL a database of its own"
    )


def command(*words: object) -> str:
    """A command of this program as it is typed in this folder, on this machine."""
    return shlex.join([*_program(), *map(str, words)])


def _program() -> list[str]:
    """The program's name where the shell finds this one by it, else what it was started by."""
    started, found = Path(sys.argv[0]), shutil.which("hinterland")
    if started.stem != "hinterland":
        return [sys.executable, "-m", "hinterland"]
    if found is not None and Path(found).resolve().with_suffix("") == started.resolve().with_suffix(""):
        return ["hinterland"]
    return [sys.argv[0]]


def reason(error: Exception) -> str:
    """Why something failed, without error numbers; the caller adds on what."""
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def described(refusal: Refusal) -> str:
    """The message of a refusal, or those of its fields."""
    if not refusal.errors:
        return refusal.message
    return "; ".join(f"{name} {', '.join(messages)}" for name, messages in refusal.errors.items())
