"""Arithmetic of instants and durations: microseconds in Python and in the SQL of both databases.

An instant is text of a fixed form (``2026-01-02T03:04:05.000006Z``), from the year 1 to 9999; a duration is a number of
microseconds. What would be beyond is an error.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import time_ns

from hinterland.kit.cel.operations import HIGHEST, Operator, in_python

FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last microsecond that an instant may be, counted from 1970."""
LONGEST = HIGHEST // 1000
"""Microseconds of the longest duration: 64 bits of nanoseconds, as in cel-go."""
DAY = 86_400_000_000

NOW = "@now"
"""The variable that holds the instant of an evaluation: no expression can name it."""

_EPOCH_DAY = 719_163  # of 1970-01-01, as datetime counts days
_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def micros_of(text: str) -> int | None:
    """An instant's microseconds since 1970."""
    from datetime import date  # which takes long to import, and few expressions compute with instants

    if not _FORM.fullmatch(text):
        return None
    try:
        days = date.fromisoformat(text[:10]).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    hours, minutes, seconds = int(text[11:13]), int(text[14:16]), int(text[17:19])
    return days * DAY + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int(text[20:26])


def moment_of(micros: int) -> str | None:
    """The instant that is so many microseconds after 1970."""
    from datetime import date

    if not FIRST <= micros <= LAST:
        return None
    days, rest = divmod(micros, DAY)
    seconds, part = divmod(rest, 1_000_000)
    day = date.fromordinal(days + _EPOCH_DAY).isoformat()
    return f"{day}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{part:06d}Z"


def now() -> str:
    """The instant that the machine's clock shows."""
    found = moment_of(time_ns() // 1000)
    assert found is not None
    return found


_MICROS_SQLITE = "CAST(strftime('%s', substr({0}, 1, 19)) AS INTEGER) * 1000000 + CAST(substr({0}, 21, 6) AS INTEGER)"
_MOMENT_SQLITE = (
    f"CASE WHEN {{0}} BETWEEN {FIRST} AND {LAST} THEN strftime('%Y-%m-%dT%H:%M:%S', "
    f"({{0}} + {-FIRST}) / 1000000 - {-FIRST // 1_000_000}, 'unixepoch') "
    f"|| printf('.%06dZ', ({{0}} + {-FIRST}) % 1000000) END"
)
_MOMENT_POSTGRES = (
    f"CASE WHEN {{0}} BETWEEN {FIRST} AND {LAST} THEN to_char(DATE '0001-01-01' + (({{0}} + {-FIRST}) / {DAY})::int "
    f'+ (({{0}} + {-FIRST}) % {DAY}) * INTERVAL \'1 microsecond\', \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') COLLATE "C" END'
)

MICROS = Operator("int", micros_of, _MICROS_SQLITE, "(extract(epoch FROM ({0})::timestamp) * 1000000)::bigint")
MOMENT = Operator("timestamp", moment_of, _MOMENT_SQLITE, _MOMENT_POSTGRES)
MOMENT_OF_SECONDS = Operator(
    "timestamp",
    lambda seconds: moment_of(seconds * 1_000_000),
    _MOMENT_SQLITE.replace("{0}", "({0} * 1000000)").replace(
        "({0} * 1000000) BETWEEN",
        f"{{0}} BETWEEN {FIRST // 1_000_000} AND {LAST // 1_000_000} AND {{0}} * 1000000 BETWEEN",
    ),
    _MOMENT_POSTGRES.replace("{0}", "({0} * 1000000)").replace(
        "({0} * 1000000) BETWEEN",
        f"{{0}} BETWEEN {FIRST // 1_000_000} AND {LAST // 1_000_000} AND {{0}} * 1000000 BETWEEN",
    ),
)
SECONDS = Operator(
    "int",
    lambda text: None if (micros := micros_of(text)) is None else micros // 1_000_000,
    "CAST(strftime('%s', substr({0}, 1, 19)) AS INTEGER)",
    "extract(epoch FROM (substr({0}, 1, 19))::timestamp)::bigint",
)
SPAN = Operator(
    "duration",
    lambda micros: micros if -LONGEST <= micros <= LONGEST else None,
    f"CASE WHEN {{0}} BETWEEN {-LONGEST} AND {LONGEST} THEN {{0}} END",
)
"""Whether a duration is within the bounds."""


def _moment_text(text: str) -> str:
    return f"{text[:26].rstrip('0').rstrip('.')}Z"


def span_text(micros: int) -> str:
    """A duration in seconds: "1.5s"."""
    whole, part = divmod(abs(micros), 1_000_000)
    fraction = f".{part:06d}".rstrip("0").rstrip(".")
    return f"{'-' if micros < 0 else ''}{whole}{fraction}s"


MOMENT_TEXT = Operator("string", _moment_text, "rtrim(rtrim(substr({0}, 1, 26), '0'), '.') || 'Z'")
SPAN_TEXT = Operator(
    "string",
    span_text,
    "CASE WHEN {0} < 0 THEN '-' ELSE '' END || (abs({0}) / 1000000) "
    "|| rtrim(rtrim(printf('.%06d', abs({0}) % 1000000), '0'), '.') || 's'",
    "CASE WHEN {0} < 0 THEN '-' ELSE '' END || (abs({0}) / 1000000)::text "
    "|| rtrim(rtrim('.' || lpad((abs({0}) % 1000000)::text, 6, '0'), '0'), '.') || 's'",
)

# ---------------------------------------------------------------- durations as texts

_UNITS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "µs": 1_000,
          "μs": 1_000, "ns": 1}  # fmt: skip
_PART = r"([0-9]{1,19}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(h|ms|m|s|us|µs|μs|ns)"
_SPAN = re.compile(rf"[+-]?(?:0|(?:{_PART})+)")


def span_of(text: str) -> int | None:
    """The microseconds of "1h30m", "-1.5s", "200ms"; None if it is no duration, or finer than a microsecond."""
    if len(text) > 100 or not _SPAN.fullmatch(text):
        return None
    nanos = 0
    for number, unit in re.findall(_PART, text):
        whole, _, fraction = number.partition(".")
        scaled = int(whole or "0") * _UNITS[unit] * 10 ** len(fraction) + int(fraction or "0") * _UNITS[unit]
        if scaled % 10 ** len(fraction):
            return None
        nanos += scaled // 10 ** len(fraction)
    if nanos % 1000 or nanos // 1000 > LONGEST:
        return None
    return -(nanos // 1000) if text.startswith("-") else nanos // 1000


# ---------------------------------------------------------------- calendars


def _digits(first: int, count: int, less: int = 0) -> tuple[str, str]:
    """The SQL of both databases for digits of an instant's text."""
    minus = f" - {less}" if less else ""
    part = f"substr({{0}}, {first + 1}, {count})"
    return f"CAST({part} AS INTEGER){minus}", f"({part})::bigint{minus}"


def _getter(name: str, first: int, count: int, less: int = 0) -> Operator:
    return Operator(name, lambda text: int(text[first : first + count]) - less, *_digits(first, count, less))


def _day(text: str) -> int:
    """The number of an instant's day; day 7 is a Sunday."""
    from datetime import date

    return date.fromisoformat(text[:10]).toordinal()


def _day_of_year(text: str) -> int:
    from datetime import date

    return _day(text) - date(int(text[:4]), 1, 1).toordinal()


_DATE_POSTGRES = "(substr({0}, 1, 10))::date"
GETTERS = {
    "getFullYear": _getter("getFullYear", 0, 4),
    "getMonth": _getter("getMonth", 5, 2, 1),
    "getDate": _getter("getDate", 8, 2),
    "getDayOfMonth": _getter("getDayOfMonth", 8, 2, 1),
    "getHours": _getter("getHours", 11, 2),
    "getMinutes": _getter("getMinutes", 14, 2),
    "getSeconds": _getter("getSeconds", 17, 2),
    "getMilliseconds": _getter("getMilliseconds", 20, 3),
    "getDayOfWeek": Operator(
        "getDayOfWeek",
        lambda text: _day(text) % 7,
        "CAST(strftime('%w', substr({0}, 1, 10)) AS INTEGER)",
        f"extract(dow FROM {_DATE_POSTGRES})::bigint",
    ),
    "getDayOfYear": Operator(
        "getDayOfYear",
        _day_of_year,
        "CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER) - 1",
        f"extract(doy FROM {_DATE_POSTGRES})::bigint - 1",
    ),
}
"""What a calendar says of an instant, in UTC. Months, days of months and days of years count from 0, getDate from 1,
days of weeks from Sunday, 0."""

SPAN_GETTERS = {
    name: Operator(name, python, sql)
    for name, python, sql in (
        ("getHours", lambda micros: _quotient(micros, 3_600_000_000), "{0} / 3600000000"),
        ("getMinutes", lambda micros: _quotient(micros, 60_000_000), "{0} / 60000000"),
        ("getSeconds", lambda micros: _quotient(micros, 1_000_000), "{0} / 1000000"),
        ("getMilliseconds", lambda micros: _remainder(_quotient(micros, 1000)), "{0} / 1000 % 1000"),
    )
}
"""What a duration is in whole hours, minutes and seconds, and the milliseconds beyond its seconds."""


def _quotient(micros: int, unit: int) -> int:
    return micros // unit if micros >= 0 else -(-micros // unit)


def _remainder(millis: int) -> int:
    return millis % 1000 if millis >= 0 else -(-millis % 1000)


_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})")


def offset_of(zone: str) -> int | None:
    """The microseconds that a zone such as "UTC" or "+02:00" is ahead; None for others."""
    if zone in ("UTC", "Z"):
        return 0
    match = _OFFSET.fullmatch(zone)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return (-minutes if match[1] == "-" else minutes) * 60_000_000


def _in_zone(text: str, zone: str) -> str | None:
    micros, ahead = micros_of(text), offset_of(zone)
    if micros is None:
        return None
    if ahead is not None:
        return moment_of(micros + ahead)
    found = _zone(zone)
    if found is None or not FIRST + DAY <= micros <= LAST - DAY:
        return None
    from datetime import datetime, tzinfo

    assert isinstance(found, tzinfo)
    local = datetime.fromisoformat(text).astimezone(found)
    return f"{local.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


@lru_cache(maxsize=100)
def _zone(name: str) -> object:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # few expressions name a zone

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


IN_ZONE = in_python("in a time zone with a name", _in_zone)
"""The instant as clocks of a zone show it. Databases keep rules of zones of their own, so no SQL has the same."""
