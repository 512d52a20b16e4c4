"""A mutation's place in its device's queue, and the digests by which it is recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.sync import Mutation

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class DeviceStep(NamedTuple):
    """A device's next mutation: its place in the queue, and digests: `fingerprint` of the whole mutation, `mutation` of
    its id, `content` of what it writes, "" where it is withdrawn."""

    account: str
    device: str
    seq: int
    fingerprint: str
    mutation: str
    content: str


def step_of(account: str, device: str, mutation: Mutation) -> DeviceStep:
    """The mutation's place in its device's queue, with digests that are the same however its JSON was written; a
    withdrawal has no content. What a copy of the store sends has another seq, and may have another base."""
    id = _digest(mutation.id.encode())[:32]
    if not mutation.writes:
        return DeviceStep(account, device, mutation.seq, f"{id}-", id, "")
    content = content_of(mutation.writes, mutation.timestamp)
    return DeviceStep(account, device, mutation.seq, f"{id}-{_digest(_encode_sorted(mutation))}", id, content)


def content_of(writes: Sequence[Write], timestamp: float) -> str:
    """A digest of what a mutation writes."""
    return _digest(_encode_sorted((writes, timestamp)))[:32]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
