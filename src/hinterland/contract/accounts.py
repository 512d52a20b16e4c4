"""The bodies of the account operations."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from hinterland.kit.blank_text import INVISIBLE

# What the document of the interface says of them; the server's own checks name every field at once.
_Filled = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "pattern": f"[^{INVISIBLE}]"})]
ANOTHER_SERVER = "another_server"  # the `reason` in the details of `invalid_grant`: the token is of another database
_SECRETS = frozenset({"password", "new_password", "token", "access_token", "refresh_token"})


class _Discreet(msgspec.Struct, frozen=True):
    """A body that keeps its secrets out of logs and tracebacks."""

    def __repr__(self) -> str:
        shown = ((name, "…" if name in _SECRETS else repr(getattr(self, name))) for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in shown)})"


class Registration(_Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """Sign up: the credentials and the fields of the user's record."""

    email: _Filled
    password: _Filled
    name: str = ""


class Credentials(_Discreet, frozen=True, kw_only=True):
    """Log in."""

    email: _Filled
    password: _Filled


class PasswordChange(_Discreet, frozen=True, kw_only=True):
    """Change one's own password; `password` is the current one."""

    password: _Filled
    new_password: _Filled


class EmailChange(_Discreet, frozen=True, kw_only=True):
    """Change one's own e-mail address; `password` is the current one."""

    email: _Filled
    password: _Filled


class AccountDeletion(_Discreet, frozen=True, kw_only=True):
    """Delete one's own account; `password` is the current one."""

    password: _Filled


class PasswordReset(_Discreet, frozen=True, kw_only=True):
    """Set the password of whoever signs in with `email`."""

    email: _Filled
    password: _Filled


class AdministratorRemoval(_Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """Remove an administrator; `force`: the last one too."""

    email: _Filled
    force: bool = False


class RefreshRequest(_Discreet, frozen=True, kw_only=True):
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
