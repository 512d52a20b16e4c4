"""Typed access to the records of one collection."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar, overload

import msgspec

from hinterland.client.answers import refused_here
from hinterland.client.calls import Calls
from hinterland.client.documents import decoded, decoded_each
from hinterland.client.errors import InvalidResponse
from hinterland.client.places import checked_collection, checked_parent
from hinterland.contract import aggregation
from hinterland.contract import query as queries
from hinterland.contract.aggregation import Aggregation
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import ID_HINT, RecordId, is_record_id
from hinterland.contract.query import Query

T = TypeVar("T")
R = TypeVar("R")
Names = str | Sequence[str]
ResultRows = list[dict[str, Any]]
RecordBody = Mapping[str, Any] | msgspec.Struct
_log = logging.getLogger("hinterland.client")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some records in order. `next` is the cursor of the page after this one, None at the end; `total` counts all that
    the question finds, where it was asked for. `mismatches` are the page's other records: each as the error that names
    the record, and where it does not fit the app's type."""

    items: list[T]
    next: str | None = None
    total: int | None = None
    mismatches: list[InvalidResponse] = []


class Iteration(Generic[T]):
    """Records one by one, from `pages`. Those that do not fit the app's type are left out, logged as warnings, and in
    `mismatches`, as far as the iteration has come."""

    def __init__(self, pages: AsyncGenerator[Page[T], None]) -> None:
        self.mismatches: list[InvalidResponse] = []
        self._items = self._each(pages)

    async def _each(self, pages: AsyncGenerator[Page[T], None]) -> AsyncGenerator[T, None]:
        async for page in pages:
            self.mismatches += page.mismatches
            for mismatch in page.mismatches:
                _log.warning("a record is left out of an iteration: %s", mismatch)
            for item in page.items:
                yield item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return await anext(self._items)

    async def aclose(self) -> None:
        """End it before its end."""
        await self._items.aclose()


class Repository(Protocol[T]):
    """The records of one collection as `T`, a msgspec.Struct or dict. A test's fake is any class with these methods.

    All raise the errors of `client.errors`: NotFound, Forbidden, Unauthorized, NetworkError, InvalidResponse … The
    local store's repository takes the same questions, and refuses the same ones. Without `sort`, the server answers in
    the order of ids, which is that of creation, and the local store newest first.
    """

    async def get(self, record_id: RecordId) -> T:
        """One record."""
        ...

    async def list(
        self,
        *,
        page: int = 1,
        limit: int = queries.DEFAULT_LIMIT,
        cursor: str = "",
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        **equals: Any,
    ) -> Page[T]:
        """A page of the records for which the CEL expression `filter` over `record` is true.

        `equals` are fields and the values that they must have, None for no value; those of a field named like another
        parameter are in `where`: `where={"limit": 5}`. `sort` names fields, `-` before one
        for descending; equal ones follow by id. `search` has words of the fields that are declared with `search=True`:
        `red "running shoes" wat* -kids`; without `sort`, records with the words early come first. `page` counts from 1,
        `limit` is at most 1,000. `cursor` is the `next` of the page before, and goes without `page`. Raises BadRequest
        for what can't be asked, InvalidCursor.

        A record that does not fit `T` hides no other: it is among the page's `mismatches`.
        """
        ...

    def iterate(
        self,
        *,
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        limit: int = 100,
        **equals: Any,
    ) -> AsyncIterator[T]:
        """All records that the question finds; `limit` are fetched at once."""
        ...

    async def create(self, body: RecordBody, *, key: str = "") -> T:
        """Create a record. Raises ValidationFailed (by field), Conflict."""
        ...

    async def replace(self, record_id: RecordId, body: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Replace all fields. With a `revision` only if the record is still at it, else Stale is raised."""
        ...

    async def update(self, record_id: RecordId, patch: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Change the given fields (RFC 7396). With a `revision` only if the record is still at it, else Stale."""
        ...

    async def delete(self, record_id: RecordId, *, revision: int | None = None, key: str = "") -> None:
        """Delete the record. With a `revision` only if the record is still at it, else Stale is raised."""
        ...


def asked(
    *,
    page: int = 1,
    limit: int = queries.DEFAULT_LIMIT,
    cursor: str = "",
    filter: str = "",
    search: str = "",
    sort: Sequence[str] = (),
    total: bool = False,
    fields: str | Sequence[str] = (),
    expand: str | Sequence[str] = (),
    equals: Mapping[str, Any],
) -> Query:
    """A repository's question in the contract's words. A query string has no null: the filter asks for that."""
    where = equals.get("where")
    if isinstance(where, Mapping):
        equals = {**{name: value for name, value in equals.items() if name != "where"}, **where}
    missing = [f"{_member(name)} == null" for name, value in equals.items() if value is None]
    return Query(
        page=page if page != 1 else None,
        limit=limit,
        cursor=cursor,
        filter=" && ".join([f"({filter})", *missing] if filter and missing else missing or [filter]),
        search=search,
        sort=(sort,) if isinstance(sort, str) else tuple(sort),
        total=total,
        fields=_listed(fields),
        expand=_listed(expand),
        equals={name: value for name, value in equals.items() if value is not None},
    )


def _listed(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)


def aggregated(
    *,
    having: str = "",
    limit: int = queries.MAX_LIMIT,
    cursor: str = "",
    filter: str = "",
    search: str = "",
    **words: Any,
) -> Aggregation:
    """A question for values of groups in the contract's words: what is no word of it is a field that is compared."""
    lists = {name: words.pop(name) for name in (*aggregation.VALUES, "group", "sort") if name in words}
    names: dict[str, Any] = {n: (given,) if isinstance(given, str) else tuple(given) for n, given in lists.items()}
    records = asked(filter=filter, equals=words)
    texts: dict[str, Any] = {"having": having, "cursor": cursor, "filter": records.filter, "search": search}
    return Aggregation(**names, **texts, limit=limit, equals=records.equals)


def _member(name: str) -> str:
    """The path of a field in a filter."""
    is_plain = name.isascii() and name.isidentifier() and name not in ("in", "true", "false", "null")
    return f"record.{name}" if is_plain else f"record[{msgspec.json.encode(name).decode()}]"


class _Answered(msgspec.Struct, Generic[T]):
    """A page as the server answers it, with a list of records as `T`, or one that is not read yet."""

    items: T
    next: str | None = None
    total: int | None = None


class RemoteRepository(Generic[T]):
    """The repository that asks the server. Every write carries an idempotency key, so that it may be repeated."""

    def __init__(self, call: Calls, collection: str, kind: type[T], parent: str = "") -> None:
        self.collection = checked_collection(f"{checked_parent(parent)}/{collection}" if parent else collection)
        self._call = call
        self._kind = kind

    async def get(
        self, record_id: RecordId, *, fields: str | Sequence[str] = (), expand: str | Sequence[str] = ()
    ) -> T:
        """One record: those of its `fields` that are named, if any are, and with it the related records that `expand`
        names, such as "author" or "comments(sort=-created_at,limit=5)", in its member `_expand`."""
        query = queries.parameters(Query(fields=_listed(fields), expand=_listed(expand)))
        return await self._call("records.view", segments=self._at(record_id), query=query, output=self._kind)

    async def list(
        self,
        *,
        page: int = 1,
        limit: int = queries.DEFAULT_LIMIT,
        cursor: str = "",
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        fields: str | Sequence[str] = (),
        expand: str | Sequence[str] = (),
        **equals: Any,
    ) -> Page[T]:
        """A page of the records that the question finds; `fields` and `expand` as of `get`."""
        words: dict[str, Any] = {"page": page, "limit": limit, "cursor": cursor, "filter": filter, "search": search}
        query = asked(**words, sort=sort, total=total, fields=fields, expand=expand, equals=equals)
        at = {"collection": self.collection}
        request = self._call.request("records.list", segments=at, query=queries.parameters(query))
        response = await self._call.perform(request)
        of = {"operation": "records.list", "request_id": response.headers.get("x-request-id", "")}
        return self._page(response.content, **of)

    def _page(self, content: bytes, **of: Any) -> Page[T]:
        mismatches: list[InvalidResponse] = []
        try:
            found = decoded(content, _Answered[list[self._kind]], **of)  # type: ignore[name-defined]
        except InvalidResponse:
            raw = decoded(content, _Answered[msgspec.Raw], **of)
            items, mismatches = decoded_each(raw.items, self._kind, self.collection, **of)
            found = _Answered(items, raw.next, raw.total)
        return Page(found.items, found.next or None, found.total, mismatches)  # the wire says "" at the end

    def iterate(
        self,
        *,
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        limit: int = 100,
        **equals: Any,
    ) -> Iteration[T]:
        """All records that the question finds; `limit` are fetched at once."""
        return Iteration(self._pages(limit=limit, filter=filter, search=search, sort=sort, **equals))

    async def _pages(self, **asked: Any) -> AsyncGenerator[Page[T], None]:
        cursor: str | None = ""
        while cursor is not None:
            page = await self.list(cursor=cursor, **asked)
            yield page
            cursor = page.next

    @overload
    async def aggregate(
        self,
        *,
        group: Names = ...,
        count: Names = ...,
        sum: Names = ...,
        avg: Names = ...,
        min: Names = ...,
        max: Names = ...,
        having: str = ...,
        sort: Names = ...,
        limit: int = ...,
        cursor: str = ...,
        filter: str = ...,
        search: str = ...,
        **equals: Any,
    ) -> Page[dict[str, Any]]: ...
    @overload
    async def aggregate(
        self,
        kind: type[R],
        *,
        group: Names = ...,
        count: Names = ...,
        sum: Names = ...,
        avg: Names = ...,
        min: Names = ...,
        max: Names = ...,
        having: str = ...,
        sort: Names = ...,
        limit: int = ...,
        cursor: str = ...,
        filter: str = ...,
        search: str = ...,
        **equals: Any,
    ) -> Page[R]: ...
    async def aggregate(self, kind: type[Any] = dict, **words: Any) -> Page[Any]:  # fmt: skip
        """A page of values of groups, each row a `kind` with the columns of the result, such as `category` and
        `sum_price`. `group`, `count` ("*", "name", "distinct:name"), `sum`, `avg`, `min`, `max` and `sort` are a name
        or several; `having` is CEL over the columns. Raises BadRequest for what can't be asked, InvalidCursor."""
        question = aggregated(**words)
        at, of = {"collection": self.collection}, {"operation": "records.aggregate"}
        request = self._call.request("records.aggregate", segments=at, query=aggregation.parameters(question))
        response = await self._call.perform(request)
        of["request_id"] = response.headers.get("x-request-id", "")
        found = decoded(response.content, _Answered[list[kind]], **of)  # type: ignore[valid-type]
        return Page(found.items, found.next or None)

    async def distinct(self, *fields: str, filter: str = "", **equals: Any) -> ResultRows:
        """The combinations of the fields' values that the records have, in order; `filter` and `equals` as in lists."""
        rows: ResultRows = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self.aggregate(group=fields, filter=filter, cursor=cursor, **equals)
            rows += page.items
            cursor = page.next
        return rows

    async def create(self, body: RecordBody, *, key: str = "") -> T:
        """Create a record."""
        at = {"collection": self.collection}
        return await self._call("records.create", segments=at, body=checked_body(body), key=key, output=self._kind)

    async def replace(self, record_id: RecordId, body: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Replace all fields."""
        return await self._write("records.replace", record_id, checked_body(body), self._kind, revision, key)

    async def update(self, record_id: RecordId, patch: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Change the given fields."""
        return await self._write("records.patch", record_id, checked_body(patch), self._kind, revision, key)

    async def delete(self, record_id: RecordId, *, revision: int | None = None, key: str = "") -> None:
        """Delete the record."""
        await self._write("records.delete", record_id, None, type(None), revision, key)

    async def _write(
        self,
        operation: str,
        record_id: RecordId,
        body: RecordBody | None,
        output: type[R],
        revision: int | None,
        key: str,
    ) -> R:
        headers = {} if revision is None else {"if-match": f'"{revision}"'}
        return await self._call(
            operation, segments=self._at(record_id), body=body, output=output, key=key, headers=headers
        )

    def _at(self, record_id: RecordId) -> dict[str, object]:
        """The segments of a record's path. Raises NotFound for an id that no record can have."""
        if isinstance(record_id, str) and not is_record_id(record_id):
            message = f"there is no {self.collection}/{record_id[:64]}; an id {ID_HINT}"
            raise refused_here(Refusal("not_found", message))
        return {"collection": self.collection, "id": record_id}


def checked_body(body: T) -> T:
    """A record's body. Raises BadRequest for what is not an object in JSON, as the server does."""
    if not isinstance(body, Mapping | msgspec.Struct) and not isinstance(msgspec.to_builtins(body), dict):
        raise refused_here(Refusal("invalid_body", "the body must be a JSON object"))
    return body
