"""Which names of files carry a hash of their content, so that a copy never becomes outdated.

A wrong yes can't be taken back: browsers keep the file for a year. A wrong no costs one conditional request. So a name
must look like a hash and not like words or numbers; the forms are those of the bundlers' default names.
"""

from __future__ import annotations

import re
from itertools import pairwise

# Next.js and SvelteKit write here only what never changes under its name.
_FOLDERS = re.compile(r"(?:^|/)(?:_next/static|_app/immutable)/")
# The folders that Vite, Astro and Nuxt write their output to by default.
_OF_BUNDLERS = re.compile(r"(?:^|/)(assets|chunks|_astro|_nuxt)/")
_ENDINGS = r"(?:\.[A-Za-z0-9]{1,12}){1,3}"
# webpack, Parcel, Next.js, Flask and Django: hexadecimal, of the lengths in which hashes are cut.
_HEX = re.compile(rf"(?:.*[-._~])?(?<!-[0-9a-f]{{4}}-)([0-9a-f]{{8,64}}){_ENDINGS}")  # and no UUID
_HEX_LENGTHS = frozenset({8, 10, 12, 16, 20, 24, 32, 40, 64})
# esbuild: eight characters of base32.
_BASE32 = re.compile(rf".*[-.]([A-Z2-7]{{8}}){_ENDINGS}")
# Vite, Rollup, Rolldown and Astro: eight characters of base64url; Nuxt: nothing else.
_BASE64 = re.compile(rf".*[-.]([A-Za-z0-9_-]{{8}}){_ENDINGS}")
_WHOLE_NAME = re.compile(rf"([A-Za-z0-9_-]{{8}}){_ENDINGS}")
# Settings, UserList, iPhone15, RELEASE2, 0001, 1280x720: what people call things, without five consonants in a row.
_WORD = re.compile(r"[a-z]?[A-Z]?[a-z]{2,}(?:[A-Z][a-z]+)*\d*|[A-Z]+\d*|[a-z]\d*|\d+[a-z]?|\d+x\d+")
_CONSONANTS = re.compile("[bcdfghjklmnpqrstvwxz]{5}", re.IGNORECASE)
_NEVER = re.compile(r"(?:^|/)(?:sw|service[-_]?worker)(?:[-.][^/]*)?\.m?js$|\.(?:html?|webmanifest)$", re.IGNORECASE)


def is_hashed(path: str) -> bool:
    """Whether the file at `path`, relative to the page's folder and with `/` between names, never changes its content
    under this name."""
    if _NEVER.search(path):
        return False
    if _FOLDERS.search(path):
        return True
    name = path.rpartition("/")[2]
    if (match := _HEX.fullmatch(name)) is not None and _is_hash(match[1]):
        return True
    if (match := _BASE32.fullmatch(name)) is not None and not _is_words(match[1]):
        return True
    if (folder := _OF_BUNDLERS.search(path)) is None:
        return False
    match = _BASE64.fullmatch(name) or (_WHOLE_NAME.fullmatch(name) if folder[1] == "_nuxt" else None)
    return match is not None and _is_mixed(match[1]) and not _is_words(match[1])


def _is_words(text: str) -> bool:
    parts = re.split("[-_]", text)
    return all(not part or (_WORD.fullmatch(part) and not _CONSONANTS.search(part)) for part in parts)


def _is_mixed(text: str) -> bool:
    """Whether there are capitals and small letters, or digits between letters again and again."""
    changes = sum(one.isalpha() != other.isalpha() for one, other in pairwise(text))
    return changes > 3 or (text != text.lower() and text != text.upper())


def _is_hash(text: str) -> bool:
    """Whether hexadecimal digits are of a hash's length, and letters and digits mixed as in no word with a number."""
    return len(text) in _HEX_LENGTHS and sum(one.isdigit() != other.isdigit() for one, other in pairwise(text)) > 1
