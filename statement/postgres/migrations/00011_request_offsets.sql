-- How far each partition of the topic of requests is dealt with. A restored database has the offsets of its own
-- time, and reads again what came since.

-- +goose Up

CREATE TABLE request_offsets (
    topic_id    text COLLATE "C" NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic_id, partition)
);
