"""`hinterland records` with a running server and without one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from hinterland.cli import records
from hinterland.cli.reaching import operations
from hinterland.cli.records import FilteredChange, FilteredRun
from hinterland.contract.errors import Refusal
from tests.support.command import hinterland, reported
from tests.support.server import ServerProcess

Serve = Callable[..., ServerProcess]
APP = """
from hinterland.contract import Collection, Integer, Reference, Text
from hinterland.server import App

tasks = Collection(name="tasks", fields={"number": Integer(), "name": Text(max_length=9)}, ids="integer")
notes = Collection(name="notes", fields={"of": Reference(to="tasks")})
app = App(collections=[tasks, notes])
"""


def filled(folder: Path) -> Path:
    """A data folder with five tasks, and a note of the last."""
    data, app = folder / "data", folder / "app.py"
    app.write_text(APP)
    for name, rows in (("tasks", [{"number": n, "name": "old"} for n in range(5)]), ("notes", [{"of": 5}])):
        (folder / "rows.json").write_text(json.dumps(rows))
        ended = hinterland("import", name, folder / "rows.json", "--app", app, "--data", data)
        assert ended.code == 0, ended
    return data


def update(data: Path, filter: str, body: str, *more: str) -> Any:
    """`hinterland records update` of tasks."""
    return hinterland("records", "update", "tasks", "--filter", filter, "--set", body, "--data", data, *more)


def delete(data: Path, filter: str, *more: str) -> Any:
    """`hinterland records delete` of tasks."""
    return hinterland("records", "delete", "tasks", "--filter", filter, "--data", data, *more)


@pytest.mark.parametrize("is_running", [False, True])
def test_records_from_beginning_to_end(server_process: Serve, tmp_path: Path, is_running: bool) -> None:
    """Without `--yes` the records are counted and the first are shown; with it they are changed or deleted and
    not shown, whether or not the server runs, and what is refused is listed."""
    data = filled(tmp_path)
    if is_running:
        server_process(tmp_path / "app.py", data=data)
    shown = update(data, "record.number >= 1", '{"name": "new"}')
    assert (shown.code, "Found 4 records" in shown.out, "dry run" in shown.out) == (0, True, True)
    assert [json.loads(line)["number"] for line in shown.out.splitlines()[1:4]] == [1, 2, 3]
    assert "No record" in delete(data, "record.name == 'new'", "--yes").out
    updated = update(data, "record.number >= 1", '{"name": "new"}', "--yes").out
    assert ("Updated 4 of 4 records." in updated, "{" in updated) == (True, False)
    assert "Found 4 records" in delete(data, "record.name == 'new'").out
    ended = delete(data, "record.name == 'new'", "--yes")
    assert (ended.code, "Deleted 3 of 4 records; refused 1." in ended.out) == (1, True)
    assert "tasks/5: " in ended.err
    assert "Found 2 records" in delete(data, "true").out


def test_wrong_questions(tmp_path: Path) -> None:
    """A filter, a body and a collection that are none are reported, and nothing is changed."""
    data = filled(tmp_path)
    assert "nothing" in reported(delete(data, "record.nothing == 1", "--yes"))
    assert "JSON object" in reported(update(data, "true", "[1]", "--yes"))
    assert "tusks" in reported(hinterland("records", "delete", "tusks", "--filter", "true", "--data", data))
    refused = update(data, "true", '{"name": "much too long"}', "--yes")
    assert (refused.code, "Updated 0 of 5 records; refused 5." in refused.out) == (1, True)
    assert "tasks/1: " in refused.err


async def test_it_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose server fails reports what was done and a cursor, from which another run changes each of the other
    records once."""
    data = filled(tmp_path)
    monkeypatch.setattr(records, "AT_ONCE", 2)
    wanted = FilteredChange("update", "tasks", "true", body={"number": {"$increment": 10}})
    async with operations(data, None) as ask:
        calls = 0

        async def failing(name: str, body: object = None, **segments: str) -> dict[str, Any]:
            nonlocal calls
            calls += 1
            if calls == 4:
                raise Refusal("unavailable", "the server is away")
            return await ask(name, body, **segments)

        run = FilteredRun(wanted, failing)
        with pytest.raises(click.exceptions.Exit):
            await run.carry_out(await run.show())
        said = capsys.readouterr().err
        assert "the server is away" in said
        assert "Updated 4 of 4 records" in said
        found = re.search(r"--cursor (\S+)", said)
        assert found is not None
        await FilteredRun(wanted._replace(cursor=found[1]), ask).carry_out(1)
        rest = FilteredRun(FilteredChange("delete", "tasks", "record.number >= 10 && record.number < 15"), ask)
        assert await rest.show() == 5
