"""The tables of the local store, as numbered migrations: a released one is never changed.

A *space* is one account on one server; everything belongs to one, so that people who share a device share nothing.
A record's `base` is what the server said last, its `view` the same with unsent writes on top: NULL where they are the
same, '' where the unsent writes delete it. `k0` … hold values of its fields for questions (`columns`). Ids have no
declared type, so that 5 and '5' stay two.
"""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE spaces (
        space INTEGER PRIMARY KEY,
        server TEXT NOT NULL,
        account NOT NULL,
        device TEXT NOT NULL,
        next_seq INTEGER NOT NULL DEFAULT 1,
        acknowledged INTEGER NOT NULL DEFAULT 0,
        is_last INTEGER NOT NULL DEFAULT 0, -- whose data was shown last
        UNIQUE (server, account)
    );

    CREATE TABLE clock (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), stamp REAL NOT NULL);

    CREATE TABLE records (
        space INTEGER NOT NULL,
        collection TEXT NOT NULL,
        parent TEXT NOT NULL,
        id NOT NULL,
        revision INTEGER NOT NULL DEFAULT 0,
        generation INTEGER NOT NULL DEFAULT 0,
        base TEXT,
        view TEXT,
        PRIMARY KEY (space, collection, parent, id)
    ) WITHOUT ROWID;

    CREATE TABLE mutations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        space INTEGER NOT NULL,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        seq INTEGER,
        is_contained INTEGER NOT NULL DEFAULT 0,
        stamp REAL NOT NULL,
        base TEXT NOT NULL,
        writes TEXT NOT NULL,
        fate TEXT,
        failures INTEGER NOT NULL DEFAULT 0 -- pushes of it alone that failed
    );
    CREATE UNIQUE INDEX mutations_by_seq ON mutations (space, seq) WHERE seq IS NOT NULL;
    CREATE INDEX mutations_by_state ON mutations (space, state, number);

    -- The records on whose base a mutation's writes lie: as long as no answer of the server holds them.
    CREATE TABLE touches (
        space INTEGER NOT NULL,
        collection TEXT NOT NULL,
        parent TEXT NOT NULL,
        id NOT NULL,
        number INTEGER NOT NULL REFERENCES mutations (number) ON DELETE CASCADE,
        revision INTEGER NOT NULL DEFAULT 0, -- at which the server has applied the mutation; 0: it has not
        PRIMARY KEY (space, collection, parent, id, number)
    ) WITHOUT ROWID;
    CREATE INDEX touches_by_number ON touches (number);
    CREATE INDEX touches_by_revision ON touches (space, collection, parent, id, revision);

    CREATE TABLE fates (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, fate TEXT NOT NULL);

    CREATE TABLE temporaries (
        space INTEGER NOT NULL,
        temporary TEXT NOT NULL, -- or an ordinary id, where the device did not know that the server gives the ids
        id,
        PRIMARY KEY (space, temporary)
    ) WITHOUT ROWID;

    CREATE TABLE cursors (
        space INTEGER PRIMARY KEY,
        collections TEXT NOT NULL,
        cursor TEXT NOT NULL,
        horizon INTEGER NOT NULL,
        is_current INTEGER NOT NULL,
        is_whole INTEGER NOT NULL
    );

    CREATE TABLE generations (
        space INTEGER NOT NULL,
        collection TEXT NOT NULL,
        generation INTEGER NOT NULL,
        is_open INTEGER NOT NULL,
        PRIMARY KEY (space, collection)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE mutations ADD COLUMN written TEXT; -- the writes before their ids were replaced; NULL: the same
    CREATE INDEX mutations_under_way ON mutations (space, seq) WHERE state = 'sent';
    """,
    """
    DROP TABLE temporaries;
    CREATE TABLE temporaries (
        space INTEGER NOT NULL,
        temporary TEXT NOT NULL, -- or an ordinary id, where the device did not know that the server gives the ids
        collection TEXT NOT NULL,
        parent TEXT NOT NULL, -- with the ids that the server gave
        id INTEGER NOT NULL,
        PRIMARY KEY (space, temporary, collection, parent)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE clock RENAME COLUMN stamp TO timestamp;
    ALTER TABLE mutations RENAME COLUMN stamp TO timestamp;
    ALTER TABLE mutations RENAME COLUMN fate TO outcome;
    ALTER TABLE fates RENAME TO outcomes;
    ALTER TABLE outcomes RENAME COLUMN fate TO outcome;
    ALTER TABLE cursors RENAME COLUMN horizon TO newest;
    """,
    """
    CREATE TABLE records_with_columns (
        number INTEGER PRIMARY KEY,
        space INTEGER NOT NULL,
        collection TEXT NOT NULL,
        parent TEXT NOT NULL,
        id NOT NULL,
        revision INTEGER NOT NULL DEFAULT 0,
        generation INTEGER NOT NULL DEFAULT 0,
        is_shown INTEGER NOT NULL DEFAULT 0, -- whether there is a record for the app
        k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15, k16, k17, k18, k19, k20, k21, k22, k23,
        base TEXT,
        view TEXT,
        UNIQUE (space, collection, parent, id)
    );
    INSERT INTO records_with_columns (space, collection, parent, id, revision, generation, is_shown, base, view)
        SELECT space, collection, parent, id, revision, generation, coalesce(view, base, '') <> '', base, view
        FROM records;
    DROP TABLE records;
    ALTER TABLE records_with_columns RENAME TO records;

    -- Which field is in which of a collection's columns k0, k1 …, in which form, and of which kinds its values are.
    CREATE TABLE written_columns (
        collection TEXT NOT NULL,
        name TEXT NOT NULL,
        form TEXT NOT NULL,
        slot INTEGER NOT NULL,
        kinds TEXT NOT NULL DEFAULT '',
        filled INTEGER, -- the number of the record up to which it is filled; NULL: all are
        PRIMARY KEY (collection, name, form)
    ) WITHOUT ROWID;

    CREATE TABLE written_indexes (name TEXT PRIMARY KEY, collection TEXT NOT NULL, columns TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    -- What each server last described of its app, as JSON, with the ETag of that.
    CREATE TABLE descriptions (server TEXT PRIMARY KEY, tag TEXT NOT NULL, description TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE mutations ADD COLUMN document TEXT; -- a GraphQL mutation, in the place of writes
    CREATE INDEX documents_to_send ON mutations (space, number)
        WHERE document IS NOT NULL AND state IN ('pending', 'posted');
    ALTER TABLE outcomes ADD COLUMN space INTEGER; -- of an outcome with data, which is its account's only
    """,
)
