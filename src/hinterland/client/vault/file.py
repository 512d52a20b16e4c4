"""A vault in a file, sealed with AES-256-GCM.

The file is `hinterland vault 1\\n`, 16 bytes of salt, 12 of nonce, and the sealed data with its tag; everything before
the nonce is authenticated too. The key lies in a file beside it that only the owner may read, or is made from a
passphrase by scrypt (RFC 7914) with the salt.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hinterland.client.errors import VaultError
from hinterland.kit import atomic_file
from hinterland.kit.file_lock import FileLock

LOCK_SECONDS = 15.0
_MAGIC = b"hinterland vault 1\n"
_SALT, _NONCE, _KEY = 16, 12, 32
_HEAD = len(_MAGIC) + _SALT


class FileVault:
    """Keeps the session in the file `path`, with `path`.key (unless there is a `passphrase`) and `path`.lock beside it.

    All are readable by their owner only.
    """

    def __init__(self, path: str | os.PathLike[str], *, passphrase: str | None = None) -> None:
        if passphrase == "":
            raise ValueError("the passphrase of a vault must not be empty")
        self.path = Path(path)
        self._passphrase = passphrase
        self._derived: dict[bytes, bytes] = {}

    def load(self) -> bytes | None:
        """What was saved last; None: nothing. Raises VaultError where it can't be read or was tampered with."""
        try:
            sealed = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error("the file can't be read", error) from error
        if len(sealed) < _HEAD + _NONCE or not sealed.startswith(_MAGIC):
            raise self._error("the file is not a vault, or is truncated")
        return self._open(sealed)

    def save(self, data: bytes) -> None:
        """Keep `data` instead of what was there, durable on return. Raises VaultError, and keeps the old then."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head, nonce = _MAGIC + self._salt(), os.urandom(_NONCE)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sealed = AESGCM(self._key(head, may_make=True)).encrypt(nonce, data, head)
            atomic_file.replace(self.path, head + nonce + sealed)
        except OSError as error:
            raise self._error("the session can't be kept", error) from error

    def clear(self) -> None:
        """Forget it. Raises VaultError."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._error("the file can't be removed", error) from error

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Exclude every other user of this vault, those of other processes too. Raises VaultError after 15 s."""
        lock = FileLock(self.path.with_name(f"{self.path.name}.lock"))
        await self._take(lock)
        try:
            yield
        finally:
            lock.release()

    async def _take(self, lock: FileLock) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            await lock.take(LOCK_SECONDS)
        except TimeoutError:
            held = f"another process held {self.path.name} for {LOCK_SECONDS:g} s"
            raise VaultError("Another window of this app is busy.", code="vault_busy", detail=held) from None
        except OSError as error:
            raise self._error("it can't be locked", error) from error

    def _open(self, sealed: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head, nonce, data = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        try:
            return AESGCM(self._key(head)).decrypt(nonce, data, head)
        except InvalidTag:
            asked = "the passphrase is wrong, or the" if self._passphrase else "the"
            raise self._error(f"{asked} file or its key was changed") from None

    def _salt(self) -> bytes:
        # One salt for the life of this object: deriving a key from a passphrase takes a tenth of a second.
        return next(iter(self._derived), b"")[len(_MAGIC) :] or os.urandom(_SALT)

    def _key(self, head: bytes, *, may_make: bool = False) -> bytes:
        if self._passphrase is None:
            return self._key_in_file(may_make=may_make)
        if head not in self._derived:
            from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

            kdf = Scrypt(salt=head[len(_MAGIC) :], length=_KEY, n=2**15, r=8, p=1)
            self._derived[head] = kdf.derive(self._passphrase.encode())
        return self._derived[head]

    def _key_in_file(self, *, may_make: bool) -> bytes:
        file = self.path.with_name(f"{self.path.name}.key")
        try:
            if may_make and not file.exists():
                atomic_file.create(file, os.urandom(_KEY))
            key = file.read_bytes()
        except OSError as error:
            raise self._error("its key can't be read", error) from error
        if len(key) != _KEY:
            raise self._error("its key was changed")
        return key

    def _error(self, what: str, error: OSError | None = None) -> VaultError:
        reason = f": {error.strerror or error}" if error is not None else ""
        return VaultError(detail=f"{what} ({self.path.name}{reason})")
