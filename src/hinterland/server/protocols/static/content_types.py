"""Media types of the files of web pages: the same on every machine, whatever its own tables have."""

from __future__ import annotations

UNKNOWN = "application/octet-stream"
_UTF8 = "; charset=utf-8"
_TEXTS = {
    "css": "text/css", "csv": "text/csv", "htm": "text/html", "html": "text/html", "ics": "text/calendar",
    "js": "text/javascript", "md": "text/markdown", "mjs": "text/javascript", "txt": "text/plain", "vtt": "text/vtt",
}  # fmt: skip
_COMPRESSIBLE = {
    "eot": "application/vnd.ms-fontobject", "geojson": "application/geo+json", "gltf": "model/gltf+json",
    "ico": "image/x-icon", "json": "application/json", "json5": "application/json5", "jsonld": "application/ld+json",
    "map": "application/json", "otf": "font/otf", "svg": "image/svg+xml", "ttf": "font/ttf",
    "wasm": "application/wasm", "webmanifest": "application/manifest+json", "xhtml": "application/xhtml+xml",
    "xml": "application/xml",
}  # fmt: skip
_COMPRESSED = {
    "aac": "audio/aac", "apk": "application/vnd.android.package-archive", "avif": "image/avif", "flac": "audio/flac",
    "gif": "image/gif", "glb": "model/gltf-binary", "gz": "application/gzip", "jpeg": "image/jpeg",
    "jpg": "image/jpeg", "m4a": "audio/mp4", "mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4",
    "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/ogg", "pdf": "application/pdf", "png": "image/png",
    "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2",
    "zip": "application/zip", "zst": "application/zstd",
}  # fmt: skip
# Files that platforms ask for by a name without an ending.
_NAMED = {"apple-app-site-association": "application/json"}


def content_type(name: str) -> str:
    """The Content-Type of a file by its name; text is UTF-8."""
    ending = _ending(name)
    if ending in _TEXTS:
        return _TEXTS[ending] + _UTF8
    return _COMPRESSIBLE.get(ending) or _COMPRESSED.get(ending) or _NAMED.get(name, UNKNOWN)


def is_compressible(name: str) -> bool:
    """Whether a file of this name becomes smaller by compression."""
    return _ending(name) in _TEXTS or _ending(name) in _COMPRESSIBLE


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()
