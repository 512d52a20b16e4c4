"""A record's document as text: the server's own encoding, its document of private fields, and the wire's form."""

from __future__ import annotations

from collections.abc import Collection as AnyCollection
from collections.abc import Iterable
from typing import Any

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.server.storage.protocol import StoredRecord

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_texts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def split(document: Document, private: AnyCollection[str]) -> tuple[str, str | None]:
    """The texts of the public and the private fields."""
    if not private:
        return _encode(document).decode(), None
    public = {name: value for name, value in document.items() if name not in private}
    hidden = {name: value for name, value in document.items() if name in private}
    return _encode(public).decode(), _encode(hidden).decode()


def stored(
    private: AnyCollection[str], key: tuple[str, str, RecordId], document: Document, created: str, updated: str
) -> StoredRecord:
    """The record of a document that has yet to be written: with the revision 0."""
    body, hidden = split(document, private)
    return StoredRecord(key[1], key[2], 0, created, updated, body, hidden)


def document_of(record: StoredRecord) -> Document:
    """The whole document, private fields included."""
    document: Document = _decode(record.body)
    if record.private is not None:
        document.update(_decode(record.private))
    return document


def texts_of(record: StoredRecord | None, names: Iterable[str]) -> dict[str, bytes]:
    """The JSON texts of some fields, private ones included; `null` where there is no such field, or no record."""
    texts: dict[str, msgspec.Raw] = {}
    for text in () if record is None else (record.body, record.private):
        texts |= _decode_texts(text) if text else {}
    return {name: bytes(texts[name]) if name in texts else b"null" for name in names}


def with_meta(record: StoredRecord, document: Document) -> dict[str, Any]:
    """The variable `record` of rules: the document with id, times, revision and parent."""
    return {
        **document,
        "id": record.id,
        "parent": record.parent,
        "created_at": record.created,
        "updated_at": record.updated,
        "revision": record.revision,
    }


def meta_of(record: StoredRecord) -> dict[str, Any]:
    """The variable `record` for rules that read none of the document."""
    return with_meta(record, {})


def id_text(id: RecordId) -> str:
    """An id, or the path of a parent, as JSON. It has no control characters."""
    if type(id) is not str:
        return str(id)
    return _encode(id).decode() if '"' in id or "\\" in id else f'"{id}"'


def wire(record: StoredRecord, shown: AnyCollection[str] | None) -> str:
    """The record as the wire has it: JSON text, id, times and revision spliced in front of the stored text.

    `shown`: which private fields the caller sees; None: all.
    """
    _, id, revision, created, updated, body, private = record
    name = f'"{id}"' if type(id) is str and '"' not in id and "\\" not in id else id_text(id)
    rest = f",{body[1:]}" if len(body) > 2 else "}"
    if private is not None and len(private) > 2:
        rest = _with_private(rest, private, shown)
    return f'{{"id":{name},"created_at":"{created}","updated_at":"{updated}","revision":{revision}{rest}'


def _with_private(rest: str, private: str, shown: AnyCollection[str] | None) -> str:
    if shown is not None:
        hidden: Document = _decode(private)
        kept = {name: value for name, value in hidden.items() if name in shown}
        if not kept:
            return rest
        private = _encode(kept).decode()
    return f"{rest[:-1]},{private[1:]}"
