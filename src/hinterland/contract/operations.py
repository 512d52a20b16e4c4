"""The table of operations: the server mounts it, the client calls it, `/openapi.json` is printed from it. An app adds
operations of its own.

A path's `{name}` is one segment; below `/v1/records/` it may name a collection that is nested in others. An alias is a
further path with its own view, the form of the response. Views: `list` is `{items, next, total?}`, `array` a bare
array (or `{data, page, limit, total}` when paged), `record` the record, `deleted` a message, `empty` no body, `stream`
events, `socket` a WebSocket, `graphql` a response of GraphQL, and `plain` the output as JSON.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from hinterland.contract import accounts, batches, events, explanations, imports, schemas, service, socket, sync
from hinterland.contract.aggregation import AggregatePage
from hinterland.contract.transfers import Download, body_field
from hinterland.kit.strict_json import MAX_DEPTH

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
AuthMode = Literal["ignored", "optional", "required", "admin"]
"""Who may call: a token is ignored, is used where one is sent, is required, or must be an administrator's."""
ResponseView = Literal["list", "array", "record", "deleted", "empty", "stream", "socket", "graphql", "plain"]
TimeLimit = Literal["request", "piece", "none"]
"""What the setting `request_seconds` limits: the request as a whole, each piece of a body, or nothing."""
DOWNLOAD_ERRORS = ("range_not_satisfiable",)
FUNCTIONS = "/v1/functions/"  # the paths of an app's own operations
_SEGMENT = re.compile(r"\{(\w+)\}")


class Alias(msgspec.Struct, frozen=True):
    """A further path of an operation, and the view that it answers with. One of a tutorial also takes a token without
    the word Bearer, and can be switched off."""

    path: str
    view: ResponseView = "plain"
    is_tutorial: bool = True


class PerCollection(msgspec.Struct, frozen=True):
    """A type that each collection has its own of: its `record`, a `list` of them, the `query` of a list and that of its
    aggregates (`aggregation`), the bodies that create (`body`), replace (`replacement`) and change (`patch`) one, and
    the `rows` that create many. `of`: the collection, where the path does not name it."""

    form: Literal["record", "list", "query", "aggregation", "body", "rows", "replacement", "patch"]
    of: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what a server can be asked.

    `input` is what the caller sends: a JSON body, or the query where the method is GET or DELETE; segments of the path
    are fields of it. `output` is the response's JSON; without one, there is none. `errors` are the operation's own, to
    which `all_errors` adds what its input and caller make possible. `is_repeatable`: a client may send it again where
    the response was lost, though the method does not say so. A body has at most `max_bytes` (0: the setting
    `max_body_bytes`), and JSON is nested at most `max_depth` deep. `takes_packed`: the
    body may be MessagePack. `is_probe`: it is called every few seconds, and its
    failures are logged in a line. `is_tagged`: the response has an ETag, and a caller who names it in If-None-Match is
    answered with 304. Without a `path` the operation is an app's, at `/v1/functions/{name}`.
    """

    name: str
    method: Method = "POST"
    path: str = ""
    summary: str = ""
    view: ResponseView = "plain"
    status: int = 200
    auth: AuthMode = "required"
    input: type[Any] | PerCollection | None = None
    output: type[Any] | PerCollection | None = None
    errors: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    is_idempotent_by_key: bool = False
    is_repeatable: bool = False
    time_limit: TimeLimit = "request"
    max_bytes: int = 0
    max_depth: int = MAX_DEPTH
    is_probe: bool = False
    takes_packed: bool = False
    is_tagged: bool = False

    def __post_init__(self) -> None:
        if not self.path:
            msgspec.structs.force_setattr(self, "path", f"{FUNCTIONS}{self.name}")
        if self.time_limit == "request" and (self.output is Download or body_field(self.input)):
            msgspec.structs.force_setattr(self, "time_limit", "piece")

    @property
    def segments(self) -> list[str]:
        """The names of the path's segments that are fields of the input."""
        return segments_of(self.path)

    @property
    def has_query_input(self) -> bool:
        """Whether fields of the input that are not in the path are parameters of the query; else they are JSON."""
        return self.method in ("GET", "DELETE") or bool(body_field(self.input))

    @property
    def all_errors(self) -> tuple[str, ...]:
        """The codes of what it can be refused with: its own `errors`, and what its input, output and caller make
        possible. `EVERY_OPERATION_ERRORS` come on top."""
        errors = [*self.errors]
        if self.input is not None and not self.has_query_input:
            errors += ["invalid_body", "unsupported_media_type", "too_large"]
        if body_field(self.input):
            errors += ["too_large"]
        if self.is_idempotent_by_key:
            errors += ["in_progress", "key_reused"]
        if self.auth != "ignored":
            errors += ["unauthorized"]
        if self.output is Download:
            errors += DOWNLOAD_ERRORS
        return tuple(dict.fromkeys(errors))

    def path_of(self, **segments: object) -> str:
        """The path with its `{segments}` filled in."""
        return self.path.format(**segments)


_SIGN_IN = ("validation", "invalid_credentials", "challenge_required", "rate_limited")
_CONFIRM = ("validation", "rate_limited")
_WRITE = ("validation", "not_found", "unknown_collection", "too_large", "storage_full", "unavailable")
_READ = ("not_found", "unknown_collection")

_TABLE: tuple[Operation, ...] = (
    Operation(
        name="auth.signup", method="POST", path="/v1/auth/signup", status=201, auth="ignored",
        summary="Sign up: create a user and a session", input=accounts.Registration, output=accounts.Session,
        errors=("validation", "conflict", "password_policy", "rate_limited"),
        is_idempotent_by_key=True,
        aliases=(Alias("/auth/register"), Alias("/api/signup")),
    ),
    Operation(
        name="auth.login", method="POST", path="/v1/auth/login", auth="ignored", is_repeatable=True,
        summary="Log in with e-mail and password", input=accounts.Credentials, output=accounts.Session,
        errors=_SIGN_IN, aliases=(Alias("/auth/login"), Alias("/api/login")),
    ),
    Operation(
        name="auth.refresh", method="POST", path="/v1/auth/refresh", auth="ignored", is_repeatable=True,
        summary="Renew a session with its refresh token", input=accounts.RefreshRequest, output=accounts.Session,
        errors=("validation", "invalid_grant"), aliases=(Alias("/auth/refresh"),),
    ),
    Operation(
        name="auth.challenge", method="POST", path="/v1/auth/challenge", auth="ignored",
        summary="Answer a log-in's challenge with a second factor", input=accounts.ChallengeAnswer,
        output=accounts.Session,
        errors=("validation", "invalid_challenge", "invalid_credentials", "rate_limited"),
    ),
    Operation(
        name="auth.logout", method="POST", path="/v1/auth/logout", view="empty", status=204, is_repeatable=True,
        summary="End the session", aliases=(Alias("/auth/logout", "empty"),),
    ),
    Operation(
        name="auth.me", method="GET", path="/v1/auth/me",
        summary="The signed-in user's own record", output=PerCollection("record", "users"),
        aliases=(Alias("/api/user"),),
    ),
    Operation(
        name="auth.password", method="POST", path="/v1/auth/password", view="empty", status=204,
        summary="Change your own password; all other sessions end", input=accounts.PasswordChange,
        errors=(*_CONFIRM, "password_policy", "conflict"),
    ),
    Operation(
        name="auth.email", method="POST", path="/v1/auth/email",
        summary="Change your own e-mail address", input=accounts.EmailChange,
        output=PerCollection("record", "users"), errors=(*_CONFIRM, "conflict"),
    ),
    Operation(
        name="auth.delete", method="POST", path="/v1/auth/delete", view="empty", status=204,
        summary="Delete your own account with its record", input=accounts.AccountDeletion,
        errors=(*_CONFIRM, "conflict", "too_large"),
    ),
    Operation(
        name="auth.totp", method="POST", path="/v1/auth/totp",
        summary="Enrol an authenticator app as second factor", input=accounts.TotpRequest, output=accounts.TotpSetup,
        errors=(*_CONFIRM, "conflict"),
    ),
    Operation(
        name="auth.totp.confirm", method="POST", path="/v1/auth/totp/confirm",
        summary="Confirm the app with a code: from now on a log-in needs one", input=accounts.TotpCode,
        output=accounts.RecoveryCodes, errors=(*_CONFIRM, "conflict"),
    ),
    Operation(
        name="auth.totp.disable", method="POST", path="/v1/auth/totp/disable", view="empty", status=204,
        summary="Turn the second factor off", input=accounts.TotpRemoval,
        errors=(*_CONFIRM, "conflict"),
    ),
    Operation(
        name="auth.sessions", method="GET", path="/v1/auth/sessions",
        summary="Your own sessions", output=accounts.SessionList,
    ),
    Operation(
        name="auth.sessions.end", method="DELETE", path="/v1/auth/sessions/{id}", view="empty", status=204,
        summary="End one of your own sessions", input=accounts.SessionEnding,
        errors=("not_found",),
    ),
    Operation(
        name="admin.login", method="POST", path="/v1/admin/login", auth="ignored",
        summary="Log in as administrator", input=accounts.Credentials, output=accounts.Session, errors=_SIGN_IN,
    ),
    Operation(
        name="admin.create", method="POST", path="/v1/admin/admins", status=201, auth="admin",
        summary="Create another administrator", input=accounts.NewAdministrator, output=accounts.Administrator,
        errors=("validation", "conflict", "password_policy"),
    ),
    Operation(
        name="admin.list", method="GET", path="/v1/admin/admins", auth="admin",
        summary="The administrators", output=accounts.Administrators,
    ),
    Operation(
        name="admin.remove", method="POST", path="/v1/admin/admins/remove", view="empty", status=204, auth="admin",
        summary="Remove an administrator", input=accounts.AdministratorRemoval,
        errors=("validation", "not_found", "conflict", "unavailable"),
    ),
    Operation(
        name="admin.password", method="POST", path="/v1/admin/password", view="empty", status=204, auth="admin",
        summary="Set the password of a user or administrator; all of their sessions end", input=accounts.PasswordReset,
        errors=("validation", "not_found", "password_policy", "rate_limited"),
    ),
    Operation(
        name="admin.roles", method="GET", path="/v1/admin/roles", auth="admin",
        summary="The accounts that have roles", input=accounts.RolesQuery, output=accounts.RolesPage,
    ),
    Operation(
        name="admin.roles.change", method="POST", path="/v1/admin/roles", auth="admin", is_repeatable=True,
        summary="Grant roles to an account and revoke others", input=accounts.RoleChange, output=accounts.Roles,
        errors=("validation", "not_found", "unavailable"),
    ),
    Operation(
        name="admin.rules.explain", method="POST", path="/v1/admin/rules/explain", auth="admin", is_repeatable=True,
        summary="Whether a rule lets a user do something, and which part of it refuses",
        input=explanations.RuleQuestion, output=explanations.Explanation,
        errors=("validation", "not_found", "unknown_collection"),
    ),
    Operation(
        name="admin.import", method="POST", path="/v1/admin/import/{collection}", auth="admin",
        summary="Create many records, each refused row reported", input=imports.Import, output=imports.ImportResult,
        errors=_WRITE,
    ),
    Operation(
        name="admin.records.update", method="POST", path="/v1/admin/records/{collection}/update", auth="admin",
        summary="Change all records that a filter finds", input=batches.FilteredUpdate, output=batches.FilteredResult,
        errors=(*_WRITE, "invalid_cursor", "too_costly", "conflict"),
    ),
    Operation(
        name="admin.records.delete", method="POST", path="/v1/admin/records/{collection}/delete", auth="admin",
        summary="Delete all records that a filter finds", input=batches.FilteredDeletion,
        output=batches.FilteredResult, errors=(*_WRITE, "invalid_cursor", "too_costly", "conflict"),
    ),
    Operation(
        name="admin.schema", method="GET", path="/v1/admin/schema", auth="admin",
        summary="The declared collections", output=schemas.SchemaDescription,
    ),
    Operation(
        name="admin.schema.add", method="POST", path="/v1/admin/schema", auth="admin",
        summary="Declare collections and fields on the running server", input=schemas.SchemaAddition,
        output=schemas.SchemaDescription, errors=("validation", "conflict"),
    ),
    Operation(
        name="records.list", method="GET", path="/v1/records/{collection}", view="list", auth="optional",
        input=PerCollection("query"), output=PerCollection("list"),
        summary="A page of the records that the caller can see",
        errors=(*_READ, "invalid_cursor", "too_costly", "rate_limited"),
        aliases=(Alias("/{collection}", "array"),),
    ),
    Operation(
        name="records.bulk", method="POST", path="/v1/records/{collection}/bulk", auth="optional",
        input=PerCollection("rows"), output=batches.BulkResult, summary="Create many records",
        errors=(*_WRITE, "conflict"), is_idempotent_by_key=True,
    ),
    Operation(
        name="records.aggregate", method="GET", path="/v1/records/{collection}/aggregate", auth="optional",
        input=PerCollection("aggregation"), output=AggregatePage,
        summary="Counts, sums and other values of groups of the records that the caller can see",
        errors=(*_READ, "invalid_cursor", "too_costly", "rate_limited"),
    ),
    Operation(
        name="records.create", method="POST", path="/v1/records/{collection}", view="record", status=201,
        auth="optional", input=PerCollection("body"), output=PerCollection("record"),
        summary="Create a record", errors=(*_WRITE, "conflict"), is_idempotent_by_key=True,
        aliases=(Alias("/{collection}", "record"),),
    ),
    Operation(
        name="records.view", method="GET", path="/v1/records/{collection}/{id}", view="record", auth="optional",
        output=PerCollection("record"),
        summary="One record", errors=(*_READ, "stale"), aliases=(Alias("/{collection}/{id}", "record"),),
    ),
    Operation(
        name="records.replace", method="PUT", path="/v1/records/{collection}/{id}", view="record", auth="optional",
        input=PerCollection("replacement"), output=PerCollection("record"),
        summary="Replace a record's fields as a whole", errors=(*_WRITE, "conflict", "stale"),
        is_idempotent_by_key=True, aliases=(Alias("/{collection}/{id}", "record"),),
    ),
    Operation(
        name="records.patch", method="PATCH", path="/v1/records/{collection}/{id}", view="record", auth="optional",
        input=PerCollection("patch"), output=PerCollection("record"),
        summary="Change some fields of a record (RFC 7396)", errors=(*_WRITE, "conflict", "stale"),
        is_idempotent_by_key=True, aliases=(Alias("/{collection}/{id}", "record"),),
    ),
    Operation(
        name="records.delete", method="DELETE", path="/v1/records/{collection}/{id}", view="empty", status=204,
        auth="optional",
        summary="Delete a record", errors=(*_WRITE, "stale"), is_idempotent_by_key=True,
        aliases=(Alias("/{collection}/{id}", "deleted"),),
    ),
    Operation(
        name="batch", method="POST", path="/v1/batch", auth="optional", input=batches.Batch,
        output=batches.BatchResult, max_depth=batches.BATCH_DEPTH, is_idempotent_by_key=True,
        takes_packed=True,
        summary="Write many records of any collections, all of them or none",
        errors=(*_WRITE, "conflict", "stale"),
    ),
    Operation(
        name="events.stream", method="GET", path="/v1/events", view="stream", auth="optional", time_limit="none",
        input=events.StreamQuery,
        summary="Server-sent events of the visible changes, from a cursor",
        errors=("unknown_collection", "too_costly", "rate_limited"),
    ),
    Operation(
        name="events.ticket", method="POST", path="/v1/events/ticket",
        summary="A single-use ticket that opens one stream", output=events.Ticket,
    ),
    Operation(
        name="socket", method="GET", path="/v1/socket", view="socket", auth="optional", time_limit="none",
        summary="A WebSocket: calls, and subscriptions from a cursor", input=socket.SocketQuery,
        errors=("upgrade_required",),
    ),
    Operation(
        name="sync.push", method="POST", path="/v1/sync/push",
        summary="Push the mutations of a device; each is settled exactly once", input=sync.Push,
        output=sync.PushResult, max_depth=sync.PUSH_DEPTH, is_repeatable=True,
        errors=("fork", "gap", "unacknowledged", "too_large", "storage_full", "unavailable"),
    ),
    Operation(
        name="sync.pull", method="POST", path="/v1/sync/pull", auth="optional", is_repeatable=True,
        summary="What changed since a cursor", input=sync.Pull, output=sync.PullResult,
        errors=("unknown_collection", "invalid_cursor", "rate_limited"),
    ),
    Operation(name="graphql", method="POST", path="/graphql", view="graphql", auth="optional",
              summary="GraphQL: queries and mutations of the collections", input=service.GraphQLRequest,
              output=service.GraphQLResponse, errors=("not_acceptable",)),
    Operation(name="schema", method="GET", path="/v1/schema", auth="optional", is_tagged=True,
              summary="What a client must know of the app: its collections, fields and limits",
              output=schemas.AppDescription),
    Operation(name="home", method="GET", path="/", auth="ignored",
              summary="What this server offers, as a page or as JSON"),
    Operation(name="health", method="GET", path="/health", auth="ignored",
              summary="Liveness of the process", output=service.Health,
              aliases=(Alias("/healthz", is_tutorial=False),)),
    Operation(name="ready", method="GET", path="/readyz", auth="ignored",
              summary="Readiness: the database answers", output=service.Readiness, errors=("unavailable",),
              is_probe=True),
    Operation(name="openapi", method="GET", path="/openapi.json", auth="optional",
              summary="This table as OpenAPI 3.1"),
    Operation(name="jwks", method="GET", path="/.well-known/jwks.json", auth="ignored",
              summary="The keys that verify access tokens (RFC 7517)"),
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}
EVERY_OPERATION_ERRORS = (
    "timeout", "internal", "method_not_allowed", "headers_too_large", "forbidden", "misdirected", "invalid_request",
    "invalid_query", "not_implemented", "http_version",
)  # fmt: skip


def segments_of(path: str) -> list[str]:
    """The names of the `{segments}` of a path."""
    return _SEGMENT.findall(path)


def path_of(name: str, **segments: object) -> str:
    """The canonical path of an operation of the table with its `{segments}` filled in."""
    return OPERATIONS[name].path_of(**segments)
