"""CSV as people and programs write it: what is read, and what is refused with which words."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from hinterland.cli.csv_rows import MAX_COLUMNS
from hinterland.cli.row import FileRow, Layout, RowFileError
from hinterland.cli.rows import RowFile, chunks

MARK = "\ufeff"


def read(folder: Path, content: bytes | str, name: str = "a.csv", **layout: Any) -> list[FileRow]:
    """The rows of a file with this content."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return [*RowFile(file, Layout(**layout))]


def values(folder: Path, content: bytes | str, name: str = "a.csv", **layout: Any) -> list[Any]:
    """What the rows hold; none has a problem."""
    rows = read(folder, content, name, **layout)
    assert [row.problem for row in rows if row.problem] == []
    return [row.value for row in rows]


@pytest.mark.parametrize(
    "content",
    [
        "x,y\n1,a\n2,b\n",
        "x;y\n1;a\n2;b\n",
        "x\ty\n1\ta\n2\tb\n",
        "x, y\n1, a\n2, b\n",
        'x, y\n1, "a"\n2, "b"\n',
        " x ,y\n1,a\n2,b",
        "x,y\r1,a\r2,b\r",
        "x,y\r\n1,a\r\n\r\n2,b",
        "x,y,\n1,a,\n2,b,\n",
        "x,y,,\n1,a,,\n,,,\n2,b,,\n",
        "sep=;\nx;y\n1;a\n2;b\n",
        "SEP=,\r\nx,y\r\n1,a\r\n2,b\r\n",
        "\n\nx,y\n1,a\n2,b\n",
        f"{MARK}x;y\r\n1;a\r\n2;b\r\n",
        f"{MARK}sep=;\r\nx;y\r\n1;a\r\n2;b\r\n",
        '"x","y"\n"1","a"\n"2","b"\n',
    ],
)
def test_the_same_rows(tmp_path: Path, content: str) -> None:
    """Commas, semicolons or tabs, found in the heading or named by `sep=`, blanks behind them, empty columns at the
    end, any ends of lines, blank lines and a byte order mark: the rows are the same."""
    assert values(tmp_path, content) == [{"x": "1", "y": "a"}, {"x": "2", "y": "b"}]


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8", ""), ("utf-16", ""), ("utf-8-sig", ""), ("latin-1", "latin-1"), ("cp1252", "windows-1252"),
     ("utf-16-be", "utf-16-be"), ("shift_jis", "shift_jis")],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, named: str) -> None:
    """UTF-8 is read, UTF-16 that begins with its mark, and any other encoding that is named."""
    text = "né" if encoding != "shift_jis" else "日本"
    assert values(tmp_path, f"x\n{text}\n".encode(encoding), encoding=named) == [{"x": text}]


def test_a_separator_that_is_named(tmp_path: Path) -> None:
    """A named separator is taken even where the heading has more of another; a .tsv file has tabs."""
    assert values(tmp_path, "x|y;z;w\n1|2\n", separator="|") == [{"x": "1", "y;z;w": "2"}]
    assert values(tmp_path, "x,y,z\tw\n1\t2\n", name="a.tsv") == [{"x,y,z": "1", "w": "2"}]
    assert values(tmp_path, '"a;b;c",d\n1,2\n') == [{"a;b;c": "1", "d": "2"}]
    assert values(tmp_path, "x\n 1\n") == [{"x": " 1"}]  # one column has no separator that a blank could follow


def test_blanks_that_belong_to_values(tmp_path: Path) -> None:
    """A blank behind a separator is the value's, unless the heading has blanks there too."""
    assert values(tmp_path, "x,y\n1, a\n") == [{"x": "1", "y": " a"}]


def test_headings_are_mapped(tmp_path: Path) -> None:
    """A heading becomes the field that it is mapped to, and a column mapped to nothing is left out."""
    renames = {"Full name": "name", "Notes": ""}
    assert values(tmp_path, "Full name,Notes,x\nAda,n,1\n", renames=renames) == [{"name": "Ada", "x": "1"}]


def test_a_cell_over_several_lines(tmp_path: Path) -> None:
    """A quoted cell may hold ends of lines; the place of a row is its last line."""
    (row,) = read(tmp_path, 'x,y\n"1\n2",3\n')
    assert row == FileRow("line 2", {"x": "1\n2", "y": "3"}, 4)


@pytest.mark.parametrize(
    ("content", "layout", "words"),
    [
        ("x\nä\n".encode("latin-1"), {}, "line 2 is not UTF-8; save the file as UTF-8, or give its encoding, such as"),
        (b"\xff\xfex\0\n\0\0\xd8", {}, "is not UTF-16"),
        (b"x\n\x81\n", {"encoding": "windows-1252"}, "line 2 is not WINDOWS-1252"),
        ("x\n1\n", {"encoding": "klingon"}, "unknown encoding 'klingon'"),
        ("x\n1\n", {"encoding": "base64"}, "unknown encoding 'base64'"),
        ("x,y,x\n1,2,3\n", {}, "has 'x' twice"),
        ("x,y\n1,2\n", {"renames": {"y": "x"}}, "has 'x' twice"),
        ("x,y\n1,2\n", {"renames": {"Name": "name"}}, "no column 'Name' to map; the columns are 'x', 'y'"),
        ("x,,y\n1,2,3\n", {}, "column 2 has no name"),
        ('x\n1\n"2\n3\n', {}, "line 3 opens a quote that is never closed"),
        ('x\n"1"2\n', {}, "line 2 is not CSV"),
        ('x\n1\n"' + "y" * 10_000_001, {}, "the row of line 3 has a cell of over 10,000,000 characters"),
        ("\n\n", {}, "the file has no heading"),
        (",".join(map(str, range(100_000))) + "\n", {}, f"100,000 names; the maximum is {MAX_COLUMNS:,}"),
    ],
)
def test_files_that_are_no_rows(tmp_path: Path, content: bytes | str, layout: dict[str, Any], words: str) -> None:
    """A file that can't be read as rows is refused as a whole, with the place and what to do."""
    with pytest.raises(RowFileError) as error:
        read(tmp_path, content, **layout)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        ("x,y\n1,2\n1\n", "line 3", "1 cells, but the heading has 2"),
        ("x,y\n1,2,3\n", "line 2", "3 cells, but the heading has 2"),
        ("x,y,\n1,2,3\n", "line 2", "3 cells, but the heading has 2"),
        ("x\n\0\n", "line 2", "NUL"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, content: str, place: str, words: str) -> None:
    """A row with more or fewer cells than the heading, or with NUL, is refused with its place; the others are read."""
    (row,) = [row for row in read(tmp_path, content) if row.problem]
    assert row.place == place
    assert words in row.problem


def test_lone_carriage_returns_are_lines(tmp_path: Path) -> None:
    """Memory is bounded where lines end with a lone carriage return."""
    file = tmp_path / "a.csv"
    file.write_bytes(b"x\r" + (b"x" * 1_000 + b"\r") * 20_000)
    tracemalloc.start()
    count = sum(len(chunk) for chunk in chunks(RowFile(file)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 3_000_000
