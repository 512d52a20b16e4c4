"""The part of the expression language that clients evaluate themselves; the rest they leave to the server."""

from __future__ import annotations

import re

from hinterland.kit.cel import operations
from hinterland.kit.cel.lexer import BYTES, NAME, TEXT, UNSIGNED, tokens
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.typed import UNNAMED, Apply, Macro, Made, Path, Typed, walk

# A string in one pair of quotation marks, without a prefix, with no other escapes than these.
_PLAIN_TEXT = re.compile(r"""(?!\"\"\"|''')["'](?:[^\\]|\\[nrt\\?"'`]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})*""")
_OPERATIONS = frozenset({
    *operations.COMPARISONS.values(), *operations.TEXT_COMPARISONS.values(), operations.NOT,
    *operations.METHODS.values(),
    operations.LOWER, operations.UPPER, operations.TEXT_SIZE, operations.LIST_SIZE, operations.BETWEEN,
})  # fmt: skip


def is_in_subset(tree: Typed, text: str) -> bool:
    """Whether clients evaluate the checked expression `text`."""
    return (
        all(map(_is_evaluated, walk(tree)))
        and all(
            token.kind not in (BYTES, UNSIGNED)
            and (token.kind != NAME or token.value != "dyn")  # which leaves nothing in the tree
            and (token.kind != TEXT or _PLAIN_TEXT.fullmatch(text[token.start : token.end]))
            for token in tokens(text)
        )
    )


def _is_evaluated(part: Typed) -> bool:
    """Whether the part has no other operation; the conversion of an integer that is compared with a double is not
    written, and has the place of its operand."""
    if isinstance(part, Made):
        return False
    if isinstance(part, Macro):
        is_nested = any(isinstance(inner, Macro) for inner in walk(part.body))
        return part.form in ("exists", "all") and part.index == UNNAMED and not is_nested
    if isinstance(part, Path) and part.variable == NOW:
        return False
    if not isinstance(part, Apply) or part.operation in _OPERATIONS:
        return True
    return part.operation is operations.TO_DOUBLE and part.origin is part.arguments[0].origin
