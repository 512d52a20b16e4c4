"""Tokens: literals, signs, comments, and what is none of them."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.cel import lexer
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.lexer import MAX_LENGTH, tokens


def only(source: str) -> tuple[str, object]:
    """The one token of a source: its kind and its value."""
    token, end = tokens(source)
    assert (end.kind, token.start, token.end) == (lexer.END, 0, len(source))
    return token.kind, token.value


@pytest.mark.parametrize(
    ("source", "kind", "value"),
    [
        ("12", lexer.INTEGER, 12),
        ("0x1F", lexer.INTEGER, 31),
        ("1.5", lexer.DOUBLE, 1.5),
        (".5", lexer.DOUBLE, 0.5),
        ("1e3", lexer.DOUBLE, 1000.0),
        ("2.5E-1", lexer.DOUBLE, 0.25),
        ("'a\"b'", lexer.TEXT, 'a"b'),
        ('"a\'b"', lexer.TEXT, "a'b"),
        ('"""a"b\n"""', lexer.TEXT, 'a"b\n'),
        ("'''a'b'''", lexer.TEXT, "a'b"),
        (r'"\a\b\f\n\r\t\v\\\?\"\'\`"', lexer.TEXT, "\a\b\f\n\r\t\v\\?\"'`"),
        (r'"\x41\u00e9\U0001F600\101"', lexer.TEXT, "Aé😀A"),
        (r'r"\n\"', lexer.TEXT, r"\n" + "\\"),
        ("R'''\\'''", lexer.TEXT, "\\"),
        ('b"a"', lexer.BYTES, "YQ=="),
        (r'b"\xff\357é"', lexer.BYTES, "/+/DqQ=="),
        (r'br"\x"', lexer.BYTES, "XHg="),
        ("rB'é'", lexer.BYTES, "w6k="),
        ("record", lexer.NAME, "record"),
        ("&&", lexer.SIGN, "&&"),
    ],
)
def test_literals_have_the_value_that_the_specification_gives(source: str, kind: str, value: object) -> None:
    """Each form of literal is one token with its value."""
    assert only(source) == (kind, value)


def test_spaces_and_comments_are_skipped() -> None:
    """White space and comments to the end of the line only part tokens."""
    found = [token.value for token in tokens("a // b\n\t && // c\r\n !d // end")]
    assert found == ["a", "&&", "!", "d", ""]


@pytest.mark.parametrize(
    ("source", "message", "column"),
    [
        ("a = b", 'use "==" to compare', 3),
        ("a === b", 'use "==" to compare', 5),
        ("a & b", 'use "&&" for and', 3),
        ("a | b", 'use "||" for or', 3),
        ("a ~ b", "contains()", 3),
        ("“a”", "straight quotes", 1),
        ("$a", "no prefix", 1),
        ("a;", "no statements", 2),
        ("é", "not part of the language", 1),
        ("1.5u", '"1.5u" is not a number', 1),
        ("12abc", "is not a number", 1),
        ("1e999", "too big for a double", 1),
        ("0x" + "f" * 4_000, "too big for a 64-bit integer", 1),
        ("9" * 31, "too big for a 64-bit integer", 1),
        ('a == "b', "is not closed", 6),
        ('"a\nb"', "is not closed", 1),
        ('"a\\', "is not closed", 1),
        ("'''a''", "is not closed", 1),
        ("rr'a'", "is not a prefix", 1),
        (r'"a\q"', "this escape is not known", 3),
        (r'"\u12"', "this escape is not known", 2),
        (r'"\U00110000"', "no character has this number", 2),
        (r'b"\u0041"', "this escape is not known", 3),
        (r'"a\x00"', "U+0000", 3),
        (r'"\ud800"', "surrogate", 2),
    ],
)
def test_what_is_no_token_is_refused_with_what_to_try(source: str, message: str, column: int) -> None:
    """The message names the trouble or what to write instead, and the place is right."""
    with pytest.raises(CelError) as caught:
        tokens(source)
    assert message in str(caught.value)
    assert caught.value.column == column


def test_length_is_limited() -> None:
    """8,192 characters are read, one more is refused."""
    assert len(tokens(" " * MAX_LENGTH)) == 1
    with pytest.raises(CelError, match="8,193 characters, at most 8,192"):
        tokens(" " * (MAX_LENGTH + 1))


@pytest.mark.parametrize(
    "source", ["/" * 8192, '"' * 8191, "\\" * 8192, '"' + "\\a" * 4095 + '"', "0" * 8192, "'''" * 2730]
)
def test_no_text_makes_the_lexer_slow(source: str) -> None:
    """The longest texts are read or refused at once, whatever repeats in them."""
    start = process_time()
    try:
        tokens(source)
    except CelError as error:
        str(error)
    assert process_time() - start < 2


@given(st.text())
def test_any_text_is_tokens_or_a_clear_error(source: str) -> None:
    """No text makes the lexer fail in another way."""
    try:
        last = tokens(source)[-1].kind
    except CelError as error:
        last = error.excerpt and lexer.END
    assert last == lexer.END
