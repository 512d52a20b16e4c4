"""The declared channels with their rules, compiled for the collections as they are now."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from hinterland.contract.channels import MAX_CHANNEL_NAME, Channel
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import auth_type
from hinterland.contract.identity import Principal
from hinterland.contract.schemas import ChannelAccess, ChannelDescription
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.moments import NOW
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.typed import RELATED
from hinterland.kit.cel.types import INT, Environment, ObjectType
from hinterland.server.data.asks import RuleChecker
from hinterland.server.data.catalogue import SIGNED_UP, Catalogue, DeclarationError
from hinterland.server.data.rules import DIALECTS, KnownFields, Rule, access_of, asked_collection, tables_of
from hinterland.server.storage.protocol import DialectName, Snapshot

log = logging.getLogger("hinterland.channels")
_NO_FIELDS = KnownFields(frozenset(), frozenset())


class ChannelRules(NamedTuple):
    """A declared channel with its compiled rules; None allows administrators only."""

    declared: Channel
    join: Rule | None
    send: Rule | None


class NamedChannel(NamedTuple):
    """A channel by its name, and what that has in the braces of its path."""

    name: str
    values: Mapping[str, str | int]
    rules: ChannelRules

    async def allows(self, action: str, source: Snapshot, caller: Principal, instant: str) -> bool:
        """Whether the rule of `action` ("join" or "send") lets the caller do it now."""
        rule: Rule | None = getattr(self.rules, action)
        if caller.is_admin or (rule is not None and rule.is_true):
            return True
        if rule is None:
            return False
        variables: dict[str, object] = {"auth": caller.as_auth(), "channel": self.values, NOW: instant}
        if rule.asks:
            variables[RELATED] = await RuleChecker(source, caller, instant).answers(rule, variables)
        return rule.test(variables) is True

    def denied(self, action: str, caller: Principal) -> Refusal:
        """The refusal of a rule; callers who are signed out are asked to sign in."""
        if caller.is_signed_in:
            message = f"the {action} rule of {self.rules.declared.path} does not allow this in {self.name}"
            return Refusal("forbidden", message)
        return Refusal("unauthorized", f"sign in to {action} in {self.name}")


class ChannelBook:
    """The channels of an app. Raises `DeclarationError`."""

    def __init__(self, channels: Sequence[Channel], catalogue: Catalogue, dialect: DialectName) -> None:
        self._declared = sorted(channels, key=lambda channel: [segment.startswith("{") for segment in channel.form])
        self._catalogue = catalogue
        self._dialect = dialect
        self._check()
        self._rules = [self._compiled(channel) for channel in self._declared]

    @property
    def is_empty(self) -> bool:
        """Whether no channels are declared."""
        return not self._declared

    def renew(self) -> None:
        """Compile the rules for the collections as they are now. Channels whose rules no longer fit are closed to all
        but administrators."""
        rules: list[ChannelRules] = []
        for channel in self._declared:
            try:
                rules.append(self._compiled(channel))
            except DeclarationError as error:
                log.error("%s: from now on it is for administrators only", error)
                rules.append(ChannelRules(channel, None, None))
        self._rules = rules

    def described(self, *, is_admin: bool, has_text: bool) -> list[ChannelDescription]:
        """What administrators, or all others, may know of the channels, with their rules where it `has_text`."""
        found = [_described(rules, has_text=has_text) for rules in self._rules]
        return [each for each in found if is_admin or {each.access.join, each.access.send} != {"admin"}]

    def of(self, name: str) -> NamedChannel:
        """The channel of a name. Raises `not_found`."""
        if len(name) <= MAX_CHANNEL_NAME:
            for rules in self._rules:
                values = rules.declared.values_of(name)
                if values is not None:
                    return NamedChannel(name, values, rules)
        known = ", ".join(channel.path for channel in self._declared)
        hint = f"declared are: {known}" if known else "the app declares none: add Channel(…) to its channels"
        raise Refusal("not_found", f"there is no channel {name[:64]!r}; {hint}")

    def _check(self) -> None:
        forms = [channel.form for channel in self._declared]
        users = self._catalogue[SIGNED_UP].collection.fields
        for channel in self._declared:
            if forms.count(channel.form) > 1:
                raise DeclarationError(f"channel {channel.path!r}: another one has the same names; give one of them")
            for name in channel.shows:
                if name not in users:
                    raise DeclarationError(f"channel {channel.path!r}: users has no field {name!r} that it could show")

    def _compiled(self, channel: Channel) -> ChannelRules:
        collections = {entry.name: asked_collection(entry.collection) for entry in self._catalogue.entries.values()}
        fields = {name: field.type for name, field in self._catalogue[SIGNED_UP].auth_fields.items()}
        auth = auth_type(is_integer=self._catalogue.users_are_integer, fields=fields)
        types = {name: each.type for name, each in collections.items()}
        environment = Environment({"auth": auth, "channel": ObjectType(channel.parameters)}, types)
        dialect = DIALECTS[self._dialect]
        tables = tables_of(collections, dialect)

        def rule(action: str, text: str) -> Rule | None:
            if not text.strip():
                return None
            try:
                made = Rule(text, check(parse(text), environment), dialect, _NO_FIELDS, tables)
                for ask in made.asks:
                    made.statements(ask)  # what SQL can't say exactly is refused here
            except CelError as error:
                raise DeclarationError(f"channel {channel.path!r}, rule {action}: {error}") from None
            return made

        join, send = rule("join", channel.join), rule("send", channel.send)
        if join is not None and join.reads_clock:
            raise DeclarationError(
                f"channel {channel.path!r}, rule join: now() cannot decide who stays, since time passes without a "
                "change; use it in the send rule"
            )
        return ChannelRules(channel, join, send)


def _described(rules: ChannelRules, *, has_text: bool) -> ChannelDescription:
    declared = rules.declared
    return ChannelDescription(
        path=declared.path,
        parameters={name: "integer" if kind is INT else "text" for name, kind in declared.parameters.items()},
        history=declared.history,
        history_days=declared.history_days,
        presence=declared.presence,
        shows=[*declared.shows],
        access=ChannelAccess(join=access_of(rules.join), send=access_of(rules.send)),
        rules={"join": declared.join, "send": declared.send} if has_text else msgspec.UNSET,
    )
