"""Messages of WebSockets as frames."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import CLIENT, Protocol

from hinterland.server.websocket import SocketClosed, SocketMessage


def read(frame: bytes, window_bits: int) -> list[Frame]:
    """What a client reads of some bytes."""
    wire = Protocol(CLIENT, max_size=None)
    if window_bits:
        wire.extensions = [PerMessageDeflate(True, True, window_bits, window_bits)]
    wire.receive_data(frame)
    assert wire.parser_exc is None
    return [event for event in wire.events_received() if isinstance(event, Frame)]


MESSAGES = st.one_of(st.text(max_size=500), st.binary(max_size=500), st.sampled_from(["x" * 70_000, b"\0" * 65_600]))


@settings(max_examples=60)
@given(MESSAGES, st.sampled_from([0, 9, 12, 15]))
def test_frame_is_read_as_what_was_sent(data: str | bytes, window_bits: int) -> None:
    """A message arrives as it was sent, in one frame, whatever its size and whether it is compressed or not."""
    message = SocketMessage(data)
    (frame,) = read(message.frame(window_bits), window_bits)
    assert frame.fin
    assert frame.opcode.name == ("TEXT" if isinstance(data, str) else "BINARY")
    assert bytes(frame.data) == (data.encode() if isinstance(data, str) else data)


def test_frame_is_made_once() -> None:
    """All readers are sent the same bytes: they are made, and compressed, once."""
    message = SocketMessage("many words, " * 100)
    assert message.frame() is message.frame()
    assert message.frame(12) is message.frame(12)
    assert len(message.frame(12)) < len(message.frame()) / 5


def test_what_is_not_worth_it_is_not_compressed() -> None:
    """A short message gains nothing from compression, and a large one would take the time of others."""
    for size in (SocketMessage.least_compressed - 1, SocketMessage.most_compressed + 1):
        message = SocketMessage(b"x" * size)
        assert message.frame(12) is message.frame()


def test_text_of_bytes() -> None:
    """A text that is UTF-8 already is not decoded to be sent."""
    assert SocketMessage.of_text("é".encode()).frame() == SocketMessage("é").frame()


def test_end_says_why() -> None:
    """The end of a WebSocket has its code and the peer's reason."""
    assert str(SocketClosed(1001, "restart")) == "1001 restart"
    assert str(SocketClosed(1006)) == "1006"
