"""Questions to collections as values, and the one compiler that makes SQL of them."""

from __future__ import annotations

from hinterland.kit.lazy_face import offer

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this

if TYPE_CHECKING:
    from hinterland.server.data.select.question import Include as Include
    from hinterland.server.data.select.question import Select as Select
    from hinterland.server.data.select.question import Window as Window
else:  # the type checker knows the names above and no others
    offer(
        __name__,
        {
            "hinterland.server.data.select.question": ("Include", "Select", "Window"),
        },
    )
