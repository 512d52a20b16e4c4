"""A server and DuckDB, asked the same by a seed."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import duckdb

from tests.server.api import Api

Condition = tuple[str, str]
"""A condition as CEL, and as DuckDB's SQL."""


class Pool(NamedTuple):
    """What may be asked of a collection: conditions; fields with a value, as SQL too; groups, as SQL too; fields with
    numbers, and others, of which the last one sorts what a search finds."""

    conditions: list[Condition]
    equalities: list[tuple[str, str, str]]
    groups: list[tuple[str, str]]
    numbers: list[str]
    others: list[str]


class Drawn:
    """What is asked of one collection, drawn by a seed: the same of both sides."""

    def __init__(self, name: str, seed: int, pool: Pool) -> None:
        self.name = name
        self.pool = pool
        self.random = random.Random(f"{name} {seed}")
        self.parameters: list[tuple[str, str]] = []
        terms = self._conditions()
        for field, value, sql in self.some(pool.equalities, 1):
            self.parameters.append((field, value))
            terms.append(sql)
        self.where = " AND ".join([f"({term})" for term in terms]) or "TRUE"

    def some(self, pool: Sequence[Any], most: int) -> list[Any]:
        """Some of a pool, at most so many."""
        return self.random.sample(pool, self.random.randint(0, min(most, len(pool))))

    def _conditions(self) -> list[str]:
        found = self.some(self.pool.conditions, 2)
        if found:
            sign, word = self.random.choice([("&&", "AND"), ("||", "OR")])
            self.parameters.append(("filter", f" {sign} ".join([f"({cel})" for cel, _ in found])))
            return [f" {word} ".join([f"({sql})" for _, sql in found])]
        return []

    def order(self, columns: Sequence[str], most: int) -> tuple[list[str], list[str]]:
        """Sorts, and what follows ORDER BY for them."""
        names = self.some(columns, most)
        sort = [name if self.random.random() < 0.5 else f"-{name}" for name in names]
        return sort, [_ordered(text) for text in sort]


def _ordered(text: str) -> str:
    name = text.removeprefix("-")
    return f'"{name}" DESC NULLS LAST' if text.startswith("-") else f'"{name}" ASC NULLS FIRST'


def is_close(found: Any, expected: Any) -> bool:
    """Whether two values are the same, doubles but for the order in which they were added."""
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return bool(found == expected)


class Comparison:
    """A server and DuckDB, asked the same; administrators see all delays, others those that a rule shows."""

    def __init__(self, api: Api, data: duckdb.DuckDBPyConnection) -> None:
        self.api = api
        self.data = data
        self.compared = 0
        self.found = 0

    async def ask(self, path: str, parameters: Sequence[tuple[str, str]], *, is_admin: bool) -> dict[str, Any]:
        """The server's answer."""
        answer = await self.api("GET", path, params=parameters, headers=self.api.admin if is_admin else {})
        assert answer.status_code == 200, (parameters, answer.text)
        self.compared += 1
        found: dict[str, Any] = answer.json()
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """DuckDB's answer."""
        return self.data.execute(sql).fetchall()

    def where(self, drawn: Drawn, *, is_admin: bool) -> str:
        """What is asked, of the rows that the caller sees."""
        is_hiding = drawn.name == "delays" and not is_admin
        return f"{drawn.where} AND distance > 300 AND delay <> 0" if is_hiding else drawn.where

    async def compare_list(self, drawn: Drawn, *, is_admin: bool) -> None:
        """A list with its total: by cursor from page to page, and a page by its number."""
        name, where = drawn.name, self.where(drawn, is_admin=is_admin)
        sort, ordered = drawn.order([*drawn.pool.numbers, *drawn.pool.others], 3)
        if "id" not in [text.removeprefix("-") for text in sort]:
            ordered.append(_ordered("-id" if sort and sort[-1].startswith("-") else "id"))
        [(total,)] = self.rows(f"SELECT count(*) FROM {name} WHERE {where}")
        limit = drawn.random.choice([7, 100, 1_000])
        fields = [*drawn.pool.numbers, *drawn.pool.others]
        chosen = ", ".join([f'"{field}"' for field in fields])
        expected = self.rows(
            f"SELECT {chosen} FROM {name} WHERE {where} ORDER BY {', '.join(ordered)} LIMIT {limit * 3}"
        )
        asked = [*drawn.parameters, ("limit", str(limit)), *([("sort", ",".join(sort))] if sort else [])]
        seen: list[tuple[Any, ...]] = []
        cursor: list[tuple[str, str]] = []
        for _ in range(3):
            page = await self.ask(f"/v1/records/{name}", [*asked, ("total", "true"), *cursor], is_admin=is_admin)
            assert page["total"] == total, (asked, total)
            seen += [tuple([item[field] for field in fields]) for item in page["items"]]
            if not page["next"]:
                break
            cursor = [("cursor", page["next"])]
        assert len(seen) == min(total, limit * 3), asked
        for place, (one, other) in enumerate(zip(seen, expected, strict=True)):
            assert all(map(is_close, one, other)), (asked, place, one, other)
        second = await self.ask(f"/v1/records/{name}", [*asked, ("page", "2")], is_admin=is_admin)
        assert [tuple([item[field] for field in fields]) for item in second["items"]] == seen[limit : 2 * limit], asked

    async def compare_aggregate(self, drawn: Drawn, *, is_admin: bool) -> None:
        """Values of groups, all pages of them."""
        name, where = drawn.name, self.where(drawn, is_admin=is_admin)
        groups = drawn.some(drawn.pool.groups, 2)
        columns = {text.replace(":", "_"): sql for text, sql in groups}
        asked = [("group", ",".join([text for text, _ in groups])), *drawn.parameters]
        for word, values in self._values(drawn):
            columns |= {column: sql for _, column, sql in values}
            asked.append((word, ",".join([text for text, _, _ in values])))
        sort, ordered = drawn.order([*columns], 2)
        keys = [text.removeprefix("-") for text in sort]
        if any(name.startswith(("sum_l", "avg_", "sum_t")) for name in keys):
            sort, ordered, keys = [], [], []  # sums of doubles are equal but for their last digits
        ordered += [_ordered(text.replace(":", "_")) for text, _ in groups if text.replace(":", "_") not in keys]
        asked += [("sort", ",".join(sort))] if sort else []
        asked.append(("having", "count >= 2"))
        chosen = ", ".join([f'{sql} AS "{column}"' for column, sql in columns.items()])
        grouped = f"GROUP BY {', '.join([sql for _, sql in groups])}" if groups else ""
        expected = self.rows(
            f"SELECT {chosen} FROM {name} WHERE {where} {grouped} HAVING count(*) >= 2"
            + (f" ORDER BY {', '.join(ordered)}" if ordered else "")
        )
        seen = [row async for row in self._pages(f"/v1/records/{name}/aggregate", asked, is_admin=is_admin)]
        assert len(seen) == len(expected), (asked, len(seen), len(expected))
        for one, other in zip(seen, expected, strict=True):
            assert {*one} == {*columns}
            assert all(is_close(one[column], value) for column, value in zip(columns, other, strict=True)), (
                asked,
                one,
                other,
            )

    async def compare_distinct(self, drawn: Drawn) -> None:
        """The different values of a field or two."""
        groups = drawn.random.sample(drawn.pool.groups, drawn.random.randint(1, 2))
        chosen = [sql for _, sql in groups]
        rows = self.rows(
            f"SELECT DISTINCT {', '.join(chosen)} FROM {drawn.name} WHERE {drawn.where}"
            f" ORDER BY {', '.join([f'{sql} ASC NULLS FIRST' for sql in chosen])}"
        )
        asked = [("distinct", ",".join([text for text, _ in groups])), *drawn.parameters]
        names = [text.replace(":", "_") for text, _ in groups]
        seen = [row async for row in self._pages(f"/v1/records/{drawn.name}/aggregate", asked, is_admin=False)]
        assert [tuple([row[name] for name in names]) for row in seen] == rows, asked

    async def compare_search(self, drawn: Drawn) -> None:
        """Records whose names have some words, one of them perhaps only begun or unwanted, in the order of a field:
        which words a name has is computed by a regular expression."""
        table, sort = drawn.name, drawn.pool.others[-1]
        [(count,)] = self.rows(f"SELECT count(*) FROM {table}")
        place = drawn.random.randrange(count)
        [(name,)] = self.rows(f"SELECT name FROM {table} ORDER BY id LIMIT 1 OFFSET {place}")
        words = re.findall(r"[a-z0-9]+", name.lower())
        asked: list[str] = []
        terms: list[str] = []
        for word in drawn.random.sample(words, min(2, len(words))):
            is_begun, is_unwanted = drawn.random.random() < 0.3, bool(asked) and drawn.random.random() < 0.4
            text = word[: drawn.random.randint(1, len(word))] if is_begun else word
            asked.append(("-" if is_unwanted else "") + text + ("*" if is_begun else ""))
            pattern = f"(^|[^a-z0-9]){text}" + ("" if is_begun else "($|[^a-z0-9])")
            terms.append(f"{'NOT ' if is_unwanted else ''}regexp_matches(lower(name), '{pattern}')")
        where = " AND ".join([*terms, f"({drawn.where})"])
        rows = self.rows(f"SELECT id FROM {table} WHERE {where} ORDER BY {_ordered(sort)}, id")
        parameters = [*drawn.parameters, ("search", " ".join(asked)), ("sort", sort), ("limit", "1000")]
        page = await self.ask(f"/v1/records/{table}", [*parameters, ("total", "true")], is_admin=False)
        assert page["total"] == len(rows), parameters
        self.found += len(rows)
        assert [item["id"] for item in page["items"]] == [id for (id,) in rows[:1_000]], parameters

    def _values(self, drawn: Drawn) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        """The words of values, each with what is asked, the column, and DuckDB's SQL."""
        numbers, others = drawn.pool.numbers, [*drawn.pool.numbers, *drawn.pool.others]
        distinct = drawn.random.choice(others)
        yield (
            "count",
            [
                ("*", "count", "count(*)"),
                (f"distinct:{distinct}", f"count_distinct_{distinct}", f"count(DISTINCT {distinct})"),
                (numbers[0], f"count_{numbers[0]}", f"count({numbers[0]})"),
            ],
        )
        for word in ("sum", "avg", "min", "max"):
            found = drawn.some(numbers if word in ("sum", "avg") else others, 2)
            if found:
                yield word, [(each, f"{word}_{each}", f"{word}({each})") for each in found]

    async def _pages(self, path: str, asked: list[tuple[str, str]], *, is_admin: bool) -> Any:
        cursor: list[tuple[str, str]] = []
        while True:
            page = await self.ask(path, [*asked, ("limit", "700"), *cursor], is_admin=is_admin)
            for item in page["items"]:
                yield item
            if not page["next"]:
                return
            cursor = [("cursor", page["next"])]
