-- Users, sessions, and what happened to them. A released migration is never edited. No column
-- holds a password, a token or a key in clear. Text keys collate as bytes: nobody sorts them
-- for people.

-- +goose Up

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    -- ASCII in lower case.
    email         text COLLATE "C" NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%@%'),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    roles         text[] NOT NULL CHECK (roles <@ ARRAY['customer', 'merchant', 'analyst', 'operator']),
    created_at    timestamptz NOT NULL
);

CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users,
    device     text NOT NULL,
    address    text NOT NULL,
    created_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expiring ON sessions (expires_at) WHERE ended_at IS NULL;

-- The family of a session: every refresh token it has had, as SHA-256. The nonce makes the
-- successor together with the token itself; it stays for the seconds in which a repeat may come.
CREATE TABLE refresh_tokens (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    rotated_at timestamptz,
    nonce      bytea CHECK (length(nonce) = 32)
);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_nonces ON refresh_tokens (rotated_at) WHERE nonce IS NOT NULL;

-- Devices that have signed in, as SHA-256 of what they keep.
CREATE TABLE devices (
    user_id uuid NOT NULL REFERENCES users,
    digest  bytea NOT NULL CHECK (length(digest) = 32),
    used_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, digest)
);

CREATE INDEX devices_used ON devices (used_at);

-- What verifiers of tokens are told. Sequences grow in the order of the commits, because each is
-- given out under the lock of the audit log's head.
CREATE TABLE ended_sessions (
    sequence         bigint PRIMARY KEY,
    session_id       uuid NOT NULL UNIQUE,
    ended_at         timestamptz NOT NULL,
    tokens_expire_at timestamptz NOT NULL
);

-- Attempts to guess passwords and requests for e-mails. Keys hold digests of addresses.
CREATE TABLE attempts (
    key     text COLLATE "C" PRIMARY KEY,
    count   integer NOT NULL,
    last_at timestamptz NOT NULL
);

CREATE INDEX attempts_old ON attempts (last_at);

-- E-mails to send, one for each address and kind.
CREATE TABLE mails (
    email        text COLLATE "C" NOT NULL,
    kind         text NOT NULL,
    requested_at timestamptz NOT NULL,
    sent_at      timestamptz,
    tries        integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz NOT NULL,
    PRIMARY KEY (email, kind)
);

CREATE INDEX mails_due ON mails (next_try_at) WHERE sent_at IS NULL;

-- Tokens of e-mails that were sent, as SHA-256. A token that is used is deleted.
CREATE TABLE mail_tokens (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    kind       text NOT NULL,
    email      text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX mail_tokens_of_email ON mail_tokens (email);

-- The audit log: each row holds the hash of the one before.
CREATE TABLE audit_log (
    sequence bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    act      text NOT NULL,
    who      text NOT NULL,
    what     text NOT NULL,
    address  text NOT NULL,
    trace_id text NOT NULL,
    result   text NOT NULL,
    previous bytea NOT NULL CHECK (length(previous) = 32),
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);

-- One row, which every security act locks last.
CREATE TABLE audit_head (
    single         boolean PRIMARY KEY DEFAULT true CHECK (single),
    sequence       bigint NOT NULL,
    hash           bytea NOT NULL CHECK (length(hash) = 32),
    ended_sequence bigint NOT NULL
);
INSERT INTO audit_head (sequence, hash, ended_sequence) VALUES (0, decode(repeat('00', 32), 'hex'), 0);

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
