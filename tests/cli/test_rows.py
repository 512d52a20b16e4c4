"""Files as rows: what is read, what is refused and with which words, and how much is in memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from hinterland.cli import rows as rows_module
from hinterland.cli.row import FileRow, Layout, RowFileError
from hinterland.cli.rows import RowFile, chunks


def file_of(folder: Path, name: str, content: bytes | str) -> Path:
    """A file with this content."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def read(folder: Path, name: str, content: bytes | str) -> list[FileRow]:
    """The rows of a file with this content."""
    return [*RowFile(file_of(folder, name, content))]


def values(folder: Path, name: str, content: bytes | str) -> list[Any]:
    """What sound rows hold."""
    return [row.value for row in read(folder, name, content) if not row.problem]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '[{"x": "1"}, {"x": "2"}]'),
        ("a.JSON", b'\xef\xbb\xbf[{"x": "1"},\n{"x": "2"}]\n'),
        ("a.jsonl", '{"x": "1"}\n\n{"x": "2"}'),
        ("a.ndjson", b'\xef\xbb\xbf{"x": "1"}\r\n{"x": "2"}\r\n'),
        ("a.csv", "x\n1\n2\n"),
        ("a.csv", b'\xef\xbb\xbfx\r\n"1"\r\n\r\n2'),
    ],
)
def test_the_same_rows(tmp_path: Path, name: str, content: bytes | str) -> None:
    """Each format, with a byte order mark, blank lines or either end of line, has the same rows."""
    assert values(tmp_path, name, content) == [{"x": "1"}, {"x": "2"}]


def test_only_csv_is_text(tmp_path: Path) -> None:
    """The values of CSV are texts, whose kind the fields decide; those of JSON have a kind."""
    assert RowFile(file_of(tmp_path, "a.csv", "x\n1")).is_text
    assert not RowFile(file_of(tmp_path, "a.jsonl", "{}")).is_text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "x", "the name must end in .json, .jsonl, .ndjson, .csv or .tsv"),
        ("a.json", "", "the file is empty"),
        ("a.csv", "", "the file is empty"),
        ("a.json", '{"x": 1}', "must contain an array of objects; .jsonl has an object per line"),
        ("a.json", '[{"x": 1}', "invalid JSON"),
        ("a.json", '[{"x": 1}] more', "invalid JSON"),
        ("a.json", "[" * 100_000, "invalid JSON"),
        ("a.json", '[{}, {"x": "\\ud800"}]', "half of a surrogate pair"),
        ("a.jsonl", "{}".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    ],
)
def test_files_that_are_no_rows(tmp_path: Path, name: str, content: bytes | str, words: str) -> None:
    """A file that can't be read as rows is refused as a whole, with the place and what to do."""
    with pytest.raises(RowFileError) as error:
        read(tmp_path, name, content)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "place", "words"),
    [
        ("a.jsonl", '{"x": 1}\n{"x": 1', "line 2", "cut off"),
        ("a.jsonl", '\n{"x": 1, "x": 2}', "line 2", "the name 'x' appears twice"),
        ("a.jsonl", b'{"x": "\xff"}', "line 1", "not UTF-8"),
        ("a.json", '[{"x": "\\u0000"}]', "row 1", "NUL"),
        ("a.json", '[{"x": 1, "x": 2}]', "row 1", "appears twice"),
        ("a.json", '[{"x": 1' + "0" * 309 + "}]", "row 1", "beyond a double"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, name: str, content: bytes | str, place: str, words: str) -> None:
    """A row that a server would not take is refused with its place, as on the wire; the others are read."""
    (row,) = [row for row in read(tmp_path, name, content) if row.problem]
    assert row.place == place
    assert words in row.problem


def test_names_are_mapped(tmp_path: Path) -> None:
    """A name of an object becomes the field that it is mapped to, or is left out; two that become one are refused."""
    layout = Layout({"Full name": "name", "Notes": ""})
    text = '{"Full name": "Ada", "Notes": 1, "x": 2}\n{"Full name": "Ben", "name": "Ada"}\n[1]'
    first, second, third = RowFile(file_of(tmp_path, "a.jsonl", text), layout)
    assert first.value == {"name": "Ada", "x": 2}
    assert second.problem == "two names are mapped to 'name'"
    assert third.value == [1]


@pytest.mark.parametrize("layout", [Layout(separator=";"), Layout(encoding="latin-1")])
def test_options_of_csv_alone(tmp_path: Path, layout: Layout) -> None:
    """JSON has neither separators nor another encoding: such an option is refused, not ignored."""
    with pytest.raises(RowFileError, match="are for CSV only; JSON is UTF-8"):
        RowFile(file_of(tmp_path, "a.json", "[{}]"), layout)


def test_chunks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk has neither too many rows nor too many bytes; a row that is too large goes alone."""
    monkeypatch.setattr(rows_module, "CHUNK_ROWS", 3)
    monkeypatch.setattr(rows_module, "CHUNK_BYTES", 100)
    lines = [*(["{}"] * 7), '{"x": "%s"}' % ("x" * 200), '{"x": "%s"}' % ("x" * 60), '{"x": "%s"}' % ("x" * 60)]
    file = RowFile(file_of(tmp_path, "a.jsonl", "\n".join(lines)))
    assert [len(chunk) for chunk in chunks(file)] == [3, 3, 1, 1, 1, 1]
    assert file.position == file.size
    assert [len(chunk) for chunk in chunks(file)] == [3, 3, 1, 1, 1, 1]  # it can be read again


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_memory_is_bounded(tmp_path: Path, name: str) -> None:
    """JSON lines and CSV of 20 MB are read in a fraction of that."""
    line = '{"x": "%s"}\n' % ("x" * 1_000) if name == "a.jsonl" else "x" * 1_000 + "\n"
    file = file_of(tmp_path, name, "x\n" * (name == "a.csv") + line * 20_000)
    tracemalloc.start()
    count = sum(len(chunk) for chunk in chunks(RowFile(file)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 3_000_000
