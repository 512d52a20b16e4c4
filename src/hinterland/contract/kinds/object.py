"""Objects with declared members."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import msgspec

from hinterland.contract.kinds.field import Check, Field, NestedErrors, field_of, nullable, register
from hinterland.kit import strict_json
from hinterland.kit.cel.types import ObjectType, Type

if TYPE_CHECKING:
    Members = Mapping[str, Field]
else:  # what comes from JSON becomes fields by their kinds
    Members = dict[str, Any]

MAX_NESTING = 8
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_OF_COLLECTIONS = ("unique", "index", "read", "write", "fill")  # what only a field of a collection can be


@register
class Object(Field, frozen=True, kw_only=True, omit_defaults=True, tag="object"):
    """An object whose members are the `fields`, of any kind but `Reference`; no other member is accepted.

    The stored form has every member, in declared order; one without a value is null. A patch changes the members that
    it names. Members can be `required` and have a `default`.
    """

    fields: Members = msgspec.field(default_factory=dict)

    is_sortable = False
    is_indexable = False
    merges_members = True

    def __post_init__(self) -> None:
        if isinstance(self.fields, Mapping):
            made = {name: field_of(one) if isinstance(one, Mapping) else one for name, one in self.fields.items()}
            msgspec.structs.force_setattr(self, "fields", made)

    @property
    def type(self) -> Type:
        """An object whose members are read by path, each as a value of its kind."""
        members = {name: field.type for name, field in self.fields.items()}
        return ObjectType(members, nullable=True, is_json=True)

    def checker(self) -> Check:
        """An object whose members pass the checks of theirs."""
        members = [_Member(name, field) for name, field in self.fields.items()]
        known = ", ".join(self.fields)

        def check(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise ValueError("must be an object")
            found: dict[str, Any] = {}
            errors: dict[str, str] = {}
            for member in members:
                found[member.name] = member.taken(value, errors)
            if len(value) > len(found) or not found.keys() >= value.keys():
                others = [name for name in value if name not in found]
                errors |= {name[:64]: f"is not a member; known are {known}" for name in others[: NestedErrors.MOST]}
            if errors:
                raise NestedErrors(errors)
            return found

        return check

    def merged(self, old: Any, patch: Any) -> Any:
        """The object after a patch, which names the members that change; null takes a member's value."""
        if type(patch) is not dict:
            return patch
        members = dict(old) if type(old) is dict else {}
        for name, value in patch.items():
            field = self.fields.get(name)
            members[name] = value if field is None else field.merged(members.get(name), value)
        return members

    def json_schema(self) -> dict[str, Any]:
        """A closed object."""
        required = [name for name, field in self.fields.items() if field.required and field.default is None]
        return self._schema({name: field.json_schema() for name, field in self.fields.items()}, required)

    def patch_schema(self) -> dict[str, Any]:
        """The object with some of its members."""
        return self._schema({name: field.patch_schema() for name, field in self.fields.items()}, [])

    def _schema(self, members: Mapping[str, dict[str, Any]], required: list[str]) -> dict[str, Any]:
        properties = {
            name: schema if self.fields[name].required else nullable(schema) for name, schema in members.items()
        }
        made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**made, "required": required} if required else made

    def from_text(self, text: str) -> Any:
        """JSON text."""
        try:
            return strict_json.decode(text.encode())
        except ValueError:
            return text

    def contradiction(self) -> str:
        """Members that can't be."""
        return next(_problems(self, 1), "")

    def takes_all_of(self, old: Self) -> bool:
        """Whether every member is there still, and those that are new or required now may lack a value."""
        if not old.fields.keys() <= self.fields.keys():
            return False
        return all(_takes(old.fields.get(name), field) for name, field in self.fields.items())

    # ------------------------------------------------------------ its words

    @property
    def searched(self) -> Sequence[str]:
        """The paths of the members that are searched."""
        members = [(name, path) for name, field in self.fields.items() for path in field.searched]
        return [f"{name}.{path}".rstrip(".") for name, path in members]

    def texts(self, value: Any) -> Sequence[str]:
        """Those of the members, of which no phrase is in two."""
        if type(value) is not dict:
            return ()
        members = [(field, value.get(name)) for name, field in self.fields.items() if field.searched]
        return [text for field, each in members if each is not None for text in field.texts(each)]

    # ------------------------------------------------------------ its column

    def to_column(self, value: Any) -> Any:
        """JSON text."""
        return None if value is None else msgspec.json.encode(value).decode()


class _Member:
    """A member with its check."""

    def __init__(self, name: str, field: Field) -> None:
        self.name = name
        self.check = field.checker()
        self.is_required = field.required
        self.default = field.default

    def taken(self, value: dict[str, Any], errors: dict[str, str]) -> Any:
        """The stored form of the member of `value`; what is wrong with it goes to `errors`."""
        given = value.get(self.name, self.default)
        stored = None
        try:
            stored = None if given is None else self.check(msgspec.to_builtins(given))
        except ValueError as error:
            NestedErrors.add(errors, self.name, error)
            return None
        if self.is_required and stored in (None, ""):
            errors[self.name] = "is required"
        return stored


def _takes(old: Field | None, new: Field) -> bool:
    if old is None:
        return not new.required and new.default is None
    return old.name == new.name and (old.required or not new.required) and new.takes_all_of(old)


def _problems(declared: Object, depth: int) -> Iterator[str]:
    if not declared.fields:
        yield "an Object has members: declare them as Object(fields={'city': Text()}), or use Json() for any value"
    if depth > MAX_NESTING:
        yield f"objects are nested deeper than {MAX_NESTING} levels; use Json() for what is below"
        return
    for name, field in declared.fields.items():
        if problem := _problem(name, field):
            yield f"its member {name}: {problem}"
        inner = getattr(field, "of", field)
        if isinstance(inner, Object):
            yield from (f"its member {name}: {problem}" for problem in _problems(inner, depth + 1))


def _problem(name: str, field: object) -> str:
    if not isinstance(field, Field):
        return f"it must be Text(...) or another kind, not {field!r}"
    if _NAME.fullmatch(name) is None:
        return "names of members use letters a–z, A–Z, digits and _, start with a letter and have at most 63 characters"
    if field.link is not None:
        return "a reference is a field of a collection; keep it beside the object"
    if given := next((option for option in _OF_COLLECTIONS if getattr(field, option, "")), ""):
        return f"{given} is for fields of a collection; say it of the field that holds the object"
    return field.contradiction() if not isinstance(field, Object) else ""
