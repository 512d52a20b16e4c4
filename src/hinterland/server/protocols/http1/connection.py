"""The server's HTTP/1.1 connections, with all of it: `uvicorn.Config(app, http=HttpConnection)`."""

from __future__ import annotations

from hinterland.server.protocols.http1.heads import WholeHeads


class HttpConnection(WholeHeads):
    """A connection whose answers are written together; whatever is read, or ends it, comes after them."""

    def data_received(self, data: bytes) -> None:
        """What is read now comes after what was answered before."""
        self.answers.flush()
        super().data_received(data)

    def shutdown(self) -> None:
        """End when what was answered is written."""
        self.answers.flush()
        super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Nothing more is asked; what was answered is written before anything closes."""
        self.answers.flush()
        self.answers.is_half_closed = super().eof_received()
        return self.answers.is_half_closed
