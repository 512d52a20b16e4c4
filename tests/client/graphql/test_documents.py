"""Documents as the client reads them, before they are sent."""

from __future__ import annotations

import pytest

from hinterland.client.errors import BadRequest
from hinterland.client.graphql.documents import parsed


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("query A { me { id } } query B { me { id } }", "", "not known; give operation= the name of one: A, B"),
        ("query A { me { id } } query B { me { id } }", "C", "no operation 'C'; give operation= the name of one: A, B"),
        ("{ me { id } } query B { me { id } }", "", "give operation= the name of one: one without a name, B"),
        ("fragment F on User { id }", "", "give operation= the name of one: none"),
        ("mutation { createNote(", "", "the document ends too early"),
        ("{ me { id }", "", "the document ends too early"),
        ("query A( { me { id } }", "", "the document is wrong at character 9, '{'"),
    ],
)
def test_documents_that_are_wrong(text: str, name: str, message: str) -> None:
    """A document that can't be read, or whose operation is not clear, is refused with what to write."""
    with pytest.raises(BadRequest) as wrong:
        parsed(text).operation(name)
    assert message in str(wrong.value)
