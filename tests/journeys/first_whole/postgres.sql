CREATE TABLE public._accounts (
    id text NOT NULL COLLATE pg_catalog."C",
    email text COLLATE pg_catalog."C",
    password text COLLATE pg_catalog."C",
    roles text COLLATE pg_catalog."C",
    is_admin boolean,
    is_disabled boolean,
    created double precision
);
CREATE TABLE public._answers (
    caller text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint text COLLATE pg_catalog."C",
    status bigint,
    body bytea,
    revision bigint,
    at double precision
);
CREATE TABLE public._collections (
    name text NOT NULL COLLATE pg_catalog."C",
    definition text COLLATE pg_catalog."C",
    last_id bigint
);
CREATE TABLE public._devices (
    account text NOT NULL COLLATE pg_catalog."C",
    device text NOT NULL COLLATE pg_catalog."C",
    settled bigint,
    at double precision
);
CREATE TABLE public._head (
    one integer NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT _head_one_check CHECK ((one = 1))
);
CREATE TABLE public._keys (
    id text NOT NULL COLLATE pg_catalog."C",
    purpose text COLLATE pg_catalog."C",
    secret text COLLATE pg_catalog."C",
    created double precision,
    retired double precision
);
CREATE TABLE public._log (
    revision bigint NOT NULL,
    commit bigint,
    "check" bigint,
    at double precision,
    stamp double precision,
    kind text COLLATE pg_catalog."C",
    collection text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    id text COLLATE pg_catalog."C",
    before_revision bigint,
    before_created text COLLATE pg_catalog."C",
    before_updated text COLLATE pg_catalog."C",
    before_body text COLLATE pg_catalog."C",
    before_private text COLLATE pg_catalog."C",
    origin text COLLATE pg_catalog."C"
);
CREATE TABLE public._meta (
    name text NOT NULL COLLATE pg_catalog."C",
    value text COLLATE pg_catalog."C"
);
CREATE TABLE public._refresh_tokens (
    hash text NOT NULL COLLATE pg_catalog."C",
    session text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    issued double precision,
    used double precision,
    successor bytea
);
CREATE TABLE public._results (
    account text NOT NULL COLLATE pg_catalog."C",
    device text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    fingerprint text COLLATE pg_catalog."C",
    result bytea
);
CREATE TABLE public._sessions (
    id text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    created double precision,
    expires double precision,
    ended double precision,
    label text COLLATE pg_catalog."C"
);
CREATE TABLE public._tickets (
    hash text NOT NULL COLLATE pg_catalog."C",
    session text COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    stream text COLLATE pg_catalog."C",
    expires double precision
);
CREATE TABLE public.lines (
    _parent text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    _revision bigint NOT NULL,
    _created text NOT NULL COLLATE pg_catalog."C",
    _updated text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL COLLATE pg_catalog."C",
    _private text COLLATE pg_catalog."C",
    text text COLLATE pg_catalog."C"
);
CREATE TABLE public.notes (
    _parent text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    _revision bigint NOT NULL,
    _created text NOT NULL COLLATE pg_catalog."C",
    _updated text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL COLLATE pg_catalog."C",
    _private text COLLATE pg_catalog."C",
    title text COLLATE pg_catalog."C",
    owner text COLLATE pg_catalog."C",
    slug text COLLATE pg_catalog."C",
    stars bigint,
    price double precision,
    done boolean,
    due text COLLATE pg_catalog."C",
    big bigint,
    tags jsonb,
    meta jsonb,
    secret text COLLATE pg_catalog."C"
);
CREATE TABLE public.orders (
    _parent text NOT NULL COLLATE pg_catalog."C",
    id bigint NOT NULL,
    _revision bigint NOT NULL,
    _created text NOT NULL COLLATE pg_catalog."C",
    _updated text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL COLLATE pg_catalog."C",
    _private text COLLATE pg_catalog."C",
    amount bigint
);
CREATE TABLE public.users (
    _parent text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    _revision bigint NOT NULL,
    _created text NOT NULL COLLATE pg_catalog."C",
    _updated text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL COLLATE pg_catalog."C",
    _private text COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    email text COLLATE pg_catalog."C",
    about text COLLATE pg_catalog."C"
);
INSERT INTO public._accounts VALUES ('admin:01m8cze0p7dv39zepx5k4rbf3v', 'root@example.org', '$argon2id$v=19$m=19456,t=2,p=1$ADkmQsqQ4If6BoIFuqIGYQ$nV4ukxuLGEs8UP85IqrC4rw5cO6P0xsX9Am8alqsqS8', '[]', true, false, 1795731948.231532);
INSERT INTO public._accounts VALUES ('01m8cze1p6xz7773tsb71qxwmb', 'ada@example.org', '$argon2id$v=19$m=19456,t=2,p=1$G5XJESjSfsRqGj2bmhm+zw$j/obeSdfFDoh9KdbxEB8L1BM69nzS6zPOAb/kAnMwYM', '[]', false, false, 1795731949.2550426);
INSERT INTO public._accounts VALUES ('01m8cze1qdaf7fzet8w1r2crr8', 'ben@example.org', '$argon2id$v=19$m=19456,t=2,p=1$zHE6XjTWJ2XRhgDe8p8nKQ$D/t5LPILjOXgzi6qjO4p82+AyZf0Zbz8yHHLGJY111E', '[]', false, false, 1795731949.2932131);
INSERT INTO public._answers VALUES ('01m8cze1p6xz7773tsb71qxwmb', 'key-1', 'e1c6da40a09ee9b204a0cc44009d1b943fee92bb0f224474e478c3182acfa4a8', 201, '\x7b226964223a227365636f6e64222c22637265617465645f6174223a22323032362d31312d32365432323a32353a34392e3330353431305a222c22757064617465645f6174223a22323032362d31312d32365432323a32353a34392e3330353431305a222c227265766973696f6e223a342c227469746c65223a225365636f6e64222c226f776e6572223a2230316d38637a65317036787a3737373374736237317178776d62222c22736c7567223a6e756c6c2c227374617273223a6e756c6c2c227072696365223a6e756c6c2c22646f6e65223a6e756c6c2c22647565223a6e756c6c2c22626967223a6e756c6c2c2274616773223a6e756c6c2c226d657461223a6e756c6c2c22736563726574223a6e756c6c7d', 4, 1795731949.3054101);
INSERT INTO public._collections VALUES ('users', '{"name":"users","fields":{"name":{"kind":"text","required":true,"max_length":200},"email":{"kind":"text","required":true,"unique":true,"read":"auth.id == record.id","max_length":254,"format":"email"},"about":{"kind":"text"}},"rules":{"list":"auth.id == record.id","view":"auth.id == record.id","update":"auth.id == record.id"}}', 0);
INSERT INTO public._collections VALUES ('notes', '{"name":"notes","fields":{"title":{"kind":"text","required":true},"owner":{"kind":"text","index":true,"fill":"auth.id"},"slug":{"kind":"text","unique":true},"stars":{"kind":"integer","merge":"counter"},"price":{"kind":"number"},"done":{"kind":"boolean"},"due":{"kind":"instant"},"big":{"kind":"int64"},"tags":{"kind":"list","merge":"set","of":{"kind":"text"}},"meta":{"kind":"json"},"secret":{"kind":"text","read":"auth.id == record.owner"}},"rules":{"list":"auth.id == record.owner","view":"auth.id == record.owner","create":"auth.id == record.owner","update":"auth.id == record.owner","delete":"auth.id == record.owner"}}', 0);
INSERT INTO public._collections VALUES ('lines', '{"name":"lines","fields":{"text":{"kind":"text"}},"rules":{"list":"true","view":"true","create":"true","update":"true","delete":"true"},"parent":"orders"}', 0);
INSERT INTO public._collections VALUES ('orders', '{"name":"orders","fields":{"amount":{"kind":"integer"}},"rules":{"list":"true","view":"true","create":"true","update":"true","delete":"true"},"ids":"integer"}', 1);
INSERT INTO public._devices VALUES ('01m8cze1p6xz7773tsb71qxwmb', 'device-1', 2, 1795731949.3273218);
INSERT INTO public._head VALUES (1, 10);
INSERT INTO public._keys VALUES ('seal', 'seal', '1W/p5fZrz7DiaxjuJLn/cNpd4OjVJMIfMaL0+scHmig=', 1795731948.1550934, NULL);
INSERT INTO public._keys VALUES ('S0jDwGK6HD2-w5_U7PLbGHMwKMelOXE2AI5f84OozD0', 'sign', '{"crv": "P-256", "x": "b4PPF6Fcin8mJaY-IVo0kbRyzjCBQv2ctKV3p4dvg14", "y": "LjoDfMZSS-8dJncXjcX7tg6MFzih03mMPlYTtC3LunE", "d": "K6uHcv6DjwA0VwF-rlcS6rdUoMn9JvCEA4WiKn6UqQM", "kty": "EC"}', 1795731948.1550934, NULL);
INSERT INTO public._log VALUES (1, 1, 4799592128300034, 1795731949.2551153, 1795731949.2551153, 'create', 'users', '', '01m8cze1p6xz7773tsb71qxwmb', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (2, 2, 1931647263945792, 1795731949.2932878, 1795731949.2932878, 'create', 'users', '', '01m8cze1qdaf7fzet8w1r2crr8', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (3, 3, 7043864433894228, 1795731949.300715, 1795731949.300715, 'create', 'notes', '', 'first', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (4, 4, 8795997030565074, 1795731949.3054101, 1795731949.3054101, 'create', 'notes', '', 'second', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (5, 5, 6978552034513147, 1795731949.3098273, 1795731949.3098273, 'update', 'notes', '', 'first', 3, '2026-11-26T22:25:49.300715Z', '2026-11-26T22:25:49.300715Z', '{"title":"First","owner":"01m8cze1p6xz7773tsb71qxwmb","slug":"one","stars":3,"price":1.5,"done":true,"due":"2026-01-31T12:00:00.000000Z","big":"9007199254740993","tags":["a","b"],"meta":{"a":{"b":1}}}', '{"secret":"s"}', '');
INSERT INTO public._log VALUES (6, 6, 7904595107409173, 1795731949.3133416, 1795731949.3133416, 'create', 'notes', '', 'third', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (7, 7, 1213807856740335, 1795731949.3158028, 1795731949.3158028, 'delete', 'notes', '', 'third', 6, '2026-11-26T22:25:49.313342Z', '2026-11-26T22:25:49.313342Z', '{"title":"Third","owner":"01m8cze1p6xz7773tsb71qxwmb","slug":null,"stars":null,"price":null,"done":null,"due":null,"big":null,"tags":null,"meta":null}', '{"secret":null}', '');
INSERT INTO public._log VALUES (8, 8, 7459714893065934, 1795731949.3183491, 1795731949.3183491, 'create', 'orders', '', '1', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (9, 9, 5968552657039521, 1795731949.3217878, 1795731949.3217878, 'create', 'lines', 'orders/1', 'line', NULL, NULL, NULL, NULL, NULL, '');
INSERT INTO public._log VALUES (10, 10, 6232756582296041, 1795731949.3273218, 1795731949.3273218, 'create', 'notes', '', 'pushed', NULL, NULL, NULL, NULL, NULL, '01m8cze1p6xz7773tsb71qxwmb/device-1');
INSERT INTO public._meta VALUES ('lineage', 'ea3690cbda30a3f2');
INSERT INTO public._meta VALUES ('version', '1');
INSERT INTO public._refresh_tokens VALUES ('0bb258139c0670c02e15b73e4bea1e9b1c92037b141ff760bb759e4707dde136', '01m8cze1p6vpc0hm2n3rbe5wzh', '', 1795731949.254962, NULL, NULL);
INSERT INTO public._refresh_tokens VALUES ('e40de0477434d5ea992d4d4d6830388164ca50b5742fed471091936244c46f88', '01m8cze1qd48bjn8n59x6vfacn', '', 1795731949.2930846, NULL, NULL);
INSERT INTO public._results VALUES ('01m8cze1p6xz7773tsb71qxwmb', 'device-1', 1, '88e1bcafa01dff23fac9f51c8d4c12a5b96f0888143994aea99fa28db248e494', '\x7b22736571223a312c22737461747573223a226170706c696564222c227265766973696f6e223a31307d');
INSERT INTO public._results VALUES ('01m8cze1p6xz7773tsb71qxwmb', 'device-1', 2, '841dbefb839795672eaa6e3d4f3c26ef1fc594257c9425d7dca33e39ed98249e', '\x7b22736571223a322c22737461747573223a2272656675736564222c2270726f626c656d223a7b227469746c65223a225468657265206973206e6f2073756368207468696e67222c22737461747573223a3430342c22636f6465223a226e6f745f666f756e64222c226d657373616765223a227468657265206973206e6f206e6f7465732f6e6f7768657265227d7d');
INSERT INTO public._sessions VALUES ('01m8cze1p6vpc0hm2n3rbe5wzh', '01m8cze1p6xz7773tsb71qxwmb', 1795731949.254962, 1798323949.254962, NULL, '');
INSERT INTO public._sessions VALUES ('01m8cze1qd48bjn8n59x6vfacn', '01m8cze1qdaf7fzet8w1r2crr8', 1795731949.2930846, 1798323949.2930846, NULL, '');
INSERT INTO public.lines VALUES ('orders/1', 'line', 9, '2026-11-26T22:25:49.321788Z', '2026-11-26T22:25:49.321788Z', '{"text":"x"}', NULL, 'x');
INSERT INTO public.notes VALUES ('', 'second', 4, '2026-11-26T22:25:49.305410Z', '2026-11-26T22:25:49.305410Z', '{"title":"Second","owner":"01m8cze1p6xz7773tsb71qxwmb","slug":null,"stars":null,"price":null,"done":null,"due":null,"big":null,"tags":null,"meta":null}', '{"secret":null}', 'Second', '01m8cze1p6xz7773tsb71qxwmb', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.notes VALUES ('', 'first', 5, '2026-11-26T22:25:49.300715Z', '2026-11-26T22:25:49.309827Z', '{"title":"First again","owner":"01m8cze1p6xz7773tsb71qxwmb","slug":"one","stars":5,"price":1.5,"done":true,"due":"2026-01-31T12:00:00.000000Z","big":"9007199254740993","tags":["a","b"],"meta":{"a":{"b":1}}}', '{"secret":"s"}', 'First again', '01m8cze1p6xz7773tsb71qxwmb', 'one', 5, 1.5, true, '2026-01-31T12:00:00.000000Z', 9007199254740993, '["a", "b"]', '{"a": {"b": 1}}', 's');
INSERT INTO public.notes VALUES ('', 'pushed', 10, '2026-11-26T22:25:49.327322Z', '2026-11-26T22:25:49.327322Z', '{"title":"Pushed","owner":"01m8cze1p6xz7773tsb71qxwmb","slug":null,"stars":null,"price":null,"done":null,"due":null,"big":null,"tags":null,"meta":null}', '{"secret":null}', 'Pushed', '01m8cze1p6xz7773tsb71qxwmb', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.orders VALUES ('', 1, 8, '2026-11-26T22:25:49.318349Z', '2026-11-26T22:25:49.318349Z', '{"amount":10}', NULL, 10);
INSERT INTO public.users VALUES ('', '01m8cze1p6xz7773tsb71qxwmb', 1, '2026-11-26T22:25:49.255115Z', '2026-11-26T22:25:49.255115Z', '{"name":"Ada","about":null}', '{"email":"ada@example.org"}', 'Ada', 'ada@example.org', NULL);
INSERT INTO public.users VALUES ('', '01m8cze1qdaf7fzet8w1r2crr8', 2, '2026-11-26T22:25:49.293288Z', '2026-11-26T22:25:49.293288Z', '{"name":"Ben","about":null}', '{"email":"ben@example.org"}', 'Ben', 'ben@example.org', NULL);
ALTER TABLE ONLY public._accounts
    ADD CONSTRAINT _accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public._answers
    ADD CONSTRAINT _answers_pkey PRIMARY KEY (caller, key);
ALTER TABLE ONLY public._collections
    ADD CONSTRAINT _collections_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public._devices
    ADD CONSTRAINT _devices_pkey PRIMARY KEY (account, device);
ALTER TABLE ONLY public._head
    ADD CONSTRAINT _head_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public._keys
    ADD CONSTRAINT _keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public._log
    ADD CONSTRAINT _log_pkey PRIMARY KEY (revision);
ALTER TABLE ONLY public._meta
    ADD CONSTRAINT _meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public._refresh_tokens
    ADD CONSTRAINT _refresh_tokens_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public._results
    ADD CONSTRAINT _results_pkey PRIMARY KEY (account, device, seq);
ALTER TABLE ONLY public._sessions
    ADD CONSTRAINT _sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public._tickets
    ADD CONSTRAINT _tickets_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.lines
    ADD CONSTRAINT "lines..key" PRIMARY KEY (_parent, id);
ALTER TABLE ONLY public.notes
    ADD CONSTRAINT "notes..key" PRIMARY KEY (id, _parent);
ALTER TABLE ONLY public.orders
    ADD CONSTRAINT "orders..key" PRIMARY KEY (id, _parent);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT "users..key" PRIMARY KEY (id, _parent);
CREATE UNIQUE INDEX _accounts_email ON public._accounts USING btree (email);
CREATE INDEX _log_by_record ON public._log USING btree (collection, parent, id, revision);
CREATE INDEX _refresh_tokens_session ON public._refresh_tokens USING btree (session);
CREATE INDEX _sessions_account ON public._sessions USING btree (account);
CREATE INDEX "notes.owner.index" ON public.notes USING btree (owner NULLS FIRST, id);
CREATE UNIQUE INDEX "notes.slug.unique" ON public.notes USING btree (slug);
CREATE UNIQUE INDEX "users.email.unique" ON public.users USING btree (email);
