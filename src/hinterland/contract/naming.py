"""Names of types that are made of the names of collections, for GraphQL and for generated code."""

from __future__ import annotations

import re

_PLURALS = (
    (re.compile("ies$"), "y"),
    (re.compile("(ss|sh|ch|x|z)es$"), r"\1"),
    (re.compile("(ss|us|is)$"), r"\1"),
    (re.compile("(?<=[^s])s$"), ""),
)
_WORDS = re.compile(r"[^0-9A-Za-z]+")
_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "shelves": "shelf", "leaves": "leaf",
    "knives": "knife", "lives": "life", "wives": "wife", "halves": "half", "wolves": "wolf", "feet": "foot",
}  # fmt: skip
_SAME = ("news", "series", "species")
_LAST = re.compile(r"([A-Z]?[a-z0-9]+|[^a-z]+)$")


def singular(name: str) -> str:
    """The singular of a plural in English; a name that is none stays."""
    found = _LAST.search(name)
    last = found[1] if found is not None else name
    if last.lower() in _SAME:
        return name
    if last.lower() in _IRREGULAR:
        one = _IRREGULAR[last.lower()]
        return name[: len(name) - len(last)] + (one.capitalize() if last[0].isupper() else one)
    for end, with_ in _PLURALS:
        if end.search(name):
            return end.sub(with_, name)
    return name


def plural(name: str) -> str:
    """A plural whose `singular` is this name."""
    found = _LAST.search(name)
    last = found[1] if found is not None else name
    before = name[: len(name) - len(last)]
    for many, one in _IRREGULAR.items():
        if one == last.lower():
            return before + (many.capitalize() if last[0].isupper() else many)
    likely = f"{name}es" if name.endswith(("ss", "sh", "ch", "x", "z")) else f"{name}s"
    likely = f"{name[:-1]}ies" if re.search("[^aeiou]y$", name) else likely
    return likely if singular(likely) == name and last.lower() not in _SAME else f"{name}List"


def type_name(collection: str) -> str:
    """The type of a collection's records: `Post` for posts, `BlogPost` for blog_posts."""
    words = [word for word in _WORDS.split(singular(collection)) if word]
    return "".join([word[0].upper() + word[1:] for word in words])
