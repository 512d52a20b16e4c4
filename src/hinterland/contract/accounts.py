"""The bodies of the account operations."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from hinterland.kit.blank_text import INVISIBLE

# What the document of the interface says of them; the server's own checks name every field at once.
_Filled = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "pattern": f"[^{INVISIBLE}]"})]
ANOTHER_SERVER = "another_server"  # the `reason` in the details of `invalid_grant`: the token is of another database
FORM_BYTES = 64 * 1024
_SECRETS = frozenset({
    "password", "new_password", "token", "access_token", "refresh_token", "challenge", "code", "secret", "uri",
    "recovery_codes",
})  # fmt: skip


class _Discreet(msgspec.Struct, frozen=True):
    """A body that keeps its secrets out of logs and tracebacks."""

    def __repr__(self) -> str:
        shown = ((name, "…" if name in _SECRETS else repr(getattr(self, name))) for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in shown)})"


class Form(_Discreet, frozen=True, kw_only=True):
    """A form: the operation itself checks the fields, so that every problem is reported at once. A missing body is a
    form without fields."""


class Registration(Form, frozen=True, kw_only=True, omit_defaults=True):
    """Sign up: the credentials and the fields of the user's record."""

    email: _Filled
    password: _Filled
    name: str = ""


class Credentials(Form, frozen=True, kw_only=True):
    """Log in."""

    email: _Filled
    password: _Filled


class PasswordChange(Form, frozen=True, kw_only=True):
    """Change your own password; `password` is the current one."""

    password: _Filled
    new_password: _Filled


class EmailChange(Form, frozen=True, kw_only=True):
    """Change your own e-mail address; `password` is the current one."""

    email: _Filled
    password: _Filled


class AccountDeletion(Form, frozen=True, kw_only=True):
    """Delete your own account; `password` is the current one."""

    password: _Filled


class NewAdministrator(Form, frozen=True, kw_only=True):
    """Create another administrator."""

    email: _Filled
    password: _Filled


class Administrator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An administrator. `created_at` is a time in the wire form."""

    id: str
    email: str
    created_at: str = ""


class Administrators(msgspec.Struct, frozen=True, kw_only=True):
    """All administrators, the oldest first."""

    items: list[Administrator]


class PasswordReset(Form, frozen=True, kw_only=True):
    """Set the password of the account that signs in with `email`."""

    email: _Filled
    password: _Filled


class AdministratorRemoval(Form, frozen=True, kw_only=True, omit_defaults=True):
    """Remove an administrator; `force`: even the last one."""

    email: _Filled
    force: bool = False


ROLE = r"[A-Za-z0-9_.:-]{1,64}"
MAX_ROLES = 32  # of an account
_Role = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{ROLE}$"})]
_RoleNames = Annotated[list[_Role], msgspec.Meta(extra_json_schema={"maxItems": MAX_ROLES})]


class RoleChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Grant roles to an account and revoke others. `user`: its id, or with an @ its e-mail address. A role that is in
    both lists is revoked."""

    user: _Filled
    grant: _RoleNames = []
    revoke: _RoleNames = []


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """The roles of an account; `email`: the address that signs in, "" where there is none."""

    id: str
    email: str
    roles: list[str]


class RolesQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which accounts are listed: those that follow the id `after`, from the first on by default."""

    after: str = ""


class RolesPage(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts that have roles, by id. `next`: what `after` is for the following page ("": this is the last)."""

    items: list[Roles]
    next: str


class RefreshRequest(Form, frozen=True, kw_only=True):
    """Renew a session (RFC 6749 §6)."""

    refresh_token: _Filled


class Session(_Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """The signed-in state: a short access token (a JWT, RFC 9068) and a single-use refresh token.

    `token` repeats `access_token`; `expires_in` is in seconds (RFC 6749 §5.1). `message` comes with a sign-up.
    """

    token: str
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: dict[str, Any]
    message: str = ""


class Challenge(_Discreet, frozen=True, kw_only=True):
    """What a log-in answers where the account has a second factor, in the details of `challenge_required`.

    One of `methods` answers it with a code: "totp", of an authenticator app, or "recovery". It ends in `expires_in`
    seconds.
    """

    challenge: str
    methods: tuple[str, ...]
    expires_in: int


class ChallengeAnswer(Form, frozen=True, kw_only=True):
    """Answer a challenge with the `code` of an authenticator app or a recovery code."""

    challenge: _Filled
    code: _Filled


class TotpRequest(Form, frozen=True, kw_only=True):
    """Enrol an authenticator app; `password` is the current one."""

    password: _Filled


class TotpSetup(_Discreet, frozen=True, kw_only=True):
    """The key of an authenticator app in base 32, and the `otpauth://` URI that it reads as a QR code."""

    secret: str
    uri: str


class TotpCode(Form, frozen=True, kw_only=True):
    """Confirm an authenticator app with its `code`."""

    code: _Filled


class TotpRemoval(Form, frozen=True, kw_only=True):
    """Turn the second factor off; `code` is of the authenticator app or a recovery code."""

    password: _Filled
    code: _Filled


class RecoveryCodes(_Discreet, frozen=True, kw_only=True):
    """Codes that each take the place of the authenticator app once; they are shown this once."""

    recovery_codes: list[str]


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One of the caller's sessions. `label` is the User-Agent, `address` the network address, both as they were when
    the session was last begun or renewed, at `last_used_at`; `acr` and `amr` say how its owner signed in."""

    id: str
    label: str
    client: str
    address: str
    acr: str
    amr: list[str]
    created_at: str
    last_used_at: str
    expires_at: str
    is_current: bool


class SessionEnding(msgspec.Struct, frozen=True, kw_only=True):
    """End one of your own sessions."""

    id: str


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's sessions, the last used first."""

    items: list[SessionInfo]
