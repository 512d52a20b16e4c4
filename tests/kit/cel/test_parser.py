"""The tree: precedence, places, limits, and messages that say what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import MAX_DEPTH, parse
from hinterland.kit.cel.tree import FieldAccess, FunctionCall, Index, Literal, Name, Node, Sequence


def shown(node: Node) -> str:
    """A tree with all its brackets."""
    inner = " ".join(shown(part) for part in node.parts())
    if isinstance(node, FunctionCall):
        return f"({'.' if node.is_method else ''}{node.function} {inner})".replace(" )", ")")
    if isinstance(node, FieldAccess):
        return f"{inner}.{node.field}"
    if isinstance(node, Index):
        return f"(index {inner})"
    if isinstance(node, Sequence):
        return f"[{inner}]"
    if isinstance(node, Name):
        return node.name
    assert isinstance(node, Literal)
    return repr(node.value)


def parsed(source: str) -> Node | CelError:
    """The tree, or why there is none."""
    try:
        return parse(source)
    except CelError as error:
        return error


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("a || b && c", "(|| a (&& b c))"),
        ("a && b || c && d", "(|| (&& a b) (&& c d))"),
        ("a && b && c", "(&& a b c)"),
        ("(a && b) && c", "(&& (&& a b) c)"),
        ("!a == b", "(== (!_ a) b)"),
        ("!!a", "(!_ (!_ a))"),
        ("!a.b(c)", "(!_ (.b a c))"),
        ("-a + b", "(+ (-_ a) b)"),
        ("- 1 - -2", "(- -1 -2)"),
        ("--1", "(-_ -1)"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("a - b - c", "(- (- a b) c)"),
        ("a + b * c % d", "(+ a (% (* b c) d))"),
        ("a * (b + c)", "(* a (+ b c))"),
        ("a + 1 < b == c", None),
        ("(a < b) == c", "(== (< a b) c)"),
        ("a == (b < c)", "(== a (< b c))"),
        ("a in b && c", "(&& (in a b) c)"),
        ("a ? b : c ? d : e", "(?: a b (?: c d e))"),
        ("a ? b ? c : d : e", "(?: a (?: b c d) e)"),
        ("a || b ? c : d", "(?: (|| a b) c d)"),
        ("a.b.c[0]['d']", "(index (index a.b.c 0) 'd')"),
        ("a.b(1, 'x').c", "(.b a 1 'x').c"),
        ("f()", "(f)"),
        ("[1, 2,]", "[1 2]"),
        ("[]", "[]"),
        ("a.package", "a.package"),
        ("null == true", "(== None True)"),
    ],
)
def test_operators_bind_as_the_specification_says(source: str, tree: str | None) -> None:
    """Precedence and associativity; comparisons alone are not chained."""
    if tree is None:
        with pytest.raises(CelError, match="comparisons cannot be chained"):
            parse(source)
    else:
        assert shown(parse(source)) == tree


def test_every_part_knows_its_words() -> None:
    """The text of a node is what the user wrote, with its brackets."""
    node = parse(" a.b == (c + 1) || !d ")
    assert node.text == "a.b == (c + 1) || !d"
    assert [part.text for part in node.parts()] == ["a.b == (c + 1)", "!d"]
    assert [part.text for part in node.parts()[0].parts()] == ["a.b", "(c + 1)"]


@pytest.mark.parametrize(
    ("source", "message", "column"),
    [
        ("", 'the expression is empty; write "true" to allow everybody', 1),
        ("  // nothing", "the expression ends where a value should follow", 13),
        ("a &&", "the expression ends where a value should follow", 5),
        ("a b", 'unexpected "b"; expected an operator or the end', 3),
        ("a and b", 'use "&&"', 3),
        ("not a", 'use "!"', 1),
        ("a OR b", 'use "||"', 3),
        ("a LIKE 'x'", "contains()", 3),
        ("(a", 'this "(" is never closed', 1),
        ("a[0", 'this "[" is never closed', 2),
        ("f(a", 'this "(" is never closed', 2),
        ("[a", 'this "[" is never closed', 1),
        ("[a b]", 'unexpected "b"; expected "]"', 4),
        ("f(, a)", 'unexpected ","; expected a value', 3),
        ("a)", 'unexpected ")"; expected an operator or the end', 2),
        ("a ? b", 'the expression ends where ":" should follow', 6),
        ("a.", "the expression ends where the name of a field should follow", 3),
        ("a.1", 'unexpected ".1"; expected', 2),
        ("a.in", 'unexpected "in"; expected the name of a field', 3),
        ("a..b", 'unexpected "."; expected the name of a field', 3),
        ("a. true", 'unexpected "true"; expected the name of a field', 4),
        ("{'a': 1}", "maps cannot be written", 1),
        ("for", '"for" cannot stand here', 1),
        ("9223372036854775808", "too big for a 64-bit integer", 1),
        ("-9223372036854775809", "too big for a 64-bit integer", 1),
        ("a == \n  b = c", 'use "=="', 5),
    ],
)
def test_what_is_no_expression_is_refused_with_what_to_try(source: str, message: str, column: int) -> None:
    """The message says what was found and expected, or what to write instead."""
    with pytest.raises(CelError) as caught:
        parse(source)
    assert message in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize(
    "source",
    [
        "(" * 1000 + "true" + ")" * 1000,
        "[" * 1000 + "]" * 1000,
        "!" * 8000 + "a",
        "-" * 8000 + "a",
        "a" + ".b" * 4000,
        "a" + "[0]" * 2000,
        "a" + ".f()" * 2000,
        "1" + "+1" * 4000,
        "a ? b : " * 1000 + "c",
        "f(" * 1000 + ")" * 1000,
        "(" * 8192,
    ],
)
def test_depth_is_limited(source: str) -> None:
    """Deep nesting of any kind gives a clear error and never a RecursionError."""
    with pytest.raises(CelError, match="nested deeper than 64 levels"):
        parse(source)


@pytest.mark.parametrize("source", ["(" * 63 + "a" + ")" * 63, "!" * 63 + "a", "a" + ".b" * 63, "1" + "+1" * 63])
def test_depth_is_enough(source: str) -> None:
    """Up to the limit all is well."""
    assert parse(source).text == source
    assert MAX_DEPTH == 64


def test_long_chains_are_one_level() -> None:
    """As many conditions as the length allows can be joined by && or by ||."""
    source = "||".join(["a"] * 2700)
    assert len(parse(source).parts()) == 2700


@given(st.text(alphabet="ab01.()[]!-+<=>&|?:,' \"\n{}in"))
def test_any_text_is_a_tree_or_a_clear_error(source: str) -> None:
    """No text makes the parser fail in another way, and an error's place is within the text."""
    found = parsed(source)
    if isinstance(found, CelError):
        assert 0 <= found.offset <= len(source)
        assert str(found)
    else:
        assert found.text == source[found.start : found.end]
