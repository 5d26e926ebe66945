package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/database"
	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
	"github.com/jackc/pgx/v5"
)

// What the statement can show: times that an answer can hold, and sums that fit 64 bits.
// A sink refuses anything else (schemas.Bounds), but a row may have come another way.
const (
	lastSequence = "1000000000000000"
	lastMinor    = "2000000000000000000"
	showableTime = "BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 23:59:59.999999'"
	inMinor      = "BETWEEN -" + lastMinor + " AND " + lastMinor
)

// sound is true for a line that can be shown and that can be the state of its account. It is
// false or null for any other line.
const sound = `(line.sequence BETWEEN 1 AND ` + lastSequence + ` AND line.occurred_at ` + showableTime + `
	AND line.balance_after_minor ` + inMinor + ` AND line.held_after_minor ` + inMinor + `
	AND line.credit_limit_minor ` + inMinor + `)`

// soundAccount is sound for a row of statement_accounts.
const soundAccount = `(account.complete_to BETWEEN 1 AND ` + lastSequence + ` AND account.complete_to_time ` + showableTime + `
	AND account.balance_minor ` + inMinor + ` AND account.held_minor ` + inMinor + ` AND account.credit_limit_minor ` + inMinor + `)`

// owned is true if the reader $2 sees the account $1: the customer of the account's first line is linked to him
// or, without a link, has his UUID. The customer of an account never changes. It does not depend on the row, so a
// query looks once. Function owns_account is for programs of the version before.
const owned = `($2::text = '` + string(statement.Everybody) + `' OR coalesce((
	SELECT coalesce((SELECT user_id FROM customer_links AS link WHERE link.customer_id = first.customer_id COLLATE "C"), first.customer_id) = $2::text
	FROM (SELECT customer_id FROM statement_lines WHERE account_id = $1 AND sequence >= 1 ORDER BY sequence LIMIT 1) AS first), false))`

// selectAhead reads the account. It also reads the next events
// above the account's complete_to, at most the limit: how many there are, the last one
// before a gap, and the last one of all. As long as no sequence is missing, the
// distance between an event's sequence and its rank stays the same. It also reads the
// last sound event before a gap.
const selectAhead = `
WITH reader AS MATERIALIZED (
	SELECT ` + owned + ` AS sees
), account AS MATERIALIZED (
	SELECT complete_to, complete_to_time, balance_minor, held_minor, credit_limit_minor, currency
	FROM statement_accounts AS account WHERE account_id = $1 AND (SELECT sees FROM reader) AND ` + soundAccount + `
), ahead AS MATERIALIZED (
	SELECT sequence FROM statement_lines
	WHERE account_id = $1 AND (SELECT sees FROM reader)
		AND sequence > (SELECT coalesce(max(complete_to), 0) FROM account) AND sequence <= ` + lastSequence + `
	ORDER BY sequence LIMIT $3
), ranked AS (
	SELECT sequence, sequence - dense_rank() OVER (ORDER BY sequence) AS distance FROM ahead
), following AS MATERIALIZED (
	SELECT max(sequence) AS last FROM ranked WHERE distance = coalesce((SELECT complete_to FROM account), 0)
)
SELECT account.complete_to, account.complete_to_time, account.balance_minor, account.held_minor,
	account.credit_limit_minor, account.currency,
	(SELECT count(*) FROM ahead), following.last, (SELECT max(sequence) FROM ahead), (
		SELECT line.sequence FROM statement_lines AS line
		WHERE line.account_id = $1 AND line.sequence > (SELECT coalesce(max(complete_to), 0) FROM account) AND line.sequence <= following.last
			AND ` + sound + `
		ORDER BY line.sequence DESC LIMIT 1)
FROM following LEFT JOIN account ON true`

// moveUp sets the account to its state after the event with the given sequence, unless
// another reader has moved it that far already. An account that is not sound may also
// move down.
const moveUp = `
INSERT INTO statement_accounts AS account
	(account_id, complete_to, complete_to_time, balance_minor, held_minor, credit_limit_minor, currency)
SELECT account_id, ` + stateColumns + `
ON CONFLICT (account_id) DO UPDATE SET
	complete_to = excluded.complete_to, complete_to_time = excluded.complete_to_time,
	balance_minor = excluded.balance_minor, held_minor = excluded.held_minor,
	credit_limit_minor = excluded.credit_limit_minor, currency = excluded.currency
WHERE account.complete_to < excluded.complete_to OR NOT ` + soundAccount + `
RETURNING complete_to, complete_to_time, balance_minor, held_minor, credit_limit_minor, currency`

// stateAt reads what moveUp would set.
const stateAt = `SELECT ` + stateColumns

const stateColumns = stateOfLine + ` AND sequence = $3 AND ` + sound + ` ORDER BY event_id LIMIT 1`

const stateOfLine = `sequence, occurred_at, balance_after_minor, held_after_minor, credit_limit_minor, currency
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ``

const firstCurrency = `SELECT currency FROM statement_lines WHERE account_id = $1 AND ` + owned + ` ORDER BY sequence LIMIT 1`

// stateBefore reads the last sound event up to a sequence.
const stateBefore = `SELECT ` + stateOfLine + ` AND sequence <= $3 AND sequence >= 1 AND ` + sound + ` ORDER BY sequence DESC, event_id LIMIT 1`

// StateAt implements statement.Store.
func (s *Store) StateAt(ctx context.Context, reader statement.Reader, account id.ID, sequence int64) (statement.State, error) {
	if _, err := s.prepared(); err != nil {
		return statement.State{}, err
	}
	state, err := s.stateOf(ctx, stateBefore, account, reader, sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		return statement.State{Account: account}, nil
	}
	return state, failure(err)
}

// Advance implements statement.Store.
func (s *Store) Advance(ctx context.Context, reader statement.Reader, account id.ID, limit int) (statement.State, bool, error) {
	return s.advance(ctx, reader, account, limit, nil)
}

// AdvanceWithLines implements statement.Store. The lines travel with the look ahead.
func (s *Store) AdvanceWithLines(ctx context.Context, query statement.LineQuery, limit int) (statement.State, bool, []statement.Line, error) {
	var lines []statement.Line
	state, more, err := s.advance(ctx, query.Reader, query.Account, limit, func(batch *pgx.Batch) { queueLines(batch, &query, &lines) })
	if err != nil {
		return statement.State{}, false, nil, err
	}
	return state, more, lines, nil
}

// advance moves complete_to up. also adds further queries to the look ahead, if it is not nil.
func (s *Store) advance(ctx context.Context, reader statement.Reader, account id.ID, limit int, also func(*pgx.Batch)) (statement.State, bool, error) { // tidy:parameters those of Advance, and one more
	if _, err := s.prepared(); err != nil {
		return statement.State{}, false, err
	}
	state, next, err := s.nextEvents(ctx, reader, account, limit, also)
	if err != nil || next.sequence == 0 {
		return state, false, failure(err)
	}
	s.config.Failpoint.At(failpoints.AdvanceFound)
	moved, err := s.stateOf(ctx, moveUp, account, reader, next.sequence)
	if database.State(err) == readOnlyTransaction {
		// The answer is the same without the write. The next call begins at the same place, so it
		// would find no more.
		moved, err = s.stateOf(ctx, stateAt, account, reader, next.sequence)
		return moved, false, failure(err)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		// Another reader was faster. The caller reads again, so that this answer is not less
		// than what that reader got.
		return state, true, nil
	}
	s.config.Failpoint.At(failpoints.AdvanceStored)
	return moved, next.more, failure(err)
}

// readOnlyTransaction is the SQLSTATE of a write while the database is read-only, for example
// during a failover.
const readOnlyTransaction = "25006"

// stateOf returns the state of an account, as the reader sees it, by moveUp or stateAt, whose other
// parameters are more.
func (s *Store) stateOf(ctx context.Context, query string, account id.ID, reader statement.Reader, more ...any) (statement.State, error) {
	state := statement.State{Account: account}
	err := s.rowAs(ctx, reader, query, append([]any{account.String(), reader}, more...), &state.CompleteTo, &state.CompleteToTime,
		&state.Balance, &state.Held, &state.CreditLimit, &state.Currency)
	return state, err
}

// ahead is the last sound event that follows complete_to without a gap; sequence is 0
// when there is none. more says that more such events may follow.
type ahead struct {
	sequence int64
	more     bool
}

// tidy:parameters those of advance
func (s *Store) nextEvents(ctx context.Context, reader statement.Reader, account id.ID, limit int, also func(*pgx.Batch)) (statement.State, ahead, error) {
	var completeTo, balance, held, creditLimit, last, highest, target *int64
	var completeToTime *time.Time
	var currency *string
	var count int64
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(reader))
	batch.Queue(selectAhead, account.String(), reader, limit).QueryRow(func(row pgx.Row) error {
		return row.Scan(&completeTo, &completeToTime, &balance, &held, &creditLimit, &currency, &count, &last, &highest, &target)
	})
	if also != nil {
		also(batch)
	}
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return statement.State{}, ahead{}, err
	}
	state := statement.State{Account: account}
	switch {
	case completeTo != nil:
		state.CompleteTo, state.CompleteToTime, state.Currency = *completeTo, *completeToTime, *currency
		state.Balance, state.Held, state.CreditLimit = *balance, *held, *creditLimit
	case count == 0:
		return state, ahead{}, statement.ErrNoAccount
	case target == nil:
		err := s.rowAs(ctx, reader, firstCurrency, []any{account.String(), reader}, &state.Currency)
		return state, ahead{}, err
	}
	if target == nil {
		return state, ahead{}, nil
	}
	return state, ahead{sequence: *target, more: count == int64(limit) && *last == *highest}, nil
}

// boundary finds the first event at or after a moment. Time never goes back within an account, so the query halves
// the account's sequences in the index of pages: twenty looks for a million events. An index by time needs one look, but
// costs the sink more than a quarter of its rate. If the sequence in the middle is missing, the next one that is there is
// read. If the upper half has none, the middle becomes the upper bound. Lines that are not sound are passed over,
// because their time says nothing.
const boundary = `
WITH RECURSIVE bounds (low, high) AS (
	(SELECT (SELECT sequence FROM statement_lines WHERE account_id = $1 AND sequence >= 1 ORDER BY sequence LIMIT 1),
		(SELECT sequence + 1 FROM statement_lines WHERE account_id = $1 AND sequence <= ` + lastSequence + ` ORDER BY sequence DESC LIMIT 1)
	WHERE ` + owned + `)
	UNION ALL
	SELECT CASE WHEN probe.sequence < high AND probe.occurred_at < $3 THEN probe.sequence + 1 ELSE low END,
		CASE WHEN probe.sequence < high AND probe.occurred_at < $3 THEN high ELSE low + (high - low) / 2 END
	FROM bounds LEFT JOIN LATERAL (
		SELECT sequence, occurred_at FROM statement_lines AS line
		WHERE account_id = $1 AND sequence >= low + (high - low) / 2 AND ` + sound + `
		ORDER BY sequence LIMIT 1
	) AS probe ON true
	WHERE low < high
)
SELECT coalesce(max(low), 0) FROM bounds WHERE low >= high`

// Boundary implements statement.Store.
func (s *Store) Boundary(ctx context.Context, reader statement.Reader, account id.ID, moment time.Time) (int64, error) {
	if _, err := s.prepared(); err != nil {
		return 0, err
	}
	var sequence int64
	err := s.rowAs(ctx, reader, boundary, []any{account.String(), reader, moment.UTC()}, &sequence)
	return sequence, failure(err)
}
