"""Errors and data of responses, as hypothesis draws them: of a form that is right, or of any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(["a", "b", "c"])
_CODES = st.sampled_from(["validation", "forbidden", "internal", "in_progress", "timeout", "odd"])
_PATHS = st.lists(_NAMES | st.integers(0, 2), max_size=3)
_ERROR = st.fixed_dictionaries(
    {"message": st.text(max_size=5) | JSON},
    optional={
        "path": _PATHS | JSON,
        "extensions": st.fixed_dictionaries({"code": _CODES}, optional={"errors": JSON}) | JSON,
        "locations": JSON,
    },
)
ERRORS = st.lists(_ERROR | st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=3)
DATA = st.none() | st.dictionaries(_NAMES, st.none() | st.dictionaries(_NAMES, JSON, max_size=2), max_size=3)
