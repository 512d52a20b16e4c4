"""Inputs of vectors about the forms of values, ids, and requests that are made by hand."""

from __future__ import annotations

from typing import Any

from tests.vectors.drawing import MADE
from tests.vectors.given import Case


def _valid(field: Case, *values: Any) -> list[Case]:
    return [{"field": field, "value": value} for value in values]


_EMAIL: Case = {"kind": "text", "format": "email"}
VALIDATION = [
    *_valid({"kind": "text", "min_length": 2, "max_length": 3}, "a", "ab", "abc", "abcd", "😀😀", "😀😀😀😀", 5, True,
    [], {}),
    *_valid({"kind": "text", "format": "url"}, "", "https://a.b/c", "HTTP://x", "ftp://x", "https:///", "https://a b",
    "http://é"),
    *_valid({"kind": "text", "choices": ["a", "b"]}, "a", "c", ""),
    *_valid(_EMAIL, "", "Ada@Example.org", "ada@example", "a.b+c@x.de", "a..b@x.de", "a b@x.de", "@x.de", "a@-x.de",
    "a@1.2"),
    *_valid(_EMAIL, "a@x.123", "x" * 64 + "@x.de", "x" * 65 + "@x.de", "a@b@x.de", "a\n@x.de", "a@" + "x" * 64 + ".de"),
    *_valid({"kind": "text", "pattern": "[a-z]+"}, "", "abc", "abc1", "ABC", "a\n"),
    *_valid({"kind": "text", "pattern": r"\d{3}-\w+"}, "123-é_x", "12-x", "١٢٣-x", "123-"),
    *_valid({"kind": "text", "pattern": r"[\w.-]+@\s?x|y$"}, "a.é-@x", "@x", "y", "a@\u3000x", "a@ x"),
    *_valid({"kind": "text", "pattern": "a.b"}, "a😀b", "axb", "ab"),
    *_valid({"kind": "integer", "minimum": -2, "maximum": 3}, -3, -2, 3, 4, 2.5, 3.0, "3", True, 1e300),
    *_valid({"kind": "integer"}, 9007199254740991, -9007199254740992, 0),
    *_valid({"kind": "number", "minimum": 0.5, "maximum": 1e7}, 0.4, 0.5, 1e7, 1.1e7, "1", False),
    *_valid({"kind": "number", "minimum": 123456789}, 1),
    *_valid({"kind": "number", "maximum": 0.00001234}, 1),
    *_valid({"kind": "number", "maximum": -2}, 1),
    *_valid({"kind": "int64"}, "5", 5, "-0", "007", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "1.0", "", "+1",
            2.5, True, " 1"),
    *_valid({"kind": "boolean"}, True, 1, "true"),
    *_valid({"kind": "instant"}, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.1234567+02:00", "2026-01-31 12:00+0530",
    "2026-02-30T00:00:00Z",
            "2024-02-29T00:00:00Z", "2026-01-31T12:00:00", "2026-01-31", "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2026-01-31t12:00:60z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00-24:00", 5),
    *_valid({"kind": "bytes", "max_length": 3}, "", "QQ==", "QR==", "QUJD", "QUJDRA==", "QQ=", "Q", "QQ", "Q Q=",
    "=QQ=", "é", 5),
    *_valid({"kind": "bytes", "index": True}, "QUJD" * 500, "QUJD" * 500 + "RA=="),
    *_valid({"kind": "text", "index": True}, "é" * 1000, "é" * 1001, "x" * 2001),
    *_valid({"kind": "list", "of": {"kind": "integer", "maximum": 5}, "max_items": 2}, [], [1, 5], [1, 6], ["1"], [1,
    2, 3], "x", {}, [None]),
    *_valid({"kind": "list", "of": {"kind": "instant"}}, ["2026-01-31T12:00Z"], ["x"]),
    *_valid({"kind": "json"}, {"a": [1, None]}, "x", 0),
]  # fmt: skip


# What clients without the server's tables, and with other regular expressions, take as it is.
_LEFT_TO_THE_SERVER = [
    *_valid(_EMAIL, "a@münchen.de", "Jörg@x.de", "a@xn--mnchen-3ya.de", "Ä@x.de"),
    *_valid({"kind": "text", "pattern": r"(?i)a\b.*"}, "A b"),
    *_valid({"kind": "text", "pattern": "(?P<x>a)"}, "a", "b"),
]
VALIDATION += [{**case, "is_left_to_the_server": True} for case in _LEFT_TO_THE_SERVER]

VALUES: list[Case] = [
    *[
        {"call": "is_same", "one": one, "other": other}
        for one, other in (
            (1, 1.0), (1, True), (0, False), (None, False), ("a", "a"), ([1, [True]], [1, [1]]), ({"a": 1, "b": 2},
            {"b": 2, "a": 1.0}),
            ({"a": None}, {}), ([], {}), ("1", 1), ({"__proto__": 1}, {}), (-0.0, 0),
        )
    ],
    *[{"call": "instant", "value": value} for value in (0.0, 1.5, 1767225600.123456, 1767225600.9999999, 0.0078125,
    86400.0234375, 253402300799.0)],
    *[{"call": "parse_instant", "value": value} for value in ("2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.000001+00:00", "x", "")],
    *[{"call": "parse_int64", "value": value} for value in ("0", "-0", "12345678901234567890", "x")],
    *[{"call": "parse_base64", "value": value} for value in ("", "QQ==", "QQ", "Qh==", "+/+/")],
]  # fmt: skip

IDS: list[Case] = [
    *[
        {"call": call, "value": value}
        for value in ("a", "", "a/b", "~a", "__a", "_a", ".", "..", "...", "a\n", "\x7f", "é" * 64, "é" * 65,
        "x" * 128, "x" * 129, "😀",
                      "0123456789abcdefghjkmnpqrs", "0123456789abcdefghjkmnpqri", "~", "~~a", 5, None, "a b", "\x85")
        for call in ("is_record_id", "is_temporary")
    ],
    *[{"call": "is_made_id", "value": value} for value in (MADE[0], MADE[1], MADE[1].upper(), MADE[1] + "x")],
    {"call": "made", "after": "", "times": [1767225600.0, 1767225600.0, 1767225600.0005, 1767225599.0, 1767225600.001]},
    {"call": "made", "after": "1zzzzzzzzzzzaaaaaaaaaaaaaa", "times": [0.0, 0.0]},
    {"call": "made", "after": "0123", "times": [0.0, 1767225600.0]},
]  # fmt: skip

_ANSWERED: Case = {"method": "POST", "has_key": False, "now": 1767225600.0, "headers": {}, "body": {}}


def _failure(status: int, **more: Any) -> Case:
    return {"call": "failure", "status": status, **_ANSWERED, **more}


RETRY: list[Case] = [
    *[
        {"call": "full_jitter", "attempt": attempt, "base": 0.1, "cap": 30, "random": random}
        for attempt in (0, 1, 3, 8, 9, 100)
        for random in (0, 0.5, 1)
    ],
    *[
        {"call": "retry_after", "now": 1767225600.0, "headers": headers}
        for headers in (
            {}, {"retry-after": "5"}, {"retry-after": " 7 "}, {"retry-after": "0"},
            {"retry-after": "1.5"},
            {"retry-after": "-1"}, {"retry-after": "soon"}, {"retry-after": "Thu, 01 Jan 2026 00:00:10 GMT"},
            {"retry-after": "Thu, 01 Jan 2026 00:00:10 GMT", "date": "Thu, 01 Jan 2026 00:00:04 GMT"},
            {"retry-after": "Wed, 31 Dec 2025 23:59:10 GMT"}, {"retry-after": ""},
        )
    ],
    *[_failure(status) for status in (200, 201, 304, 400, 401, 403, 404, 408, 409, 412, 413, 425, 429, 500, 501, 502,
    503, 504, 507)],
    _failure(409, body={"code": "in_progress"}),
    _failure(409, body={"code": "in_progress"}, has_key=True),
    _failure(409, body={"code": "conflict"}, has_key=True),
    _failure(503, headers={"retry-after": "5"}),
    _failure(429, headers={"retry-after": "5"}),
]  # fmt: skip


def _problem(code: str, status: int, **more: Any) -> Case:
    body = {
        "title": "T",
        "status": status,
        "code": code,
        "message": "what is wrong; what to do",
        "request_id": "r1",
        **more,
    }
    return {"status": status, "headers": {"x-request-id": "r1"}, "body": body, "now": 1767225600.0}


# What other servers, proxies and gateways answer.
_FOREIGN: list[Case] = [
    {"status": status, "headers": {}, "body": {}, "now": 1767225600.0}
    for status in (
        400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 415, 418, 422, 429, 431, 500, 502, 503, 504, 507, 511,
    )
]  # fmt: skip


def error_cases(codes: dict[str, int]) -> list[Case]:
    """An error response for each code of the table, without its message too, and what other servers answer."""
    return [
        *[_problem(code, status) for code, status in codes.items()],
        *[_problem(code, status, message="", title="") | {"headers": {}} for code, status in codes.items()],
        *_FOREIGN,
        _problem("unheard_of", 400),
        _problem("unheard_of", 503),
        _problem("conflict", 500),
        _problem("validation", 400, errors={"a": ["is required"], "b": ["is wrong", "is long"]}),
        _problem("rate_limited", 429, retry_after=2.5),
        _problem("rate_limited", 429) | {"headers": {"retry-after": "3"}},
        _problem("invalid_grant", 400, details={"reason": "another_server"}),

        {"status": 401, "headers": {}, "body": {"error": "invalid_token"}, "now": 0.0},
        {"status": 500, "headers": {}, "body": {"detail": "x" * 400}, "now": 0.0},

    ]  # fmt: skip
