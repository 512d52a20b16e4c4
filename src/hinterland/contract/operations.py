"""The table of every operation: the server mounts it, the client calls it, `/openapi.json` is printed from it.

A path's `{name}` is one segment; `{key:path}` is a record's path below its collection. An alias is a further path with
its own view, the shape of the answer. Views: `list` is `{items, next, total?}`, `array` a bare array (or
`{data, page, limit, total}` when paged), `record` the record, `session` log-in's answer, `profile` the record.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hinterland.contract import accounts, events, imports, sync

Auth = Literal["ignored", "optional", "required", "admin"]
"""Who may ask: a token is not looked at, is taken where one is given, is needed, or must be an administrator's."""
View = Literal["list", "array", "record", "deleted", "registered", "session", "profile", "empty", "stream", "plain"]


class Alias(msgspec.Struct, frozen=True):
    """A tutorial's path for an operation, and the view that it answers with. It also takes a token without the word
    Bearer."""

    path: str
    view: View


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what may be asked of a Hinterland server."""

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    summary: str
    view: View
    status: int = 200
    auth: Auth = "optional"
    input: type[msgspec.Struct] | None = None
    output: type[Any] | None = None
    errors: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    is_idempotent_by_key: bool = False


_SIGN_IN = ("invalid_body", "validation", "invalid_credentials", "rate_limited")
_CONFIRM = ("invalid_body", "validation", "unauthorized", "rate_limited")
_WRITE = ("invalid_body", "validation", "unauthorized", "not_found", "unknown_collection", "too_large",
          "unsupported_media_type", "in_progress", "key_reused", "storage_full", "unavailable")  # fmt: skip
_READ = ("unauthorized", "not_found", "unknown_collection", "invalid_query")

_TABLE: tuple[Operation, ...] = (
    Operation(
        name="auth.signup", method="POST", path="/v1/auth/signup", view="registered", status=201, auth="ignored",
        summary="Sign up: make a user and a session", input=accounts.Registration, output=accounts.Session,
        errors=("invalid_body", "validation", "conflict", "password_policy", "rate_limited", "in_progress",
                "key_reused"),
        is_idempotent_by_key=True,
        aliases=(Alias("/auth/register", "registered"), Alias("/api/signup", "registered")),
    ),
    Operation(
        name="auth.login", method="POST", path="/v1/auth/login", view="session", auth="ignored",
        summary="Log in with e-mail and password", input=accounts.Credentials, output=accounts.Session,
        errors=_SIGN_IN, aliases=(Alias("/auth/login", "session"), Alias("/api/login", "session")),
    ),
    Operation(
        name="auth.refresh", method="POST", path="/v1/auth/refresh", view="session", auth="ignored",
        summary="Renew a session with its refresh token", input=accounts.RefreshRequest, output=accounts.Session,
        errors=("invalid_body", "validation", "invalid_grant"), aliases=(Alias("/auth/refresh", "session"),),
    ),
    Operation(
        name="auth.logout", method="POST", path="/v1/auth/logout", view="empty", status=204, auth="required",
        summary="End the session", errors=("unauthorized",), aliases=(Alias("/auth/logout", "empty"),),
    ),
    Operation(
        name="auth.me", method="GET", path="/v1/auth/me", view="profile", auth="required",
        summary="The signed-in user's own record", errors=("unauthorized",), aliases=(Alias("/api/user", "profile"),),
    ),
    Operation(
        name="auth.password", method="POST", path="/v1/auth/password", view="empty", status=204, auth="required",
        summary="Change one's own password; all other sessions end", input=accounts.PasswordChange,
        errors=(*_CONFIRM, "password_policy", "conflict"),
    ),
    Operation(
        name="auth.email", method="POST", path="/v1/auth/email", view="profile", auth="required",
        summary="Change one's own e-mail address", input=accounts.EmailChange, errors=(*_CONFIRM, "conflict"),
    ),
    Operation(
        name="auth.delete", method="POST", path="/v1/auth/delete", view="empty", status=204, auth="required",
        summary="Delete one's own account with its record", input=accounts.AccountDeletion,
        errors=(*_CONFIRM, "conflict", "too_large"),
    ),
    Operation(
        name="admin.login", method="POST", path="/v1/admin/login", view="session", auth="ignored",
        summary="Log in as administrator", input=accounts.Credentials, output=accounts.Session, errors=_SIGN_IN,
    ),
    Operation(
        name="admin.create", method="POST", path="/v1/admin/admins", view="plain", status=201, auth="admin",
        summary="Make another administrator", input=accounts.Credentials,
        errors=("invalid_body", "validation", "unauthorized", "conflict", "password_policy"),
    ),
    Operation(
        name="admin.list", method="GET", path="/v1/admin/admins", view="plain", auth="admin",
        summary="The administrators", errors=("unauthorized",),
    ),
    Operation(
        name="admin.remove", method="POST", path="/v1/admin/admins/remove", view="empty", status=204, auth="admin",
        summary="Remove an administrator", input=accounts.AdministratorRemoval,
        errors=("invalid_body", "validation", "unauthorized", "not_found", "conflict", "unavailable"),
    ),
    Operation(
        name="admin.password", method="POST", path="/v1/admin/password", view="empty", status=204, auth="admin",
        summary="Set the password of a user or administrator; all of their sessions end", input=accounts.PasswordReset,
        errors=("invalid_body", "validation", "unauthorized", "not_found", "password_policy",
                "rate_limited"),
    ),
    Operation(
        name="admin.import", method="POST", path="/v1/admin/import/{collection}", view="plain", auth="admin",
        summary="Create many records, each refused row reported", input=imports.Import, output=imports.ImportResult,
        errors=_WRITE,
    ),
    Operation(
        name="records.list", method="GET", path="/v1/records/{collection}", view="list",
        summary="A page of the records that the caller may see",
        errors=(*_READ, "invalid_cursor", "too_costly", "rate_limited"),
        aliases=(Alias("/{collection}", "array"),),
    ),
    Operation(
        name="records.create", method="POST", path="/v1/records/{collection}", view="record", status=201,
        summary="Create a record", errors=(*_WRITE, "conflict"), is_idempotent_by_key=True,
        aliases=(Alias("/{collection}", "record"),),
    ),
    Operation(
        name="records.view", method="GET", path="/v1/records/{collection}/{id}", view="record",
        summary="One record", errors=_READ, aliases=(Alias("/{collection}/{id}", "record"),),
    ),
    Operation(
        name="records.replace", method="PUT", path="/v1/records/{collection}/{id}", view="record",
        summary="Replace a record's fields as a whole", errors=(*_WRITE, "conflict", "stale"),
        is_idempotent_by_key=True, aliases=(Alias("/{collection}/{id}", "record"),),
    ),
    Operation(
        name="records.patch", method="PATCH", path="/v1/records/{collection}/{id}", view="record",
        summary="Change some fields of a record (RFC 7396)", errors=(*_WRITE, "conflict", "stale"),
        is_idempotent_by_key=True, aliases=(Alias("/{collection}/{id}", "record"),),
    ),
    Operation(
        name="records.delete", method="DELETE", path="/v1/records/{collection}/{id}", view="empty", status=204,
        summary="Delete a record", errors=(*_WRITE, "stale"), is_idempotent_by_key=True,
        aliases=(Alias("/{collection}/{id}", "deleted"),),
    ),
    Operation(
        name="events.stream", method="GET", path="/v1/events", view="stream",
        summary="Server-sent events of the visible changes, from a cursor",
        errors=("unauthorized", "unknown_collection", "invalid_query", "too_costly", "rate_limited"),
    ),
    Operation(
        name="events.ticket", method="POST", path="/v1/events/ticket", view="plain", auth="required",
        summary="A single-use ticket that opens one stream", output=events.Ticket, errors=("unauthorized",),
    ),
    Operation(
        name="sync.push", method="POST", path="/v1/sync/push", view="plain", auth="required",
        summary="Hand in a device's mutations; each settles exactly once", input=sync.Push, output=sync.PushResult,
        errors=("invalid_body", "unauthorized", "fork", "gap", "unacknowledged", "too_large", "storage_full",
                "unavailable"),
    ),
    Operation(
        name="sync.pull", method="POST", path="/v1/sync/pull", view="plain",
        summary="What changed since a cursor", input=sync.Pull, output=sync.PullResult,
        errors=("invalid_body", "unauthorized", "unknown_collection", "invalid_cursor", "rate_limited"),
    ),
    Operation(name="home", method="GET", path="/", view="plain", auth="ignored",
              summary="What this is and where to go, as a page or as JSON"),
    Operation(name="health", method="GET", path="/health", view="plain", auth="ignored", summary="The process lives",
              aliases=(Alias("/healthz", "plain"),)),
    Operation(name="ready", method="GET", path="/readyz", view="plain", auth="ignored",
              summary="The database answers", errors=("unavailable",)),
    Operation(name="openapi", method="GET", path="/openapi.json", view="plain", auth="ignored",
              summary="This table as OpenAPI 3.1"),
    Operation(name="jwks", method="GET", path="/.well-known/jwks.json", view="plain", auth="ignored",
              summary="The keys that verify access tokens (RFC 7517)"),
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}
EVERY_OPERATION_ERRORS = (
    "timeout", "internal", "method_not_allowed", "headers_too_large", "forbidden", "misdirected", "invalid_request",
    "not_implemented", "http_version",
)  # fmt: skip


def path_of(name: str, **segments: object) -> str:
    """The canonical path of an operation with its `{segments}` filled in."""
    return OPERATIONS[name].path.format(**segments)
