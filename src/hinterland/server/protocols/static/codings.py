"""Which content coding a caller accepts (RFC 9110 §12.5.3)."""

from __future__ import annotations

import re

PREFERRED = ("br", "zstd", "gzip")  # where a caller accepts several equally
ENDINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_ITEM = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE)


def accepted_codings(header: str) -> list[str]:
    """The codings that a caller prefers to the file as it is, the most preferred first."""
    weights: dict[str, float] = {}
    for item in header.split(","):
        if (match := _ITEM.fullmatch(item)) is not None:
            name = match[1].lower()
            weights["gzip" if name == "x-gzip" else name] = float(match[2] or 1)
    anything = weights.get("*", 0.0)
    found = [(weights.get(coding, anything), coding) for coding in PREFERRED]
    least = weights.get("identity", 0.0)
    return [coding for weight, coding in sorted(found, key=lambda pair: -pair[0]) if weight and weight >= least]
