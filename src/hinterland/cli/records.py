"""`hinterland records`: updates or deletes the records that a filter finds, once a sample of them was shown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hinterland.cli.output import described, error_boundary, fail, print_result, printable
from hinterland.cli.reaching import Ask, operations
from hinterland.contract.batches import FilteredResult
from hinterland.contract.errors import Refusal

AT_ONCE = 1_000  # records of one call
SHOWN = 20  # records that were refused
_DOING = {"update": "updating", "delete": "deleting"}
_DONE = {"update": "Updated", "delete": "Deleted"}


class FilteredChange(NamedTuple):
    """What is done to which records of a collection; the `body` of an update is that of a PATCH. `cursor`: where to go
    on."""

    act: Literal["update", "delete"]
    collection: str
    filter: str
    parent: str = ""
    cursor: str = ""
    body: dict[str, Any] | None = None


def body_of(text: str) -> dict[str, Any]:
    """The object that `--set` has; ends the command where it is none."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        fail(f"--set is not a JSON object ({error}); write --set '{{\"done\": true}}'")


async def change(wanted: FilteredChange, data: Path, app: Path | None, *, is_agreed: bool) -> None:
    """Show what the filter finds and, if `is_agreed`, do it; exits with code 1 where a record was refused."""
    with error_boundary(app, data):
        async with operations(data, app) as ask:
            run = FilteredRun(wanted, ask)
            found = await run.show(has_sample=not is_agreed)
            if found and is_agreed:
                await run.carry_out(found)
        if not is_agreed and found:
            print_result(f"Nothing was changed: this was a dry run. Add --yes to {wanted.act} them.")
        elif found:
            run.report()


def _records(count: int) -> str:
    return "record" if count == 1 else "records"


class FilteredRun:
    """Calls the operation until no records remain, and counts what became of them."""

    def __init__(self, wanted: FilteredChange, ask: Ask) -> None:
        self.wanted = wanted
        self.cursor = wanted.cursor
        self.found = 0
        self.changed = 0
        self.outdated = 0
        self._shown = 0
        self._ask = ask

    async def show(self, *, has_sample: bool = True) -> int:
        """Print how many records there are and, with `has_sample`, the first ones."""
        result = await self._call(dry_run=True)
        if not result.found:
            print_result(f"No record of {self.wanted.collection} is found; nothing was changed.")
            return 0
        end = ", such as:" if has_sample else "."
        print_result(f"Found {result.found:,} {_records(result.found)} of {self.wanted.collection}{end}")
        for record in result.sample if has_sample else ():
            print_result(printable(f"  {msgspec.json.encode(record).decode()}"))
        return result.found

    async def carry_out(self, total: int) -> None:
        """Change all records. Where this ends early, the reason is reported, with how to go on."""
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        try:
            with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task(_DOING[self.wanted.act], total=total)
                is_last = False
                while not is_last:
                    result = await self._call(limit=AT_ONCE)
                    self._count(result)
                    self.cursor, is_last = result.next, not result.next
                    progress.update(task, completed=self.found)
        except Refusal as error:
            self._stop(described(error))
        except asyncio.CancelledError:
            self._stop("stopped", 130)

    async def _call(self, **how: Any) -> FilteredResult:
        act, collection, filter, parent, _, body = self.wanted
        asked = {"filter": filter, "parent": parent, "cursor": self.cursor, **how}
        if body is not None:
            asked["body"] = body
        answer = await self._ask(f"admin.records.{act}", asked, collection=collection)
        return msgspec.convert(answer, FilteredResult)

    def _count(self, result: FilteredResult) -> None:
        self.found += result.found
        self.changed += result.changed
        self.outdated += result.outdated
        for one in result.refused[: SHOWN - self._shown]:
            place = "/".join(filter(None, (one.parent, self.wanted.collection, str(one.id))))
            Console(stderr=True, highlight=False).print(
                printable(f"{place}: {one.message}"), markup=False, soft_wrap=True
            )
            self._shown += 1

    def _summary(self) -> str:
        refused = self.found - self.changed - self.outdated
        parts = [f"{_DONE[self.wanted.act]} {self.changed:,} of {self.found:,} {_records(self.found)}"]
        parts += [f"others changed {self.outdated:,} meanwhile"] if self.outdated else []
        return "; ".join([*parts, f"refused {refused:,}"] if refused else parts)

    def _stop(self, why: str, code: int = 1) -> NoReturn:
        if self.cursor == self.wanted.cursor:
            fail(f"{why}\nno change was confirmed; check the first {AT_ONCE:,} records before you repeat it", code)
        fail(
            f"{why}\n{self._summary()}; the next {AT_ONCE:,} may be changed too: check them, then go on with "
            f"--cursor {self.cursor}",
            code,
        )

    def report(self) -> None:
        """Print the totals."""
        print_result(f"{self._summary()}.")
        if self.found - self.changed - self.outdated:
            fail("records were refused for the reasons above")
