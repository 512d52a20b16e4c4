"""Trusted documents: those of a list, which a build of the app's clients writes, and no others are carried out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hinterland.kit import strict_json
from hinterland.server.settings import SettingsError

SHA256 = "sha256:"
"""Before a digest, where it is a document's id."""
_TEXTS = frozenset({".graphql", ".gql"})


class TrustedDocuments:
    """The documents of a JSON file, or of a folder with such files and files of one document each. Raises
    `SettingsError` for what can't be read."""

    def __init__(self, place: str) -> None:
        self._texts: dict[str, str] = {}
        for file in _files(Path(place)):
            for id, text in _documents(file):
                if self._texts.get(id, text) != text:
                    raise _refused(file, f"the id {id[:100]!a} names two documents; give each its own")
                self._texts[id] = text
        self._digests = {digest_of(text): text for text in self._texts.values()}
        if not self._texts:
            raise SettingsError(
                f"graphql_trusted_documents: there are no documents in {place}; build the clients' list first"
            )

    def by_id(self, id: str) -> str | None:
        """The document with this id, which may be `sha256:` and the digest of its text."""
        text = self._texts.get(id)
        if text is None and id.startswith(SHA256):
            text = self.by_digest(id.removeprefix(SHA256))
        return text

    def by_digest(self, digest: str) -> str | None:
        """The document whose text has this SHA-256, in hexadecimal digits."""
        return self._digests.get(digest.lower())


def digest_of(text: str) -> str:
    """A text's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(file for file in place.rglob("*") if file.suffix in _TEXTS or file.suffix == ".json")
    return [place]


def _documents(file: Path) -> Iterator[tuple[str, str]]:
    """The ids and texts of a file: the name of one with a text, and else those of a JSON object, or of the list that
    Apollo's tools write."""
    try:
        data = file.read_bytes()
        if file.suffix in _TEXTS:
            yield file.stem, data.decode()
            return
        listed: Any = strict_json.decode(data)
    except OSError as error:
        raise _refused(file, f"{error.strerror}; name a JSON file or a folder") from None
    except (UnicodeDecodeError, strict_json.StrictJsonError) as error:
        raise _refused(file, str(error)) from None
    if isinstance(listed, dict) and isinstance(listed.get("operations"), list):
        listed = {each.get("id"): each.get("body") for each in listed["operations"] if isinstance(each, dict)}
    if not isinstance(listed, dict) or not all(isinstance(each, str) for pair in listed.items() for each in pair):
        raise _refused(file, 'write an object of documents by their ids: {"id": "query { … }"}')
    yield from listed.items()


def _refused(file: Path, problem: str) -> SettingsError:
    return SettingsError(f"graphql_trusted_documents: cannot use {file}: {problem}")
