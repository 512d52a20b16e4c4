"""What in declared collections is allowed and most likely not meant."""

from __future__ import annotations

from collections.abc import Iterator

from hinterland.server.data.catalogue import Catalogue, Entry


def warnings_of(catalogue: Catalogue) -> Iterator[str]:
    """A sentence for each, with what to do."""
    for entry in catalogue.entries.values():
        yield from _unchecked_fills(entry)


def _unchecked_fills(entry: Entry) -> Iterator[str]:
    rule = entry.rules["create"]
    for name, field in entry.collection.fields.items() if rule is not None else ():
        if field.fill == "auth.id" and field.write != "admin" and rule is not None and name not in rule.reads_record:
            yield (
                f"{entry.name}.{name} is filled with auth.id, but a caller may create a record with another id there; "
                f"add auth.id == record.{name} to the create rule"
            )
