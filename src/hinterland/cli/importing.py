"""`hinterland import`: rows of a file become records, with progress and a report of what was refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hinterland.cli.output import err, fail, out
from hinterland.cli.reaching import TROUBLES, backend, control, running
from hinterland.contract.errors import Refusal
from hinterland.contract.operations import path_of
from hinterland.kit import strict_json

CHUNK = 200
SHOWN = 20
Rows = Callable[[list[Any]], Awaitable[dict[str, Any]]]


async def import_file(collection: str, file: Path, data: Path, app: Path | None) -> None:
    """Import `file`; ends with code 1 where a row was refused."""
    try:
        rows, is_text = read(file)
    except (OSError, ValueError) as error:
        fail(f"{file} can't be read: {error}")
    server = running(data)
    try:
        if server is not None:
            async with control(*server) as post:
                path = path_of("admin.import", collection=collection)
                refused = await _feed(rows, lambda chunk: post(path, {"rows": chunk, "is_text": is_text}))
        else:
            async with backend(data, app) as parts:
                refused = await _feed(rows, lambda chunk: parts.importer.rows(collection, chunk, is_text=is_text))
    except Refusal as error:
        fail(error.message)
    except TROUBLES as error:
        fail(str(error))
    _report(collection, len(rows), refused)


def read(file: Path) -> tuple[list[Any], bool]:
    """The rows of a file, and whether all their values are text (CSV). Raises ValueError with the place."""
    suffix = file.suffix.lower()
    if suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return [*csv.DictReader(lines)], True
    if suffix in (".jsonl", ".ndjson"):
        return [*_json_lines(file)], False
    if suffix != ".json":
        raise ValueError("the name must end in .json, .jsonl, .ndjson or .csv")
    value = json.loads(file.read_text(encoding="utf-8-sig"))
    if not isinstance(value, list):
        raise ValueError("a .json file must hold an array of objects")
    return value, False


def _json_lines(file: Path) -> Iterator[Any]:
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                yield strict_json.decode(line)
            except strict_json.StrictJsonError as error:
                raise ValueError(f"line {number}: {error}") from None


async def _feed(rows: list[Any], write: Rows) -> list[dict[str, Any]]:
    refused: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=False) as progress:
        task = progress.add_task("importing", total=len(rows))
        waiting = iter(rows)
        done = 0
        while chunk := [*islice(waiting, CHUNK)]:
            result = await write(chunk)
            refused += [{**report, "row": done + report["row"] + 1} for report in result["refused"]]
            done += len(chunk)
            progress.update(task, advance=len(chunk))
    return refused


def _report(collection: str, total: int, refused: list[dict[str, Any]]) -> None:
    for report in refused[:SHOWN]:
        details = "; ".join(f"{name} {', '.join(messages)}" for name, messages in report["errors"].items())
        err.print(f"row {report['row']}: {details or report['message']}", markup=False, soft_wrap=True)
    if len(refused) > SHOWN:
        err.print(f"… and {len(refused) - SHOWN} more")
    out.print(f"{total - len(refused)} of {total} rows are now records of {collection}; {len(refused)} were refused.")
    if refused:
        fail("the refused rows are listed above: mend them and import those rows again")
