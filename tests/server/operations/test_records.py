"""Records for the operations of apps."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.identity import SIGNED_OUT
from hinterland.server.operations.call import Call
from hinterland.server.operations.records import each_record
from tests.server.api import Api
from tests.server.refused import refused


async def test_each_record_in_an_order(each_api: Api) -> None:
    """The records of a collection come in the order of fields, which are named as a client names them."""
    texts = {"a": (1, "x"), "b": (2, "x"), "c": (0, "y")}
    for id, (whole, text) in texts.items():
        await each_api.write(Write(act="create", collection="things", id=id, body={"whole": whole, "text": text}))

    async def ids(**question: Any) -> str:
        call = Call(caller=SIGNED_OUT, input=None)
        return "".join([thing["id"] async for thing in each_record(each_api.backend, call, "things", **question)])

    assert await ids() == await ids(sort="") == "abc"
    assert await ids(sort="-whole") == await ids(sort=["-whole"]) == "bac"
    assert await ids(sort="-text,-whole") == await ids(sort=("-text", "-whole")) == "cba"
    assert await ids(sort="whole", filter="record.text == 'x'") == "ab"
    with refused("invalid_query", "unknown sort field 'whale'"):
        await ids(sort=["whale"])


async def test_each_record_of_a_collection(api: Api) -> None:
    """The path is a collection's: that of a record is a mistake of the app."""
    call = Call(caller=SIGNED_OUT, input=None)
    with pytest.raises(ValueError, match="posts/1 is the path of a record; give that of a collection"):
        [post async for post in each_record(api.backend, call, "posts/1")]
