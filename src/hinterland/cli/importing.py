"""`hinterland import`: creates records from the rows of a file, with progress and a report of refused rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hinterland.cli.csv_rows import SEPARATORS
from hinterland.cli.output import described, error_boundary, fail, print_result, printable, reason
from hinterland.cli.reaching import operations
from hinterland.cli.row import FileRow, Layout, RowFileError
from hinterland.cli.rows import RowFile, chunks
from hinterland.contract.errors import Refusal
from hinterland.contract.imports import Import, ImportResult

SHOWN_ROWS = 3  # for each reason
SHOWN_REASONS = 20
err = Console(stderr=True, highlight=False)
WriteChunk = Callable[[list[Any]], Awaitable[ImportResult]]


class ImportOptions(NamedTuple):
    """What is imported, and how its values are parsed."""

    collection: str
    file: Path
    layout: Layout = Layout()
    has_decimal_comma: bool = False
    timezone: str = ""
    is_rehearsal: bool = False


def layout_of(mapped: Iterable[str], separator: str, encoding: str) -> Layout:
    """The layout that the options of the command ask for; ends it where one can't be used."""
    renames: dict[str, str] = {}
    for pair in mapped:
        name, mark, field = pair.rpartition("=")
        if not mark or not name:
            problem = "names no column" if mark else "has no '='"
            fail(f"--map {pair!r} {problem}; write --map 'Full name=name', or --map 'Notes=' to omit a column")
        renames[name.strip()] = field.strip()
    if len(SEPARATORS.get(separator, separator)) > 1:
        fail(f"unknown separator {separator!r}; use one character, or {', '.join(SEPARATORS)}")
    return Layout(renames, SEPARATORS.get(separator, separator), encoding)


async def import_file(options: ImportOptions, data: Path, app: Path | None) -> None:
    """Import a file; exits with code 1 where a row was refused, with 130 when interrupted."""
    with error_boundary(app, data):
        try:
            rows = RowFile(options.file, options.layout)
        except (OSError, RowFileError) as error:
            fail(f"cannot read {options.file}: {reason(error)}")
        row_import = RowImport(options, rows)
        async with operations(data, app) as ask:

            async def write(chunk: list[Any]) -> ImportResult:
                answer = await ask("admin.import", row_import.message(chunk), collection=options.collection)
                return msgspec.convert(answer, ImportResult)

            await row_import.run(write)
        row_import.report()


class RowImport:
    """Imports the rows of a file and counts what became of them."""

    def __init__(self, options: ImportOptions, rows: RowFile) -> None:
        self.options = options
        self.rows = rows
        self.created = 0
        self.refused = 0
        self.zoned = 0
        self.sample: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()  # of the refused rows, those that are listed
        self.place = ""  # the last row whose outcome is known

    def message(self, chunk: list[Any]) -> Import:
        """What a chunk of rows is sent as."""
        _, _, _, has_decimal_comma, timezone, is_rehearsal = self.options
        return Import(
            rows=chunk, is_text=self.rows.is_text, has_decimal_comma=has_decimal_comma, timezone=timezone,
            is_rehearsal=is_rehearsal,
        )  # fmt: skip

    async def run(self, write: WriteChunk) -> None:
        """Pass every row to `write`. Where it ends early, the reason and the last row are reported."""
        try:
            await self._import(write)
        except Refusal as error:
            stopped = described(error)
        except (OSError, RowFileError) as error:
            stopped = f"cannot read more of {self.rows.file}: {reason(error)}"
        except asyncio.CancelledError:
            fail(self._how_far("stopped"), 130)
        else:
            return
        fail(self._how_far(stopped))

    async def _import(self, write: WriteChunk) -> None:
        groups = chunks(self.rows)
        if first := next(groups, None):  # a wrong file or collection ends here, before any progress is shown
            await self._write(first, write)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=err) as progress:
            task = progress.add_task(
                "checking" if self.options.is_rehearsal else "importing", total=self.rows.size, rows=0
            )
            self._show(progress, task)
            for chunk in groups:
                await self._write(chunk, write)
                self._show(progress, task)
            progress.update(task, completed=self.rows.size)

    def _show(self, progress: Progress, task: TaskID) -> None:
        progress.update(task, completed=self.rows.position, rows=self.created + self.refused)

    async def _write(self, chunk: list[FileRow], write: WriteChunk) -> None:
        sound = [row for row in chunk if not row.problem]
        for row in chunk:
            if row.problem:
                self._refuse(row.place, row.problem)
        await self._send(sound, write)
        self.place = chunk[-1].place

    async def _send(self, rows: list[FileRow], write: WriteChunk) -> None:
        if not rows:
            return
        try:
            result = await write([row.value for row in rows])
        except Refusal as error:
            if error.code != "too_large":
                raise
            await self._send_less(rows, write, error)
            return
        self.created += result.created
        self.zoned += result.zoned
        self.sample = self.sample or result.sample
        for report in result.refused:
            details = "; ".join(f"{name} {', '.join(messages)}" for name, messages in report.errors.items())
            self._refuse(rows[report.row].place, details or report.message)

    async def _send_less(self, rows: list[FileRow], write: WriteChunk, error: Refusal) -> None:
        if len(rows) == 1:
            self._refuse(rows[0].place, f"this row alone is larger than the server accepts: {error.message}")
            return
        middle = len(rows) // 2
        await self._send(rows[:middle], write)
        await self._send(rows[middle:], write)

    def _refuse(self, place: str, reason: str) -> None:
        """List the row: the first three of each reason, and the first twenty reasons; the others are counted."""
        self.refused += 1
        if reason not in self.reasons and len(self.reasons) == SHOWN_REASONS:
            return
        self.reasons[reason] += 1
        if self.reasons[reason] <= SHOWN_ROWS:
            _print(f"{place}: {reason}")

    def _count_refused(self) -> None:
        """Print how many rows were refused in addition to those listed."""
        for why, count in self.reasons.items():
            if count > SHOWN_ROWS:
                _print(f"… and {count - SHOWN_ROWS:,} more: {why}")
        if (others := self.refused - self.reasons.total()) > 0:
            _print(f"… and {others:,} for other reasons")

    def _how_far(self, why: str) -> str:
        self._count_refused()
        if self.options.is_rehearsal:
            return f"{why}\nnothing was imported: this was a dry run"
        if not self.place:
            return f"{why}\nno row was confirmed as imported"
        return (
            f"{why}\nimported {self.created:,} of the rows up to {self.place} of {self.rows.file}; "
            "check whether the rows after it were imported before you import the rest"
        )

    def report(self) -> None:
        """Print the totals."""
        total = self.created + self.refused
        self._count_refused()
        if self.options.is_rehearsal:
            self._preview()
        did = "Would import" if self.options.is_rehearsal else "Imported"
        print_result(f"{did} {self.created} of {total} rows into {self.options.collection}; refused {self.refused}.")
        if self.zoned:
            print_result(f"Read {self.zoned:,} times without an offset as {self.options.timezone}.")
        if self.refused:
            fail("rows were refused for the reasons above; fix these rows and import them again")

    def _preview(self) -> None:
        if self.rows.csv is not None:
            named = {separator: name for name, separator in SEPARATORS.items()}
            separator = named.get(self.rows.csv.separator, repr(self.rows.csv.separator))
            print_result(
                printable(f"{self.rows.file} is CSV in {self.rows.csv.encoding.upper()}, separated by {separator}.")
            )
        for record in self.sample:
            print_result(printable(f"  {msgspec.json.encode(record).decode()}"))


def _print(line: str) -> None:
    err.print(printable(line), markup=False, soft_wrap=True)
