package postgres

import (
	"context"

	"codebank.dev/statement"
	"github.com/jackc/pgx/v5"
)

// selectFollowed probes the index once for each position. Who may see the lines is decided when they are read.
// LIMIT keeps the planner from making a join of it, which might read the whole table.
const selectFollowed = `
SELECT wanted.ordinality - 1 FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS wanted (account_id, sequence, ordinality)
WHERE (SELECT true FROM statement_lines AS line WHERE line.account_id = wanted.account_id AND line.sequence = wanted.sequence + 1 LIMIT 1)`

// Followed implements statement.TailStore.
func (s *Store) Followed(ctx context.Context, positions []statement.Position) ([]int, error) {
	if _, err := s.prepared(); err != nil {
		return nil, err
	}
	accounts, sequences := make([]string, len(positions)), make([]int64, len(positions))
	for i, position := range positions {
		accounts[i], sequences[i] = position.Account.String(), position.Sequence
	}
	var followed []int
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(statement.Everybody))
	batch.Queue(selectFollowed, accounts, sequences).Query(func(rows pgx.Rows) (err error) {
		followed, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err
	})
	return followed, failure(s.pool.SendBatch(ctx, batch).Close())
}
