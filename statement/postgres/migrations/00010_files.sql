-- Files of statements, and their content in parts. The schema river is the queue's; its tables are made by
-- package queue, behind these files.

-- +goose Up

CREATE SCHEMA IF NOT EXISTS river;

CREATE TABLE statement_files (
    file_id       text COLLATE "C" PRIMARY KEY,
    account_id    text COLLATE "C" NOT NULL,
    -- The namespace of who asked; the file is shown to nobody else.
    owner         text COLLATE "C" NOT NULL,
    -- As whom the lines are read: the UUID of a user, or *.
    reader        text COLLATE "C" NOT NULL,
    -- The namespace of request_id.
    requester     text COLLATE "C" NOT NULL,
    request_id    text COLLATE "C" NOT NULL,
    start_at      timestamptz NOT NULL,
    end_at        timestamptz NOT NULL,
    format        smallint NOT NULL,
    email         text NOT NULL,
    language      text NOT NULL,
    created_at    timestamptz NOT NULL,
    -- 1 pending, 2 running, 3 ready, 4 failed, 5 expired.
    state         smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 5),
    failure       text NOT NULL DEFAULT '',
    complete_to   bigint NOT NULL DEFAULT 0,
    -- The sequences of the range when the work began, and the last one whose line is in the parts.
    first_sequence bigint NOT NULL DEFAULT 0,
    last_sequence bigint NOT NULL DEFAULT 0,
    done_to       bigint NOT NULL DEFAULT 0,
    line_count    bigint NOT NULL DEFAULT 0,
    parts         integer NOT NULL DEFAULT 0,
    size          bigint NOT NULL DEFAULT 0,
    digest        text NOT NULL DEFAULT '',
    -- How far the writer is behind the last part.
    writer        bytea,
    -- Who works on the file, and until when he has to have committed something.
    fence         bigint NOT NULL DEFAULT 0,
    claimed_until timestamptz,
    expires_at    timestamptz
);

CREATE UNIQUE INDEX statement_files_request ON statement_files (requester, request_id);
CREATE INDEX statement_files_owner ON statement_files (owner, account_id, created_at DESC, file_id DESC);
CREATE INDEX statement_files_pending ON statement_files (created_at) WHERE state IN (1, 2);
CREATE INDEX statement_files_expiry ON statement_files (expires_at) WHERE state IN (3, 4, 5);

-- Content that compresses is not worth the time, as most of it is read once.
CREATE TABLE statement_file_parts (
    file_id text COLLATE "C" NOT NULL REFERENCES statement_files (file_id),
    number  integer NOT NULL CHECK (number >= 0),
    content bytea STORAGE EXTERNAL NOT NULL CHECK (length(content) <= 16777216),
    PRIMARY KEY (file_id, number)
);

-- A query that forgets its WHERE shows no other owner's files. codebank.owner is set for one transaction: the
-- namespace of an owner, or * for the work of all.
CREATE POLICY owner_sees_his_own ON statement_files USING (
    (SELECT current_setting('codebank.owner', true)) IN ('*', owner));
CREATE POLICY owner_sees_his_own ON statement_file_parts USING (
    (SELECT current_setting('codebank.owner', true)) = '*'
    OR EXISTS (SELECT FROM statement_files AS file WHERE file.file_id = statement_file_parts.file_id));

-- Migrations change rows of all owners.
CREATE POLICY migrations_see_all ON statement_files TO CURRENT_USER
    USING (coalesce(current_setting('codebank.owner', true), '') = '');
CREATE POLICY migrations_see_all ON statement_file_parts TO CURRENT_USER
    USING (coalesce(current_setting('codebank.owner', true), '') = '');

ALTER TABLE statement_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE statement_file_parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
