"""The rows of a CSV file (RFC 4180) as spreadsheets, databases and pandas write it, in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from hinterland.cli.row import FileRow, Layout, RowFileError

LONGEST_CELL = 10_000_000
MAX_COLUMNS = 2_000  # more than a table of either database can have
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPED = re.compile("[\ud800-\udfff]")  # a byte that the encoding does not have, as `surrogateescape` reads it
_QUOTED = re.compile(r'"[^"]*"')


class CsvRows:
    """The rows of `file`. `heading` and `separator` are known once the first row was read."""

    def __init__(self, file: Path, layout: Layout, at: Callable[[int], None]) -> None:
        self.file = file
        self.layout = layout
        self.separator = layout.separator
        self.encoding = layout.encoding or _encoding(file)
        self.heading: list[str] = []
        self._at = at  # is called with how many bytes were read

    def __iter__(self) -> Iterator[FileRow]:
        csv.field_size_limit(LONGEST_CELL)
        self._number, self._begin = 0, 1  # the line that was read last, and the one where its row begins
        with self.file.open("rb") as data:
            text = io.TextIOWrapper(data, self.encoding, errors="surrogateescape", newline="")
            lines = self._lines(data, text)
            first = self._first_line(lines)
            reader = csv.reader(
                self._from(first, lines), strict=True, delimiter=self.separator,
                skipinitialspace=_has_blanks(first, self.separator),
            )  # fmt: skip
            try:
                yield from self._rows(reader)
            except csv.Error as error:
                raise self._malformed(str(error)) from None

    def _malformed(self, reason: str) -> RowFileError:
        if "unexpected end" in reason:
            return RowFileError(f"line {self._begin} opens a quote that is never closed")
        if "field limit" in reason:
            length = f"{LONGEST_CELL:,} characters"
            return RowFileError(f"the row of line {self._begin} has a cell of over {length}; is a quote left open?")
        return RowFileError(f"line {self._number} is not CSV: {reason}")

    def _lines(self, data: io.BufferedReader, text: io.TextIOWrapper) -> Iterator[str]:
        try:
            for self._number, line in enumerate(text, 1):
                self._at(data.tell())
                if not line.isascii() and _ESCAPED.search(line):
                    raise self._wrong_encoding(self._number)
                yield line.removeprefix("\ufeff") if self._number == 1 else line
        except UnicodeDecodeError:
            raise self._wrong_encoding(self._number + 1) from None

    def _wrong_encoding(self, number: int) -> RowFileError:
        name = self.encoding.upper()
        way = "save the file as UTF-8, or give its encoding, such as --encoding windows-1252"
        return RowFileError(f"line {number} is not {name}; {way}")

    def _first_line(self, lines: Iterator[str]) -> str:
        """The heading's first line; before it are only blank lines or Excel's separator line."""
        for line in lines:
            if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) <= 5:
                self.separator = self.separator or line[4:5].strip("\r\n") or ","
            elif line.strip("\r\n"):
                self.separator = self.separator or _separator(line)
                return line
        raise RowFileError("the file has no heading; add a first line with the names of the fields")

    @staticmethod
    def _from(first: str, lines: Iterator[str]) -> Iterator[str]:
        yield first
        yield from lines

    def _rows(self, reader: Iterator[list[str]]) -> Iterator[FileRow]:
        self._begin = self._number
        self.heading = self._checked([name.strip() for name in next(reader)])
        fields = [self.layout.renames.get(name, name) for name in self.heading]
        self._begin = self._number + 1
        for cells in reader:
            if any(cells):
                yield _row(f"line {self._begin}", fields, cells)
            self._begin = self._number + 1

    def _checked(self, heading: list[str]) -> list[str]:
        while heading and not heading[-1]:
            heading.pop()  # a spreadsheet's empty columns
        if len(heading) > MAX_COLUMNS:
            raise RowFileError(f"its heading has {len(heading):,} names; the maximum is {MAX_COLUMNS:,}")
        if (empty := next((place for place, name in enumerate(heading, 1) if not name), 0)) > 0:
            raise RowFileError(f"column {empty} has no name; name it in the heading or remove it")
        named = [self.layout.renames.get(name, name) for name in heading]
        seen: set[str] = set()
        for name in filter(None, named):
            if name in seen:
                raise RowFileError(f"its heading has {name[:60]!r} twice; rename one of the columns")
            seen.add(name)
        if missing := sorted(self.layout.renames.keys() - set(heading)):
            raise RowFileError(f"no column {missing[0]!r} to map; the columns are {_shown(heading)}")
        return heading


def _encoding(file: Path) -> str:
    with file.open("rb") as opened:
        return "utf-16" if opened.read(2) in _UTF16 else "utf-8"


def _separator(heading: str) -> str:
    """The separator that a heading uses most; where it uses none, it has one column."""
    bare = _QUOTED.sub("", heading)
    return max(SEPARATORS.values(), key=bare.count)


def _has_blanks(heading: str, separator: str) -> bool:
    """Whether blanks follow the separators, as people write them by hand."""
    after = _QUOTED.sub("x", heading).rstrip("\r\n").split(separator)[1:]
    return bool(after) and all(cell.startswith(" ") for cell in after)


def _row(place: str, fields: list[str], cells: list[str]) -> FileRow:
    if len(cells) > len(fields) and not any(cells[len(fields) :]):
        cells = cells[: len(fields)]
    if len(cells) != len(fields):
        return FileRow(place, None, 0, f"{len(cells)} cells, but the heading has {len(fields)}")
    if any("\0" in cell for cell in cells):
        return FileRow(place, None, 0, "a cell contains the character NUL (U+0000); remove it")
    value = {field: cell for field, cell in zip(fields, cells, strict=True) if field}
    return FileRow(place, value, sum(map(len, cells)))


def _shown(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:20]) + (", …" if len(names) > 20 else "")
