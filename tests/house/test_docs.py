"""What a user can set or say is written down."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, TESTS, is_module, modules
from tests.support.pages import blocks
from tests.support.required import require

# Which tests run the blocks of a page, and how many blocks of it are marked as not run.
RUN = {
    "README.md": ("journeys/test_readme.py", 3),  # commands that install, serve and run for hours
    "docs/chat.md": ("journeys/test_chat_page.py", 0),
    "docs/channels.md": ("journeys/test_channels_page.py", 0),
    "docs/client-graphql.md": ("journeys/test_graphql_pages.py", 0),
    "docs/graphql-clients.md": ("journeys/test_graphql_clients_page.py", 0),
    "docs/client.md": ("journeys/test_blocks.py", 1),  # channels, which its app does not have
    "docs/collections.md": ("journeys/test_blocks.py", 0),
    "docs/embedding.md": ("journeys/test_pages.py", 0),
    "docs/flutter.md": ("journeys/test_flutter_page.py", 1),  # commands that serve, and start the app
    "docs/first-offline-app.md": ("journeys/test_first_offline_app.py", 0),
    "docs/functions.md": ("journeys/test_pages.py", 1),  # the command that serves
    "docs/graphql.md": ("journeys/test_graphql_pages.py", 1),  # a subscription, until Ctrl+C
    "docs/graphql-offline.md": ("journeys/test_graphql_pages.py", 0),
    "docs/hooks.md": ("server/test_hooks.py", 0),
    "docs/http.md": ("journeys/test_blocks.py", 0),
    "docs/react.md": ("journeys/test_typescript_offline.py", 2),  # commands that install, build and serve
    "docs/rules.md": ("journeys/test_blocks.py", 0),
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def documentation() -> str:
    """The README and every page of the documentation."""
    return "\n".join(page.read_text() for page in PAGES if page.exists())


def setting_names() -> list[str]:
    """The names of all settings of a server."""
    settings = importlib.import_module("hinterland.server.settings").Settings
    if dataclasses.is_dataclass(settings):
        return [field.name for field in dataclasses.fields(settings)]
    return list(settings.__struct_fields__)


def command_names() -> list[str]:
    """The names of all commands and subcommands of `hinterland`."""
    click = importlib.import_module("click")
    rooms = [importlib.import_module(dotted(file)) for file in modules(PACKAGE / "cli")]
    groups = [value for room in rooms for value in vars(room).values() if isinstance(value, click.Group)]
    return sorted({name for group in groups for name in group.commands})


def dotted(file: Path) -> str:
    """A file's module name."""
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_every_setting_is_documented(documentation: str) -> None:
    """An undocumented setting fails: each is named in the README or the docs, by its own name or its variable's."""
    require("the server's settings", is_module("hinterland.server.settings"))
    names = setting_names()
    missing = [name for name in names if f"`{name}" not in documentation and name.upper() not in documentation]
    assert names
    assert missing == []


def test_every_command_is_documented(documentation: str) -> None:
    """An undocumented command fails: each is shown in the README or the docs as one types it."""
    require("the command line", is_module("hinterland.cli.main"))
    names = command_names()
    missing = [name for name in names if not re.search(rf"hinterland [a-z -]*\b{re.escape(name)}\b", documentation)]
    assert names
    assert missing == []


def test_every_option_of_the_client_is_documented() -> None:
    """An undocumented option of the client fails: each has a row with its default in the client's page."""
    options = importlib.import_module("hinterland.client.options").Options
    page = (ROOT / "docs" / "client.md").read_text()
    rows = {found[1]: found[2] for found in re.finditer(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE)}
    made = options()
    shown = {name: value if (value := getattr(made, name)) != {} else "none" for name in options.__struct_fields__}
    assert {name: rows.get(name) for name in shown} == {
        name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in shown.items()
    }


def test_every_function_of_rules_is_documented() -> None:
    """An undocumented function of the expression language fails: each has an example in the page on rules."""
    functions = importlib.import_module("hinterland.kit.cel.functions")
    page = (ROOT / "docs" / "rules.md").read_text()
    documented = {
        name for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for name in re.findall(r"`([\w.]+)`", row)
    }
    assert [name for name in functions.FUNCTIONS if name not in documented] == []


def test_the_examples_of_rules_are_true() -> None:
    """Each example of a function, in the page on rules, is true for the record that the page names."""
    cel = importlib.import_module("hinterland.kit.cel")
    page = (ROOT / "docs" / "rules.md").read_text()
    table = page.partition("| function | example | result |")[2].partition("\n\n")[0]
    examples = [row.split("` | ")[1].split(" | `")[-1].strip("`") for row in table.splitlines()[2:]]
    shown = re.search(r"The examples are true for `(\{.+?\})`", page, re.DOTALL)
    assert shown is not None
    kinds = {
        "title": cel.STRING, "tags": cel.ListType(cel.STRING), "count": cel.INT, "price": cel.DOUBLE,
        "created_at": cel.TIMESTAMP,
    }  # fmt: skip
    environment = cel.Environment({"record": cel.ObjectType(kinds)})
    variables = {"record": json.loads(shown[1].replace("\n", " "))}
    found = {text: cel.predicate(cel.check(cel.parse(text), environment))(variables) for text in examples}
    assert len(found) > 20
    assert {text for text, value in found.items() if value is not True} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_imports_exists(page: Path) -> None:
    """A page whose code imports a name that its module does not have fails."""
    missing = []
    for module, names in re.findall(r"^ *from (hinterland[\w.]*) import (.+)$", page.read_text(), re.MULTILINE):
        found = importlib.import_module(module)
        each = [name.split(" as ")[0].strip() for name in names.partition("#")[0].split(",")]
        missing += [f"{module}.{name}" for name in each if not hasattr(found, name)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_run_or_says_that_it_is_not(page: Path) -> None:
    """A page with blocks of Python or shell commands is run by a test that names it; blocks that are not run are marked
    as such, and counted here."""
    name = str(page.relative_to(ROOT))
    shown = blocks(name)
    fences = re.findall(r"^ *(?:```|~~~) *(?:py|sh|bash|console|shell|zsh)", page.read_text(), re.MULTILINE)
    test, not_run = RUN.get(name, ("", 0))
    assert len(shown) == len(fences)
    assert bool(shown) == bool(test)
    assert len([block for block in shown if not block.is_run]) == not_run
    assert not test or page.name in (TESTS / test).read_text()


def anchors(page: Path) -> set[str]:
    """The headings of a page, in the form in which a link names them; one that comes again has a number."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE):
        found.append(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return {f"{name}-{number}" if (number := found[:at].count(name)) else name for at, name in enumerate(found)}


def test_every_link_leads_somewhere() -> None:
    """A link of the README and the docs names a file that is there and, after a `#`, a heading of that page."""
    broken = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
            target = page.parent / path if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{page.name}: {path}#{anchor}")
    assert broken == []
