"""An app's own operations as root fields: what `@app.operation` declares, carried out as the REST API does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT
from hinterland.contract.operations import Operation
from hinterland.server.callers import check_caller
from hinterland.server.operations.call import Call, Reply
from hinterland.server.operations.unfitting import unfitting

if TYPE_CHECKING:
    from hinterland.server.protocols.graphql.chosen import Chosen
    from hinterland.server.protocols.graphql.execution import Execution
    from hinterland.server.protocols.graphql.meaning import Meaning
    from hinterland.server.protocols.graphql.selections import Selector

_encode, _decode = msgspec.json.encode, msgspec.json.decode


async def own(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """The result of an operation, with what is selected of it; true where it has none."""
    app = execution.backend.app
    row, shape = app.operations[meaning.name], selector.value_shape(chosen)
    check_caller(execution.caller, row.auth)
    call = replace(execution.of(_input(row, selector.arguments(chosen))), key="", fingerprint="", part_key="")
    if row.auth == "ignored":
        call = replace(call, caller=SIGNED_OUT)
    output = await _carried_out(execution, row, call)
    if row.output is None:
        return True
    value = _decode(_encode(output.output if isinstance(output, Reply) else output))
    return value if shape is None else shape(value)


def _input(row: Operation, given: dict[str, Any]) -> Any:
    if row.input is None:
        return None
    code = "invalid_query" if row.has_query_input else "invalid_body"
    assert isinstance(row.input, type)
    try:
        return msgspec.convert(given, row.input)
    except msgspec.ValidationError as error:
        raise unfitting(error, code, row.input) from None


async def _carried_out(execution: Execution, row: Operation, call: Call[Any]) -> Any:
    """What its function returns, within the time of a request: also on a socket, which no request limits."""
    backend = execution.backend
    seconds = backend.settings.request_seconds if row.time_limit == "request" else None
    deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            return await backend.app.handlers[row.name](backend, replace(call, deadline=deadline))
    except TimeoutError:
        if not limit.expired():
            raise
        message = f"{row.name} took longer than {seconds:g} s; ask for less, or raise the setting request_seconds"
        raise Refusal("timeout", message) from None
