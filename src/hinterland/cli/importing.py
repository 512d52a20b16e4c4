"""`hinterland import`: rows of a file become records, with progress and a report of what was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hinterland.cli.output import fail, reason, say, told, troubles
from hinterland.cli.reaching import backend, control, running
from hinterland.cli.rows import Row, RowFile, RowFileError, chunks
from hinterland.contract.errors import Refusal
from hinterland.contract.operations import path_of

SHOWN = 20
err = Console(stderr=True, highlight=False)
Write = Callable[[list[Any]], Awaitable[dict[str, Any]]]


async def import_file(collection: str, file: Path, data: Path, app: Path | None) -> None:
    """Import `file`; ends with code 1 where a row was refused, with 130 where a person stopped it."""
    with troubles(app, data):
        try:
            rows = RowFile(file)
        except (OSError, RowFileError) as error:
            fail(f"{file} can't be read: {reason(error)}")
        feeding = Feeding(collection, rows)
        server = running(data)
        if server is not None:
            async with control(*server) as post:
                path = path_of("admin.import", collection=collection)
                await feeding.run(lambda chunk: post(path, {"rows": chunk, "is_text": rows.is_text}))
        else:
            async with backend(data, app) as parts:
                await feeding.run(lambda chunk: parts.importer.rows(collection, chunk, is_text=rows.is_text))
        feeding.report()


class Feeding:
    """The rows of a file on their way into a collection; knows how far they are."""

    def __init__(self, collection: str, rows: RowFile) -> None:
        self.collection = collection
        self.rows = rows
        self.created = 0
        self.refused = 0
        self.place = ""  # the last row whose fate is known

    async def run(self, write: Write) -> None:
        """Hand every row to `write`. What ends it early is told, with the place that it came to."""
        try:
            await self._feed(write)
        except Refusal as error:
            stopped = told(error)
        except (OSError, RowFileError) as error:
            stopped = f"{self.rows.file} can't be read any further: {reason(error)}"
        except asyncio.CancelledError:
            fail(self._how_far("stopped"), 130)
        else:
            return
        fail(self._how_far(stopped))

    async def _feed(self, write: Write) -> None:
        groups = chunks(self.rows)
        if first := next(groups, None):  # a wrong file or collection ends here, before any progress is shown
            await self._write(first, write)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=err) as progress:
            task = progress.add_task("importing", total=self.rows.size, rows=0)
            self._show(progress, task)
            for chunk in groups:
                await self._write(chunk, write)
                self._show(progress, task)
            progress.update(task, completed=self.rows.size)

    def _show(self, progress: Progress, task: TaskID) -> None:
        progress.update(task, completed=self.rows.position, rows=self.created + self.refused)

    async def _write(self, chunk: list[Row], write: Write) -> None:
        sound = [row for row in chunk if not row.problem]
        for row in chunk:
            if row.problem:
                self._refuse(row.place, row.problem)
        await self._send(sound, write)
        self.place = chunk[-1].place

    async def _send(self, rows: list[Row], write: Write) -> None:
        if not rows:
            return
        try:
            result = await write([row.value for row in rows])
        except Refusal as error:
            if error.code != "too_large":
                raise
            await self._send_less(rows, write, error)
            return
        self.created += result["created"]
        for report in result["refused"]:
            details = "; ".join(f"{name} {', '.join(messages)}" for name, messages in report["errors"].items())
            self._refuse(rows[report["row"]].place, details or report["message"])

    async def _send_less(self, rows: list[Row], write: Write, error: Refusal) -> None:
        if len(rows) == 1:
            self._refuse(rows[0].place, f"this row alone is more than the server takes: {error.message}")
            return
        middle = len(rows) // 2
        await self._send(rows[:middle], write)
        await self._send(rows[middle:], write)

    def _refuse(self, place: str, reason: str) -> None:
        self.refused += 1
        if self.refused <= SHOWN:
            err.print(f"{place}: {reason}", markup=False, soft_wrap=True)
        elif self.refused == SHOWN + 1:
            err.print("… the next ones are only counted")

    def _how_far(self, why: str) -> str:
        if not self.place:
            return f"{why}\nnothing is known to be imported"
        return (
            f"{why}\nimported {self.created:,} of the rows up to {self.place} of {self.rows.file}; "
            "look whether the rows right after it were kept before you import the rest"
        )

    def report(self) -> None:
        """Say what became of the rows."""
        total = self.created + self.refused
        say(f"Imported {self.created} of {total} rows into {self.collection}; refused {self.refused}.")
        if self.refused:
            fail("the refused rows are listed above: mend them and import those rows again")
