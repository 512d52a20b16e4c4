"""The bodies of the account operations."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from hinterland.kit.blank_text import INVISIBLE

# What the document of the interface says of them; the server's own checks name every field at once.
_Filled = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "pattern": f"[^{INVISIBLE}]"})]
ANOTHER_SERVER = "another_server"  # the `reason` in the details of `invalid_grant`: the token is of another database
FORM_BYTES = 64 * 1024
_SECRETS = frozenset({"password", "new_password", "token", "access_token", "refresh_token"})


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
    """Change one's own password; `password` is the current one."""

    password: _Filled
    new_password: _Filled


class EmailChange(Form, frozen=True, kw_only=True):
    """Change one's own e-mail address; `password` is the current one."""

    email: _Filled
    password: _Filled


class AccountDeletion(Form, frozen=True, kw_only=True):
    """Delete one's own account; `password` is the current one."""

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
    """Set the password of whoever signs in with `email`."""

    email: _Filled
    password: _Filled


class AdministratorRemoval(Form, frozen=True, kw_only=True, omit_defaults=True):
    """Remove an administrator; `force`: the last one too."""

    email: _Filled
    force: bool = False


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
