"""The system's own schema, in numbered steps. A step is applied in one transaction with its number, or not at all.

The steps are frozen: databases have been through them. What a system table gets later, it gets in a new step here, and
in `system.py`, which says what the tables are like after the last step.
"""

from __future__ import annotations

from types import MappingProxyType

from hinterland.server.storage.protocol import DialectName

_FIRST = """
CREATE TABLE _meta ("name" {text}, "value" {text}, PRIMARY KEY ("name"));
CREATE TABLE _collections ("name" {text}, "definition" {text}, "last_id" {integer}, PRIMARY KEY ("name"));
CREATE TABLE _accounts ("id" {text}, "email" {text}, "password" {text}, "roles" {text}, "is_admin" {boolean},
 "is_disabled" {boolean}, "created" {real}, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX _accounts_email ON _accounts (email);
CREATE TABLE _sessions ("id" {text}, "account" {text}, "created" {real}, "expires" {real}, "ended" {real},
 "label" {text}, PRIMARY KEY ("id"));
CREATE INDEX _sessions_account ON _sessions (account);
CREATE TABLE _refresh_tokens ("hash" {text}, "session" {text}, "parent" {text}, "issued" {real}, "used" {real},
 "successor" {blob}, PRIMARY KEY ("hash"));
CREATE INDEX _refresh_tokens_session ON _refresh_tokens (session);
CREATE TABLE _keys ("id" {text}, "purpose" {text}, "secret" {text}, "created" {real}, "retired" {real},
 PRIMARY KEY ("id"));
CREATE TABLE _tickets ("hash" {text}, "session" {text}, "account" {text}, "stream" {text}, "expires" {real},
 PRIMARY KEY ("hash"));
CREATE TABLE _answers ("caller" {text}, "key" {text}, "fingerprint" {text}, "status" {integer}, "body" {blob},
 "revision" {integer}, "at" {real}, PRIMARY KEY ("caller", "key")){rowless};
CREATE TABLE _devices ("account" {text}, "device" {text}, "settled" {integer}, "at" {real},
 PRIMARY KEY ("account", "device")){rowless};
CREATE TABLE _results ("account" {text}, "device" {text}, "seq" {integer}, "fingerprint" {text}, "result" {blob},
 PRIMARY KEY ("account", "device", "seq")){rowless};
CREATE TABLE _log ("revision" {integer} PRIMARY KEY, "commit" {integer}, "check" {integer}, "at" {real}, "stamp" {real},
 "kind" {text}, "collection" {text}, "parent" {text}, "id" {text}, "before_revision" {integer}, "before_created" {text},
 "before_updated" {text}, "before_body" {text}, "before_private" {text}, "origin" {text});
CREATE INDEX _log_by_record ON _log (collection, parent, id, revision);
"""
_FIRST_OF_POSTGRES = """
CREATE TABLE _head (one integer PRIMARY KEY CHECK (one = 1), revision bigint NOT NULL);
INSERT INTO _head VALUES (1, 0);
"""
_OUTCOMES = """
CREATE TABLE _known_addresses ("account" {text}, "address" {text}, "at" {real},
 PRIMARY KEY ("account", "address")){rowless};
CREATE TABLE _mutations ("account" {text}, "id" {text}, "content" {text}, "result" {blob}, "at" {real},
 PRIMARY KEY ("account", "id")){rowless};
CREATE INDEX _mutations_at ON _mutations (at);
CREATE INDEX _answers_at ON _answers (at);
"""
# With origin and stamp it answers SINCE: in a row of SQLite's they stand behind the texts, which are long.
_LOG_BY_RECORD = """
DROP INDEX _log_by_record;
CREATE INDEX _log_by_record ON _log (collection, parent, id, revision, origin, stamp);
"""
_STAND_INS = """
CREATE TABLE _stand_ins ("account" {text}, "device" {text}, "name" {text}, "seq" {integer}, "position" {integer},
 "collection" {text}, "parent" {text}, "id" {integer},
 PRIMARY KEY ("account", "device", "name", "seq", "position")){rowless};
CREATE INDEX _stand_ins_by_seq ON _stand_ins (account, device, seq);
"""
_NAMES = """
ALTER TABLE _log RENAME COLUMN stamp TO timestamp;
UPDATE _meta SET name = 'database_id' WHERE name = 'lineage';
"""
_ACTOR = """
ALTER TABLE _log ADD COLUMN actor {text} NOT NULL DEFAULT '';
CREATE TABLE _erasures ("account" {text}, PRIMARY KEY ("account"));
"""
_HOOKS = """
CREATE TABLE _hooks ("name" {text}, "revision" {integer}, "holder" {text}, "until" {real}, PRIMARY KEY ("name"));
"""
# A record's id may have a colon now, and never has a slash.
_ADMINISTRATORS = (
    "".join(
        f"UPDATE {table} SET {column} = 'admin/' || substr({column}, 7) WHERE substr({column}, 1, 6) = 'admin:';"
        for table, column in (
            ("_accounts", "id"),
            ("_sessions", "account"),
            ("_tickets", "account"),
            ("_devices", "account"),
            ("_results", "account"),
            ("_known_addresses", "account"),
            ("_mutations", "account"),
            ("_stand_ins", "account"),
            ("_answers", "caller"),
            ("_log", "origin"),
            ("_log", "actor"),
            ("_erasures", "account"),
        )
    )
    + "UPDATE _answers SET caller = 'admin/admin/' || substr(caller, 13) WHERE substr(caller, 1, 12) = 'admin/admin:';"
)
_IDENTITIES = """
CREATE TABLE _identities ("provider" {text}, "subject" {text}, "account" {text}, "created" {real},
 PRIMARY KEY ("provider", "subject")){rowless};
CREATE INDEX _identities_account ON _identities (account);
INSERT INTO _identities SELECT 'email', email, id, created FROM _accounts;
CREATE TABLE _credentials ("account" {text}, "kind" {text}, "id" {text}, "secret" {text}, "created" {real},
 "confirmed" {real}, "counter" {integer}, PRIMARY KEY ("account", "kind", "id")){rowless};
INSERT INTO _credentials SELECT id, 'password', '', password, created, created, 0 FROM _accounts;
DROP INDEX _accounts_email;
ALTER TABLE _accounts DROP COLUMN email;
ALTER TABLE _accounts DROP COLUMN password;
CREATE TABLE _challenges ("hash" {text}, "account" {text}, "amr" {text}, "attempts" {integer}, "expires" {real},
 PRIMARY KEY ("hash"));
CREATE INDEX _challenges_account ON _challenges (account);
CREATE INDEX _challenges_expires ON _challenges (expires);
ALTER TABLE _sessions ADD COLUMN "client" {text};
ALTER TABLE _sessions ADD COLUMN "address" {text};
ALTER TABLE _sessions ADD COLUMN "last_used" {real};
ALTER TABLE _sessions ADD COLUMN "acr" {text};
ALTER TABLE _sessions ADD COLUMN "amr" {text};
ALTER TABLE _sessions ADD COLUMN "auth_time" {real};
UPDATE _sessions SET client = 'app', address = '', last_used = created, acr = 'aal1', amr = '["pwd"]',
 auth_time = created;
UPDATE _answers SET caller = 'signup/' WHERE caller = 'signup:';
"""
_GENERATION = "{generation};"
_LIMITS = """
CREATE TABLE _limits ("key" {text}, "at" {real}, "until" {real}, PRIMARY KEY ("key"));
CREATE INDEX _limits_until ON _limits (until);
"""
# What is only of the moment is in tables without a log: after a crash every process writes it anew.
_CHANNELS = """
CREATE TABLE _channels ("name" {text}, "seq" {integer}, PRIMARY KEY ("name")){rowless};
CREATE TABLE _channel_messages ("channel" {text}, "seq" {integer}, "account" {text}, "until" {real}, "body" {text},
 PRIMARY KEY ("channel", "seq")){rowless};
CREATE INDEX _channel_messages_account ON _channel_messages (account);
CREATE INDEX _channel_messages_until ON _channel_messages (until);
"""
_CHANNELS_OF_POSTGRES = """
CREATE TABLE _channel_head (one integer PRIMARY KEY CHECK (one = 1), position bigint NOT NULL);
INSERT INTO _channel_head VALUES (1, 0);
CREATE UNLOGGED TABLE _channel_nodes (id text COLLATE "C" PRIMARY KEY, beat bigint NOT NULL, position bigint NOT NULL);
CREATE UNLOGGED TABLE _channel_members (channel text COLLATE "C", member text COLLATE "C", node text COLLATE "C",
 body text, PRIMARY KEY (channel, member));
CREATE INDEX _channel_members_node ON _channel_members (node);
CREATE UNLOGGED TABLE _channel_transit (position bigint PRIMARY KEY, revision bigint, kind text, channel text,
 member text, body text, seq bigint);
"""
_STEPS = (
    _FIRST,
    _OUTCOMES,
    _LOG_BY_RECORD,
    _STAND_INS,
    _NAMES,
    _ACTOR,
    _HOOKS,
    _ADMINISTRATORS,
    _IDENTITIES,
    _GENERATION,
    _LIMITS,
    _CHANNELS,
)
_WORDS = MappingProxyType(
    {
        "sqlite": {
            "text": "TEXT", "integer": "INTEGER", "real": "REAL", "boolean": "INTEGER", "blob": "BLOB",
            "rowless": " WITHOUT ROWID", "generation": "",  # no other process declares collections
        },
        "postgres": {
            "text": 'text COLLATE "C"', "integer": "bigint", "real": "double precision", "boolean": "boolean",
            "blob": "bytea", "rowless": "",
            "generation": "ALTER TABLE _head ADD COLUMN generation bigint NOT NULL DEFAULT 0",
        },
    }
)  # fmt: skip


def steps(dialect: DialectName) -> list[list[str]]:
    """The statements of each step; step n of the list brings the schema to version n + 1."""
    texts = [step.format_map(_WORDS[dialect]) for step in _STEPS]
    if dialect == "postgres":
        texts[0] += _FIRST_OF_POSTGRES
        texts[_STEPS.index(_CHANNELS)] += _CHANNELS_OF_POSTGRES
    return [[statement.strip() for statement in text.split(";") if statement.strip()] for text in texts]
