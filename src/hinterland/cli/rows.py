"""The rows of a file, one after the other: JSON lines and CSV in bounded memory, a JSON array as a whole."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hinterland.cli.csv_rows import SEPARATORS, CsvRows
from hinterland.cli.row import FileRow, Layout, RowFileError
from hinterland.kit import strict_json

CHUNK_ROWS = 200
CHUNK_BYTES = 1_000_000
_BOM = codecs.BOM_UTF8


class RowFile:
    """The rows of a `.json`, `.jsonl`, `.ndjson`, `.csv` or `.tsv` file. `is_text`: all values are text, as CSV has it.

    `size` is the file's, in bytes, and `position` how much of it was read. Raises `OSError` and `RowFileError`, also
    while it is iterated.
    """

    def __init__(self, file: Path, layout: Layout = Layout()) -> None:  # noqa: B008
        self.file = file
        self.layout = layout
        kinds = {".csv": self._csv, ".tsv": self._csv, ".json": self._json}
        kinds |= dict.fromkeys((".jsonl", ".ndjson"), self._json_lines)
        kind = kinds.get(file.suffix.lower())
        if kind is None:
            raise RowFileError("unknown file type; the name must end in .json, .jsonl, .ndjson, .csv or .tsv")
        self.size = file.stat().st_size
        if self.size == 0:
            raise RowFileError("the file is empty")
        self.is_text = kind == self._csv
        self._check_layout()
        self.position = 0
        self._rows = kind
        self.csv = CsvRows(file, self._csv_layout(), self._at) if self.is_text else None

    def _check_layout(self) -> None:
        if self.is_text:
            try:
                "".encode(self.layout.encoding or "utf-8")
            except LookupError:
                raise RowFileError(f"unknown encoding {self.layout.encoding!r}; use utf-8 or windows-1252") from None
            return
        if self.layout.encoding or self.layout.separator:
            raise RowFileError("--encoding and --separator are for CSV only; JSON is UTF-8")
        with self.file.open("rb") as opened:
            if opened.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise RowFileError("the file is UTF-16; save it as UTF-8")

    def _csv_layout(self) -> Layout:
        is_tabbed = self.file.suffix.lower() == ".tsv" and not self.layout.separator
        return self.layout._replace(separator=SEPARATORS["tab"]) if is_tabbed else self.layout

    def _at(self, position: int) -> None:
        self.position = position

    def __iter__(self) -> Iterator[FileRow]:
        self.position = 0
        return self._rows()

    def _lines(self) -> Iterator[bytes]:
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines):
                self.position += len(line)
                yield line.removeprefix(_BOM) if number == 0 else line

    def _json(self) -> Iterator[FileRow]:
        data = self.file.read_bytes().removeprefix(_BOM)
        try:
            values = msgspec.json.decode(data, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            raise RowFileError("a .json file must contain an array of objects; .jsonl has an object per line") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise RowFileError(f"invalid JSON: {_why(data)}") from None
        for number, value in enumerate(values, 1):
            self.position += len(bytes(value))
            yield self._row(f"row {number}", bytes(value))

    def _json_lines(self) -> Iterator[FileRow]:
        for number, line in enumerate(self._lines(), 1):
            if line.strip():
                yield self._row(f"line {number}", line)

    def _csv(self) -> Iterator[FileRow]:
        assert self.csv is not None
        return iter(self.csv)

    def _row(self, place: str, data: bytes) -> FileRow:
        try:
            value = strict_json.decode(data)
        except strict_json.StrictJsonError as error:
            return FileRow(place, None, 0, str(error))
        if not self.layout.renames or not isinstance(value, dict):
            return FileRow(place, value, len(data))
        return _renamed(FileRow(place, value, len(data)), self.layout.renames)


def _renamed(row: FileRow, renames: Mapping[str, str]) -> FileRow:
    names = [renames.get(name, name) for name in row.value]
    kept = [name for name in names if name]
    if len(set(kept)) != len(kept):
        twice = next(name for name in kept if kept.count(name) > 1)
        return FileRow(row.place, None, 0, f"two names are mapped to {twice!r}")
    return row._replace(value={name: held for name, held in zip(names, row.value.values(), strict=True) if name})


def _why(data: bytes) -> str:
    try:
        strict_json.decode(data, max_values=len(data))
    except strict_json.StrictJsonError as error:
        return str(error)
    return "nested too deeply"


def chunks(rows: RowFile) -> Iterator[list[FileRow]]:
    """The rows in groups that one request can carry."""
    chunk: list[FileRow] = []
    size = 0
    for row in rows:
        if chunk and (len(chunk) == CHUNK_ROWS or size + row.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += row.size
    if chunk:
        yield chunk
