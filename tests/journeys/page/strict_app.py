"""The shop with a rule of its own that no client knows: a list's title has at most as many characters as a file says.

The file is `SHOP_LONGEST_TITLE`, so that a test can change the rule.
"""

from __future__ import annotations

import os
from pathlib import Path

from hinterland.server.declaration import load
from hinterland.server.hooks import BeforeWrite, Refuse

_LONGEST = Path(os.environ["SHOP_LONGEST_TITLE"])

app = load(Path(__file__).parents[3] / "examples" / "shop" / "app.py")


@app.before("lists", "create")
async def refuse_long_titles(write: BeforeWrite) -> None:
    """Refuses a title that is too long now."""
    longest = int(_LONGEST.read_text())
    if len(str(write.body.get("title"))) > longest:
        raise Refuse(f"title must have at most {longest} characters")
