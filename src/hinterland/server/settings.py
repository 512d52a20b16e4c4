"""The settings: given in the app file, and over it by the environment (`HINTERLAND_` and the name in capitals).

A nested setting's variable joins both names: `HINTERLAND_AUTH_PASSWORD_MIN_LENGTH`. Lists are separated by commas.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

import msgspec

LOOPBACK = "loopback"
PREFIX = "HINTERLAND_"
MAX_RECORD_BYTES = 16 * 1024 * 1024


class SettingsError(Exception):
    """A setting has a value that can't be used; the message names it and says what would do."""


# Argon2 itself asks for 8 KiB; a time of nothing would end what has just begun.
_LEAST_AUTH = {
    "access_token_seconds": 1, "session_seconds": 1, "password_min_length": 1,
    "hash_memory_kib": 8, "hash_passes": 1, "hash_threads": 1, "hash_queue": 0, "account_guesses": 1,
    "account_guess_seconds": 0, "account_wait_seconds": 1, "address_guesses": 1, "address_guess_seconds": 0,
    "address_signups": 1, "address_signup_seconds": 0,
}  # fmt: skip


_LEAST = {
    "request_seconds": 0.001, "max_body_bytes": 1, "max_record_bytes": 1, "log_days": 0, "answer_days": 0,
    "hook_seconds": 0.001, "stream_buffer": 1, "streams_per_account": 1, "streams_per_address": 1,
    "keep_alive_seconds": 0.001, "socket_message_bytes": 1_024, "socket_messages_per_second": 1,
    "channels_per_socket": 0, "channel_members": 1, "channel_message_bytes": 256, "channel_state_bytes": 4,
    "channel_lease_seconds": 0.1, "graphql_tokens": 1, "graphql_depth": 1, "graphql_root_fields": 1, "graphql_cost": 1,
}  # fmt: skip
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    bool | None: "true or false",
}  # a text is any text
_DATABASES = ("postgresql", "postgres")
_NATS = ("nats", "tls", "ws", "wss")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_OURS = frozenset({"v1", "auth", "graphql", "health", "healthz", "readyz", "metrics"})  # first segments of paths
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"\*|loopback|null|[a-z][a-z0-9+.-]*://[^/\s,A-Z]+")


def _is_free(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and path[1:].partition("/")[0] not in _OURS


def _check_least(settings: msgspec.Struct, least: Mapping[str, float], prefix: str) -> None:
    for name, lowest in least.items():
        if not getattr(settings, name) >= lowest:  # so that NaN does not pass
            raise SettingsError(f"{prefix}{name} is {getattr(settings, name)}; set at least {lowest}")


def _check_url(name: str, url: str, schemes: Sequence[str], wanted: str) -> None:
    scheme, found, _ = url.partition("://")
    if url and (not found or scheme not in schemes):
        shown = f"the scheme {scheme[:20]!r}, which is not supported" if found else "no scheme"
        raise SettingsError(f"{name} ({PREFIX}{name.upper()}) has {shown}; give {wanted}")


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts, tokens and passwords. Times are in seconds.

    `issuer` and `audience` stand in every access token; another value makes those given out before worthless.
    `hash_*`: what one password costs (Argon2id; OWASP's least is 19 MiB and 2 passes), how many are worked on at once
    and how many may wait. A quota is a number of failed guesses at once, and the time after which there is one more.
    """

    issuer: str = "hinterland"
    audience: str = "hinterland"
    access_token_seconds: int = 900
    session_seconds: int = 30 * 86_400
    password_min_length: int = 8
    refuse_common_passwords: bool = True
    hash_memory_kib: int = 19_456
    hash_passes: int = 2
    hash_threads: int = 2
    hash_queue: int = 64
    account_guesses: int = 10
    account_guess_seconds: float = 30.0
    account_wait_seconds: float = 300.0
    address_guesses: int = 50
    address_guess_seconds: float = 5.0
    address_signups: int = 100
    address_signup_seconds: float = 1.0

    def __post_init__(self) -> None:
        _check_least(self, _LEAST_AUTH, "auth.")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set.

    `allowed_hosts`: the names by which the server is reached, such as `shop.example` or `*.shop.example`, without
    ports; while it listens on loopback only, loopback's names are allowed and no others. `cors_origins`: the origins
    whose pages may call, such as `https://shop.example`; `loopback` means every port of this machine.
    `database_url`: a PostgreSQL DSN; without one, a SQLite file in the data folder. `database_direct_url`: a DSN that
    reaches the same database without a pooler, for LISTEN. `nats_url`: a NATS server by which server processes wake
    each other, in the place of LISTEN. `request_seconds`: the time a
    request may take. `max_body_bytes`: the largest body. `max_record_bytes`: the largest record, which many
    small changes may make larger than a body can be. `log_days`: how long the log keeps changes, so how long a
    device may be away without reading everything again. `answer_days`: how long the answers of idempotency keys are
    kept. `hook_seconds`: the longest time that a hook may take.
    `tutorial_paths`: whether `/{collection}`, `/auth/register` and their like answer. `public_rules`: whether
    the description of the app has the rules as they are written, for everybody. `trusted_proxies`:
    addresses whose X-Forwarded-For is believed. `stream_buffer`: how many events a slow subscriber may be behind.
    `streams_per_account`, `streams_per_address`: how many streams one account may have open at once on one server
    process, and all those together who are not signed in at one address. `keep_alive_seconds`: the longest silence on a
    stream or a socket. `socket_path`: where sockets are served in addition to `/v1/socket`. `socket_message_bytes`: the
    largest message that a socket takes. `socket_messages_per_second`: how many messages of a socket are read in a
    second, after twice as many at once. `channels_per_socket`: how many channels a socket may have joined.
    `channel_members`: how many members a channel with presence has at most.
    `channel_message_bytes`, `channel_state_bytes`: the largest message of a channel, and state of a member, as JSON.
    `channel_lease_seconds`: how long after a server process died its members have left, at the latest.
    `graphql_tokens`, `graphql_depth`: the words and marks, and the levels, that a GraphQL document may have;
    `graphql_root_fields`: the fields at the root of an operation; `graphql_cost`: the records that it may read, by its
    limits. `graphql_trusted_documents`: the file or folder of the only documents that are carried out; "": any are.
    `graphql_federation`: whether the schema is that of a subgraph.
    `graphql_introspection`: whether GraphQL's schema can be asked for; None: while the server listens on loopback only,
    and neither a proxy nor another host is set. `static`: the folder of a built web page, which is served beside the
    API; a relative one is below the folder in which the server is started.
    """

    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = (LOOPBACK,)
    database_url: str = ""
    database_direct_url: str = ""
    nats_url: str = ""
    request_seconds: float = 30.0
    max_body_bytes: int = 10 * 1024 * 1024
    max_record_bytes: int = MAX_RECORD_BYTES
    log_days: float = 30.0
    answer_days: float = 7.0
    hook_seconds: float = 5.0
    tutorial_paths: bool = True
    public_rules: bool = False
    trusted_proxies: tuple[str, ...] = ()
    stream_buffer: int = 1_000
    streams_per_account: int = 100
    streams_per_address: int = 1_000
    keep_alive_seconds: float = 15.0
    socket_path: str = ""
    socket_message_bytes: int = 1024 * 1024
    socket_messages_per_second: int = 50
    channels_per_socket: int = 100
    channel_members: int = 1_000
    channel_message_bytes: int = 64 * 1024
    channel_state_bytes: int = 4 * 1024
    channel_lease_seconds: float = 10.0
    graphql_tokens: int = 5_000
    graphql_depth: int = 10
    graphql_root_fields: int = 30
    graphql_cost: int = 20_000
    graphql_introspection: bool | None = None
    graphql_federation: bool = False
    graphql_trusted_documents: str = ""
    static: str = ""
    auth: AuthSettings = AuthSettings()

    def __post_init__(self) -> None:
        _check_least(self, _LEAST, "")
        lite = "a PostgreSQL database as postgresql://user@host/name (or postgres://), or none for SQLite in the data "
        _check_url("database_url", self.database_url, _DATABASES, f"{lite}folder (--data)")
        direct = "the address of the same PostgreSQL database without its pooler, as postgresql://user@host/name"
        _check_url("database_direct_url", self.database_direct_url, _DATABASES, direct)
        _check_url("nats_url", self.nats_url, _NATS, "a NATS server as nats://host:4222 or tls://host:4222")
        for name in ("database_direct_url", "nats_url"):
            if getattr(self, name) and not self.database_url:
                raise SettingsError(f"{name} is set without database_url; SQLite has one server process and needs none")
        if self.socket_path and not _is_free(self.socket_path):
            raise SettingsError(
                f"socket_path is {self.socket_path!r}; give a path such as /ws that is not below /v1, /auth or another "
                "of the server's own"
            )
        for host in self.allowed_hosts:
            if _HOST.fullmatch(host) is None:
                raise SettingsError(
                    f"allowed_hosts holds {host!r}, which is not a host; give a name without scheme and port, such as "
                    "shop.example, or *.shop.example for all below it"
                )
        for origin in self.cors_origins:
            if _ORIGIN.fullmatch(origin) is None:
                raise SettingsError(
                    f"cors_origins holds {origin!r}: an origin is a scheme and a host, without a path or a slash at "
                    "the end, in small letters, such as https://shop.example"
                )


def from_environment(settings: Settings, environment: Mapping[str, str] = os.environ) -> Settings:
    """`settings` with what the environment sets over it. Raises `SettingsError`."""
    return _over(settings, PREFIX, environment)  # type: ignore[no-any-return]


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The variables that look like settings and are none."""
    known = [*_variables(Settings(), PREFIX), f"{PREFIX}ADMIN_PASSWORD"]  # the latter is an option of the commands
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _variables(settings: msgspec.Struct, prefix: str) -> Iterator[str]:
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            yield from _variables(value, f"{prefix}{name.upper()}_")
        else:
            yield prefix + name.upper()


def _over(settings: Any, prefix: str, environment: Mapping[str, str]) -> Any:
    changed: dict[str, Any] = {}
    for name, kind in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        variable = prefix + name.upper()
        if isinstance(value, msgspec.Struct):
            changed[name] = _over(value, f"{variable}_", environment)
        elif variable in environment:
            changed[name] = _parsed(variable, environment[variable], kind)
    return msgspec.structs.replace(settings, **changed)


def _parsed(variable: str, text: str, kind: Any) -> Any:
    value: Any = text
    if kind == tuple[str, ...]:
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    elif kind in (bool, bool | None):
        value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(text.lower(), text)
    try:
        return msgspec.convert(value, kind, strict=kind in (bool, bool | None))
    except msgspec.ValidationError:
        raise SettingsError(f"{variable}={text!r} can't be used; set {_WORDS[kind]}") from None
