"""The shape of an error."""

from __future__ import annotations

import copy
import pickle

from hinterland.kit.cel.errors import CelError, nearest


def test_an_error_shows_the_place() -> None:
    """Message, hint, line, column, and the line with carets under the words meant."""
    error = CelError("this is wrong", "a &&\n\tb == c", 6, 12, "write d")
    assert (error.line, error.column, error.offset, error.end) == (2, 2, 6, 12)
    assert str(error) == "this is wrong; write d (line 2, column 2)\n     b == c\n     ^^^^^^"


def test_a_long_line_is_cut_around_the_place() -> None:
    """At most 100 characters are shown, and the caret is among them."""
    excerpt = CelError("wrong", "a" * 4000 + "!" + "b" * 4000, 4000).excerpt
    line, carets = excerpt.split("\n")
    assert len(line) == 100
    assert line[len(carets) - 1] == "!"


def test_a_place_past_the_end_has_a_caret_too() -> None:
    """What is missing at the end is pointed at behind the last character."""
    assert CelError("more is needed", "a &&", 4).excerpt == "a &&\n    ^"


def test_an_error_can_be_copied() -> None:
    """It survives pickle and copy, as errors must that cross a process or a task."""
    error = CelError("wrong", "a = b", 2, 3, "try")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert str(twin) == str(error)


def test_the_nearest_word_is_named() -> None:
    """A near word is proposed, whatever its case; else the known ones are listed."""
    assert nearest("autor", ["author", "title"]) == 'did you mean "author"?'
    assert nearest("TITLE", ["author", "title"]) == 'did you mean "title"?'
    assert nearest("xyz", ["title", "author"]) == "known: author, title"
    assert nearest("xyz", []) == ""
