"""What is refused when a rule is declared, and what the message says to write instead."""

from __future__ import annotations

import pytest

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.typed import reads
from hinterland.kit.cel.types import BOOL, INT, STRING, Environment, ObjectType
from tests.kit.cel.schema import ENVIRONMENT


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "auth != null && auth.id == record.id",
        "record.tags.exists(tag, tag == auth.id)",
        "record['id'] == 'x'",
        "record.at > timestamp('2026-01-02T03:04:05Z')",
        "record.price > 3",
        "3 < record.price",
        "record.count >= 1.5",
        "record.count == 2.0",
        "1 == 1.0",
        "record.big in [1, 9007199254740993]",
        "record.price in [1, 2.5]",
        "record.count in record.prices",
        "record.price in [record.count, 2]",
        "(record.open ? record.count : record.big) > 0",
        "has(record.json) && record.json != null",
        "record.json.a.b == 'x' && record.json['a b'] > 1 && record.json.c && !record.json.d",
        "'a' in record.json.a && record.json.b in [1, 2.5] && has(record.json.c.d) && record.json.e.startsWith('x')",
        "'a' in ['a', 'b'] && ['a'].exists(x, x == record.id) && [1, 2][0] == 1",
        "double(record.big) > record.price && int(record.count) == 1 && string('a') == 'a' && double(1.5) == 1.5",
        "old == null || old.id == record.id",
        "record == null",
        "record.blob == b'a'",
    ],
)
def test_rules_that_can_be_exact_are_accepted(source: str) -> None:
    """The checked tree is a bool and has the rule's own words."""
    tree = check(parse(source), ENVIRONMENT)
    assert tree.type is BOOL
    assert tree.text == source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("record.vale == 'x'", 'record has no field "vale"; did you mean "value"?'),
        ("recrod.id == 'x'", 'unknown variable "recrod"; did you mean "record"?'),
        ("value == 'x'", 'unknown variable "value"; write record.value'),
        ("nothing == 'x'", 'unknown variable "nothing"; known: auth, old, record'),
        ("record.id.lenght() > 1", 'unknown function "lenght"; known: all, base64.decode'),
        ("record.id.startWith('a')", 'did you mean "startsWith"?'),
        ("record.id.matches(record.key)", "a pattern must be a literal string"),
        ("record.id.matches('a**')", "this pattern is not possible: a repetition cannot follow another"),
        ("record.id.matches('(?=a)')", "(? begins no group that is the same everywhere; write (…) or (?:…)"),
        ("record.id.matches('\\\\bx')", "\\b is not the same everywhere"),
        ("record.id.matches('((a{1,99}){1,99}){1,99}')", "has more than 300 parts"),
        (
            "record.id.size > 1",
            "record.id is a string and has no field 'size'; a method is called with brackets: size()",
        ),
        ("record.id.first == 'x'", "record.id is a string and has no field 'first' (line"),
        ("record.count[0] == 1", "record.count is an int and has no elements"),
        ("record.json + 1 == 2", "record.json may hold anything, so its type is not known here; compare it with"),
        ("record.json.a == record.json.b", "record.json.a may hold anything, so its type is not known here"),
        ("size(record.json) == 1", "record.json may hold anything, so its type is not known here"),
        ("record.json[0] == 1", "record.json may hold anything, so its type is not known here"),
        (
            "record.json.at < record.at",
            "record.json.at may hold anything, but never a timestamp; compare it as",
        ),
        ("record.json.a == record.big", "a 64-bit integer and a double cannot be compared exactly"),
        ("record.json.a == 9007199254740993", "no double equals this integer exactly"),
        ("record.json['a\"b'] == 1", "a name inside of a value is not empty and has no quotation marks"),
        ("record.json[''] == 1", "a name inside of a value is not empty"),
        ("record.at in record.json", "a timestamp is not looked for in what may hold anything"),
        ("record", "record is an object and has no value of its own"),
        ("auth && true", "auth is an object, but a bool is needed; compare it, or write auth != null"),
        ("record.id", "this is a string, but a bool is needed; compare it, or write record.id != null"),
        ("record.count + 1", "this is an int64, but a bool is needed (line"),
        ("record.id && true", "record.id is a string, but a bool is needed"),
        ("record.count + 1 || true", "record.count + 1 is an int64, but a bool is needed (line"),
        ("!record.id", "write record.id != null"),
        ("record == old", "record is an object and has no value of its own; name one of its fields: at, atom, big"),
        ("null == null", "only a field or a variable can be null"),
        ("null", "null can only be compared with == and !="),
        ("record.id < null", 'null can only be compared with "==" and "!="'),
        ("record.count + 1 == null", "only a field or a variable can be null"),
        ("record.tags.exists(t, t == null)", "only a field or a variable can be null"),
        ("record.id == 3", "a string is never compared with an int; write string(3)"),
        ("record.count == '3'", "write string(record.count) to compare as strings"),
        ("record.open == 'true'", "write it without quotes if a bool is meant"),
        ("record.blob == 'a'", 'write bytes as b"…"'),
        ("record.at > '2026-01-02'", 'write a moment as timestamp("2026-01-02T03:04:05Z")'),
        ("record.open == record.at", "a bool is never compared with a timestamp (line"),
        ("record.tags < ['a']", "a list(string) is not compared with a list(string) like this"),
        ("record.tags == [1]", "a list(string) is not compared with a list(int) like this"),
        (
            "record.tags - record.tags == record.tags",
            "record.tags is a list and cannot be compared or computed with; use",
        ),
        ("1u == 1", "a uint is never compared with an int"),
        ("record.count == 1.5", "an integer never equals a number with a fraction"),
        ("record.count < 1e30", "this number is beyond every 64-bit integer"),
        ("record.price > 9007199254740993", "no double equals this integer exactly; write it as a double"),
        ("record.big > record.price", "cannot be compared exactly in both databases; write double(record.big)"),
        ("record.count + 1 > record.price", "cannot be compared exactly in both databases"),
        ("record.price * 2 > 1.0", "double * int is not possible; write 2.0 for 2, or convert with double()"),
        ("record.price % 2.0 > 1.0", "double % double is not possible; % takes integers"),
        ("record.id + 1 == 'a'", "string + int is not possible; convert with string()"),
        ("record.id - 'a' == 'a'", "string - string is not possible (line"),
        ("record.price * 1e200 > 1.0", "arithmetic takes doubles of magnitude 1e-150 to 1e150, and 0"),
        ("-record.id == 'a'", "a string has no negative (line"),
        ("-record.open", 'a bool has no negative; use "!"'),
        ("record.open ? 1 : 'a'", "the branches are an int and a string; they must be of one type"),
        ("(record.open ? record.tags : record.tags)[0] == 'a'", "is a list and cannot be compared"),
        ("'a' in record", "record is an object, not a list; use has() for a field"),
        ("'a' in record.id", "record.id is a string, not a list; write record.id.contains('a')"),
        ("'a' in record.count", "this is an int, but a list is needed"),
        ("record.json in record.json.a", "record.json may hold anything"),
        ("1 in record.tags", "an int is never in a list of string; write string(1)"),
        ("'1' in record.counts", "a string is never in a list of int; write it without quotes if an int is meant"),
        ("1.5 in record.counts", "a double is never in a list of int"),
        ("record.big in record.prices", "cannot be compared exactly in both databases"),
        ("record.id in ['a', 1]", "this is an int in a list of string"),
        ("record.tags[-1] == 'a'", "an index counts from 0"),
        ("record.tags[4294967296] == 'a'", "an index counts from 0"),
        ("record.tags[record.count] == 'a'", "an index must be a literal integer"),
        ("record.tags['a'] == 'a'", "an index must be a literal integer"),
        ("record[record.id] == 'a'", "record is an object and has no value of its own"),
        ("has(record)", "has() takes a field; write has(record.title)"),
        ("has(record.tags[0])", "has() takes a field"),
        ("has('a')", "has() takes a field"),
        ("record.has(id)", "has() is not called like this; write has(record.title)"),
        ("contains(record.id, 'a')", 'contains() is not called like this; write record.title.contains("word")'),
        ("record.id.contains()", "contains() has other arguments; write"),
        ("record.tags.contains('a')", "contains() is for strings; write 'a' in record.tags"),
        ("record.id.contains(1)", "this is an int, but a string is needed"),
        ("size(record.count) > 1", "an int has no size; strings, bytes and lists have one"),
        ("record.count.lowerAscii() == 'a'", "this is an int, but a string is needed"),
        ("timestamp('tomorrow') == record.at", "this is not a moment; write it as RFC 3339"),
        ("record.id.exists(x, true)", "exists() is for lists, this is a string"),
        ("record.tags.exists('x', true)", "the first argument of exists() names the element"),
        ("record.tags.exists(x, x)", "x is a string, but a bool is needed"),
        ("record.tags.exists(old, true)", '"old" is already a variable'),
        ("record.tags.exists(x, true) && x == 'a'", 'unknown variable "x"'),
    ],
)
def test_what_cannot_be_exact_is_refused_when_declared(source: str, message: str) -> None:
    """The message says what is wrong with which words, and what to write instead."""
    with pytest.raises(CelError) as caught:
        check(parse(source), ENVIRONMENT)
    assert message in str(caught.value)
    assert caught.value.excerpt


def test_another_type_than_bool_can_be_asked_for() -> None:
    """An expression may compute a value; both kinds of integers are integers."""
    assert check(parse("record.id + 'x'"), ENVIRONMENT, STRING).type is STRING
    assert check(parse("record.count + 1"), ENVIRONMENT, INT).text == "record.count + 1"
    with pytest.raises(CelError, match="this is a bool, but a string is needed"):
        check(parse("true"), ENVIRONMENT, STRING)


def test_reads_are_known() -> None:
    """Which fields of which variable a rule reads, tests for null included; a macro's own variable is none."""
    tree = check(
        parse(
            "auth != null && (auth.id in record.tags || has(record.json) || old.count > record.counts[0]) "
            "&& record.tags.exists(t, t in auth.roles && t == record.value)"
        ),
        ENVIRONMENT,
    )
    assert reads(tree, "auth") == {"", "id", "roles"}
    assert reads(tree, "record") == {"tags", "json", "counts", "value"}
    assert reads(tree, "old") == {"count"}
    assert reads(tree, "t") == {""}
    assert tree.variables == {"auth", "record", "old"}


def test_dyn_changes_nothing() -> None:
    """dyn() is its operand, whose type stays known: what that does not allow is refused all the same."""
    tree = check(parse("dyn(record.count) > 1 && dyn(record.key) == null"), ENVIRONMENT)
    assert predicate(tree)({"record": {"count": 2, "key": None}}) is True
    with pytest.raises(CelError, match="an int is never compared with a string"):
        check(parse("dyn(record.count) == 'a'"), ENVIRONMENT)


def test_objects_may_be_nested() -> None:
    """A path may be longer than one field; what is nested is read and tested like any other."""
    environment = Environment({"auth": ObjectType({"claims": ObjectType({"team": STRING})}, nullable=True)})
    tree = check(parse("has(auth.claims.team) && auth.claims != null && auth.claims['team'] == 'a'"), environment)
    assert reads(tree, "auth") == {"claims", "claims.team"}
