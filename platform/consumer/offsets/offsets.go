// Package offsets keeps in Postgres how far a program has read its topics. It implements the port Offsets of package consumer.
// The table is the program's own, with the columns topic_id, partition and next_offset, and a primary key of the first two.
package offsets

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"codebank.dev/platform/database"
	"codebank.dev/platform/id"
)

// Config says where offsets are kept. Pool, Table and Fault are required.
type Config struct {
	Pool *database.Pool
	// Table is the name of the table, which is put into SQL as it is.
	Table string
	// TextIDs says that topic_id is a text and not a uuid.
	TextIDs bool
	// Fault turns an error of the database into one that may leave the program's store. Nil stays nil.
	Fault func(error) error
	// Stored is called after an offset was stored; nil for nothing.
	Stored func()
}

// Store is how far topics were read. It is safe for concurrent use, also by several processes.
type Store struct {
	config      Config
	load, store string
}

// The SQL for a table. An offset is stored unless the stored one, 0 for none, is less than $3.
const (
	loadFrom  = `SELECT partition, next_offset FROM TABLE WHERE topic_id = $1::TYPE`
	storeInto = `
INSERT INTO TABLE AS stored (topic_id, partition, next_offset)
SELECT $1::TYPE, $2::integer, $4::bigint WHERE $3::bigint = 0 OR EXISTS (SELECT FROM TABLE WHERE topic_id = $1::TYPE AND partition = $2)
ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = greatest(stored.next_offset, excluded.next_offset)
WHERE stored.next_offset >= $3 RETURNING true`
)

// New returns a Store. It does not call the database.
func New(config Config) *Store {
	words := strings.NewReplacer("TABLE", config.Table, "TYPE", "uuid")
	if config.TextIDs {
		words = strings.NewReplacer("TABLE", config.Table, "TYPE", "text")
	}
	return &Store{config: config, load: words.Replace(loadFrom), store: words.Replace(storeInto)}
}

// LoadOffsets implements the port Offsets of package consumer.
func (s *Store) LoadOffsets(ctx context.Context, topic id.ID) (map[int32]int64, error) {
	rows, err := s.config.Pool.Query(ctx, s.load, topic.String())
	if err != nil {
		return nil, s.config.Fault(err)
	}
	offsets := make(map[int32]int64)
	var partition int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &next}, func() error {
		offsets[partition] = next
		return nil
	})
	return offsets, s.config.Fault(err)
}

// StoreOffset implements the port Offsets of package consumer.
//
// tidy:parameters the port decides the signature
func (s *Store) StoreOffset(ctx context.Context, topic id.ID, partition int32, from, next int64) (ok bool, err error) {
	err = s.config.Pool.QueryRow(ctx, s.store, topic.String(), partition, from, next).Scan(&ok)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err == nil && s.config.Stored != nil {
		s.config.Stored()
	}
	return ok, s.config.Fault(err)
}
