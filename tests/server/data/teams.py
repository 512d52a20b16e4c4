"""Collections whose rules ask each other."""

from __future__ import annotations

from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules

IS_MEMBER = "members.exists(m, m.team == record.team && m.user == auth.id)"
IS_OWNER = 'members.exists(m, m.team == record.team && m.user == auth.id && m.role == "owner")'
IS_SPEAKER = 'members.exists(m, m.user == auth.id && m.role == "speaker")'
TEAMS = Collection(
    name="teams",
    fields={"title": Text(), "country": Text(index=True)},
    rules=Rules(
        list="members.exists(m, m.team == record.id && m.user == auth.id)",
        view="members.exists(m, m.team == record.id && m.user == auth.id)",
        create="auth != null",
    ),
)
MEMBERS = Collection(
    name="members",
    fields={"team": Text(index=True), "user": Text(index=True), "role": Text(), "level": Integer()},
    rules=Rules(
        list=IS_MEMBER,
        view=IS_MEMBER,
        create=f"{IS_OWNER} || (auth.id == record.user && !members.exists(m, m.team == record.team))",
        update=IS_OWNER,
        delete=IS_OWNER,
    ),
)
POSTS = Collection(
    name="posts",
    fields={"team": Text(index=True), "text": Text(), "author": Text()},
    rules=Rules(
        list=f"record.author == auth.id || {IS_MEMBER}",
        view=IS_MEMBER,
        create=IS_MEMBER,
        update=f"{IS_MEMBER} && members.exists(m, m.team == old.team && m.user == auth.id)",
        delete=IS_OWNER,
    ),
)
BANS = Collection(name="bans", fields={"user": Text(index=True), "team": Text()})
TALKS = Collection(
    name="talks",
    fields={"team": Text(), "text": Text()},
    rules=Rules(list="!bans.exists(b, b.user == auth.id && b.team == record.team)", view="false"),
)
GUESTS = Collection(name="guests", fields={"user": Text(index=True)}, parent="teams")
PAGES = Collection(
    name="pages",
    fields={"team": Text(index=True), "text": Text()},
    rules=Rules(
        list='guests.exists(g, g.parent == "teams/" + record.team && g.user == auth.id)',
        view="teams.exists(t, t.id == record.team && nations.exists(n, n.code == t.country && n.user == auth.id))",
        create="teams.exists(t, t.id == record.team && nations.exists(n, n.code == t.country && n.user == auth.id))",
    ),
)
NATIONS = Collection(name="nations", fields={"code": Text(index=True), "user": Text()})
NOTICES = Collection(
    name="notices",
    fields={"team": Text(index=True), "text": Text(), "room": Text(read=IS_MEMBER), "notes": Text(read=IS_SPEAKER)},
    rules=EVERYBODY,
)
COLLECTIONS = (TEAMS, MEMBERS, POSTS, BANS, TALKS, GUESTS, PAGES, NATIONS, NOTICES)
