"""The rows of a file, one after the other: JSON lines and CSV in bounded memory, a JSON array as a whole."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hinterland.kit import strict_json

CHUNK_ROWS = 200
CHUNK_BYTES = 1_000_000
LONGEST_CELL = 10_000_000
_BOM = codecs.BOM_UTF8


class RowFileError(Exception):
    """The file can't be read as rows; the message says where and why."""


class Row(NamedTuple):
    """A row: where it stands, what it holds, about how many bytes that is, and what is wrong with it ("": nothing)."""

    place: str
    value: Any
    size: int
    problem: str = ""


class RowFile:
    """The rows of a `.json`, `.jsonl`, `.ndjson` or `.csv` file. `is_text`: all values are text, as CSV has it.

    `size` is the file's, in bytes, and `position` how much of it was read. Raises `OSError` and `RowFileError`, also
    while it is iterated.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        kinds = {".csv": self._csv, ".jsonl": self._json_lines, ".ndjson": self._json_lines, ".json": self._json}
        kind = kinds.get(file.suffix.lower())
        if kind is None:
            raise RowFileError("the name must end in .json, .jsonl, .ndjson or .csv")
        self.size = file.stat().st_size
        if self.size == 0:
            raise RowFileError("the file is empty")
        with file.open("rb") as opened:
            if opened.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise RowFileError("it is UTF-16: save it as UTF-8")
        self.is_text = kind == self._csv
        self.position = 0
        self._rows = kind

    def __iter__(self) -> Iterator[Row]:
        self.position = 0
        return self._rows()

    def _lines(self) -> Iterator[bytes]:
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines):
                self.position += len(line)
                yield line.removeprefix(_BOM) if number == 0 else line

    # ------------------------------------------------------------ JSON

    def _json(self) -> Iterator[Row]:
        data = self.file.read_bytes().removeprefix(_BOM)
        try:
            values = msgspec.json.decode(data, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            raise RowFileError("a .json file must hold an array of objects; lines of objects are .jsonl") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise RowFileError(f"it is not JSON: {_why(data)}") from None
        for number, value in enumerate(values, 1):
            self.position += len(bytes(value))
            yield _row(f"row {number}", bytes(value))

    def _json_lines(self) -> Iterator[Row]:
        for number, line in enumerate(self._lines(), 1):
            if line.strip():
                yield _row(f"line {number}", line)

    # ------------------------------------------------------------ CSV

    def _csv(self) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader(self._text_lines(), strict=True)
        try:
            heading = next((cells for cells in reader if cells), [])
            self._check_heading(heading)
            for cells in reader:
                if cells:
                    yield _csv_row(f"line {reader.line_num}", heading, cells)
        except csv.Error as error:
            raise RowFileError(f"line {reader.line_num} is not CSV: {error}") from None

    def _text_lines(self) -> Iterator[str]:
        for number, line in enumerate(self._lines(), 1):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise RowFileError(f"line {number} is not UTF-8: save the file as UTF-8") from None

    def _check_heading(self, heading: list[str]) -> None:
        if len(heading) == 1 and any(mark in heading[0] for mark in ";\t"):
            raise RowFileError(f"its heading {heading[0][:60]!r} is one name: separate cells by commas")
        twice = next((name for name in heading if heading.count(name) > 1), None)
        if twice is not None:
            raise RowFileError(f"its heading names {twice!r} twice")


def _why(data: bytes) -> str:
    try:
        strict_json.decode(data, max_values=len(data))
    except strict_json.StrictJsonError as error:
        return str(error)
    return "it is nested too deeply"


def _row(place: str, data: bytes) -> Row:
    try:
        return Row(place, strict_json.decode(data), len(data))
    except strict_json.StrictJsonError as error:
        return Row(place, None, 0, str(error))


def _csv_row(place: str, heading: list[str], cells: list[str]) -> Row:
    if len(cells) != len(heading):
        return Row(place, None, 0, f"has {len(cells)} cells, the heading has {len(heading)}")
    if any("\0" in cell for cell in cells):
        return Row(place, None, 0, "a cell holds the character NUL (U+0000)")
    return Row(place, dict(zip(heading, cells, strict=True)), sum(map(len, cells)))


def chunks(rows: RowFile) -> Iterator[list[Row]]:
    """The rows in groups that one request can carry."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        if chunk and (len(chunk) == CHUNK_ROWS or size + row.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += row.size
    if chunk:
        yield chunk
