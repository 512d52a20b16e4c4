"""Whether a connection is read on, which uvicorn decides with each answer and each message of a body."""

from __future__ import annotations

from uvicorn.protocols.http.flow_control import FlowControl


class HeldFlow(FlowControl):
    """Flow control that reads nothing on while something that was read waits."""

    is_held = False

    def resume_reading(self) -> None:
        """Read on, unless something waits."""
        if not self.is_held:
            super().resume_reading()
