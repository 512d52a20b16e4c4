"""Server-sent events, WHATWG HTML §9.2."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.event_stream import EventStreamParser, Message

TEXT = (
    '\ufeff: a comment\nid: 7\nevent: commit\ndata: {"a":\ndata:  1}\n\n'
    "data\n\nretry: 1500\nretry: soon\nunknown: x\nid: bad\0id\n\nevent: empty\n\ndata: ä – 猫\r\n\r\ndata: end\r\r"
).encode()
MESSAGES = [
    Message("commit", '{"a":\n 1}', "7"),
    Message("message", "", "7"),
    Message("message", "ä – 猫", "7"),
    Message("message", "end", "7"),
]


def test_the_grammar() -> None:
    """Fields, comments, the byte order mark, all line ends, several data lines, ids that stay and ids with NUL."""
    parser = EventStreamParser()
    assert parser.feed(TEXT) + parser.feed(b": more\n") == MESSAGES
    assert parser.retry == 1.5
    assert parser.last_id == "7"


@given(st.lists(st.integers(0, len(TEXT)), max_size=8))
def test_where_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    """However the stream is cut into pieces, even inside a character or a CRLF, the messages are the same."""
    parser, messages = EventStreamParser(), []
    places = [0, *sorted(cuts), len(TEXT)]
    for start, end in pairwise(places):
        messages += parser.feed(TEXT[start:end])
    assert messages + parser.feed(b": more\n") == MESSAGES


def test_an_unfinished_event_is_not_reported() -> None:
    """An event whose blank line did not come is dropped with its connection."""
    assert EventStreamParser().feed(b"id: 9\ndata: half\n") == []
