package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/files"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var _ files.Workshop = (*Store)(nil)

// claimFor is how long a claim on a file lasts without a part.
const claimFor = "15 seconds"

const claimFile = `UPDATE statement_files SET fence = $2, claimed_until = now() + interval '` + claimFor + `'
WHERE file_id = $1 AND state IN (1, 2) AND (claimed_until IS NULL OR claimed_until < now())
RETURNING ` + fileColumns + ", writer"

const selectClaimed = "SELECT " + fileColumns + ", NULL::bytea FROM statement_files WHERE file_id = $1"

// Claim implements files.Workshop.
func (s *Store) Claim(ctx context.Context, fileID id.ID) (claim files.Claim, ok bool, err error) {
	if _, err := s.prepared(); err != nil {
		return files.Claim{}, false, err
	}
	claim.Fence = rand.Int64() // Only has to differ.
	claim.File, err = s.fileAs(ctx, claimFile, &claim.Writer, fileID.String(), claim.Fence)
	s.config.Failpoint.After(err, failpoints.FileClaimed)
	if !errors.Is(err, pgx.ErrNoRows) {
		return claim, err == nil, failure(err)
	}
	claim.File, err = s.fileAs(ctx, selectClaimed, &claim.Writer, fileID.String())
	if errors.Is(err, pgx.ErrNoRows) {
		return files.Claim{}, false, files.ErrNoFile
	}
	return claim, false, failure(err)
}

// fileAs runs a query that answers with one file and the state of its writer.
func (s *Store) fileAs(ctx context.Context, query string, writer *[]byte, args ...any) (found files.File, err error) {
	batch := s.asOwner(everyOwner)
	batch.Queue(query, args...).QueryRow(func(row pgx.Row) error {
		found, err = fileOf(row, writer)
		return err
	})
	return found, s.pool.SendBatch(ctx, batch).Close()
}

// addPart moves a file on and adds its part, or does neither when another worker has the claim.
const addPart = `WITH moved AS (
	UPDATE statement_files SET state = 2, waiting = '', parts = parts + 1, size = size + length($4::bytea), done_to = $5, line_count = $6, writer = $7,
		complete_to = $8, first_sequence = $9, last_sequence = $10, claimed_until = now() + interval '` + claimFor + `'
	WHERE file_id = $1 AND fence = $2 AND parts = $3 AND state IN (1, 2) RETURNING file_id
)
INSERT INTO statement_file_parts (file_id, number, content) SELECT file_id, $3, $4 FROM moved`

// AddPart implements files.Workshop.
func (s *Store) AddPart(ctx context.Context, claim *files.Claim, part *files.Part) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	batch := s.asOwner(everyOwner)
	// A server that crashes may lose the last parts, which are made again. The end of a file waits for the disk, and
	// with it for all its parts.
	batch.Queue("SET LOCAL synchronous_commit = off")
	added := int64(0)
	batch.Queue(addPart, claim.ID.String(), claim.Fence, claim.Parts, part.Content, part.Done, part.Lines, part.Writer, claim.CompleteTo,
		claim.First, claim.Last).Exec(func(tag pgconn.CommandTag) error {
		added = tag.RowsAffected()
		return nil
	})
	err := s.pool.SendBatch(ctx, batch).Close()
	if err == nil && added == 0 {
		return files.ErrLost
	}
	s.config.Failpoint.After(err, failpoints.FilePartStored)
	if err != nil {
		return failure(err)
	}
	claim.Parts, claim.Size = claim.Parts+1, claim.Size+int64(len(part.Content))
	claim.Done, claim.Lines = part.Done, part.Lines
	return nil
}

const giveBackFile = `UPDATE statement_files SET claimed_until = NULL, waiting = $3, complete_to = CASE WHEN state = 1 THEN $4 ELSE complete_to END
WHERE file_id = $1 AND fence = $2 AND state IN (1, 2)`

// giveBack ends a claim. Nothing is lost without it: a claim ends by itself.
func (s *Store) giveBack(ctx context.Context, claim *files.Claim, waiting string) error {
	batch := s.asOwner(everyOwner)
	batch.Queue(giveBackFile, claim.ID.String(), claim.Fence, waiting, claim.CompleteTo)
	return failure(s.pool.SendBatch(ctx, batch).Close())
}

const endFile = `UPDATE statement_files SET state = $3, waiting = '', failure = $4, digest = $5, writer = NULL, claimed_until = NULL, done_to = $6,
	line_count = $7, complete_to = $8, first_sequence = $9, last_sequence = $10, parts = $11, size = $12, expires_at = now() + $13::interval
WHERE file_id = $1 AND fence = $2 AND state IN (1, 2)`

// EndFile implements files.Workshop.
func (s *Store) EndFile(ctx context.Context, claim *files.Claim, end *files.End) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	if end.State == files.Pending {
		return s.giveBack(ctx, claim, end.Waiting)
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.endFile(ctx, tx, claim, end) })
	s.config.Failpoint.After(err, failpoints.FileEnded)
	return failure(err)
}

func (s *Store) endFile(ctx context.Context, tx pgx.Tx, claim *files.Claim, end *files.End) error {
	if _, err := tx.Exec(ctx, setOwner, everyOwner); err != nil {
		return err
	}
	content, from, size := [][]byte{end.Last}, claim.Parts, claim.Size
	if end.Instead != nil {
		content, from, size = end.Instead, 0, 0
	}
	if end.State == files.Failed {
		content, from, size = nil, 0, 0
	}
	for _, part := range content {
		size += int64(len(part))
	}
	ended, err := tx.Exec(ctx, endFile, claim.ID.String(), claim.Fence, int16(end.State), end.Failure, end.Digest, claim.Done, claim.Lines,
		claim.CompleteTo, claim.First, claim.Last, from+int32(len(content)), size, s.retention())
	if err != nil {
		return err
	}
	if ended.RowsAffected() == 0 {
		return files.ErrLost
	}
	if from == 0 && claim.Parts > 0 {
		if _, err := tx.Exec(ctx, "DELETE FROM statement_file_parts WHERE file_id = $1", claim.ID.String()); err != nil {
			return err
		}
	}
	for i, part := range content {
		_, err := tx.Exec(ctx, "INSERT INTO statement_file_parts (file_id, number, content) VALUES ($1, $2, $3)", claim.ID.String(), from+int32(i), part)
		if err != nil {
			return err
		}
	}
	if end.State == files.Ready && end.Announce && claim.Email != "" {
		return s.queue.AnnounceFile(ctx, tx, claim.ID)
	}
	return nil
}

// retention returns how long content is kept.
func (s *Store) retention() time.Duration {
	if s.config.FileRetention > 0 {
		return s.config.FileRetention
	}
	return files.Retention
}

const (
	// forgetAfter is how long a file that has ended stays as a row, so that a late repeat of its request finds it.
	forgetAfter = "30 days"
	// abandonAfter is when a file that is not made counts as failed.
	abandonAfter = "1 day"
	// sweep bounds how many files one statement changes.
	sweep = "100"
)

// The steps of ExpireFiles. Each changes a bounded number of files, and is repeated until it changes none.
var expireSteps = []string{
	`WITH expired AS (
	UPDATE statement_files SET state = 5 WHERE file_id IN (
		SELECT file_id FROM statement_files WHERE state = 3 AND expires_at <= now() ORDER BY expires_at LIMIT ` + sweep + ` FOR UPDATE SKIP LOCKED)
	RETURNING file_id
), deleted AS (DELETE FROM statement_file_parts WHERE file_id IN (SELECT file_id FROM expired))
SELECT count(*) FROM expired`,
	`WITH abandoned AS (
	UPDATE statement_files SET state = 4, waiting = '', failure = '` + files.FailureNotMade + `', writer = NULL, expires_at = now() WHERE file_id IN (
		SELECT file_id FROM statement_files WHERE state IN (1, 2) AND created_at < now() - interval '` + abandonAfter + `'
		ORDER BY created_at LIMIT ` + sweep + ` FOR UPDATE SKIP LOCKED)
	RETURNING file_id
), deleted AS (DELETE FROM statement_file_parts WHERE file_id IN (SELECT file_id FROM abandoned))
SELECT count(*) FROM abandoned`,
	`WITH forgotten AS (
	DELETE FROM statement_files WHERE file_id IN (
		SELECT file_id FROM statement_files WHERE state IN (4, 5) AND expires_at < now() - interval '` + forgetAfter + `'
		ORDER BY expires_at LIMIT ` + sweep + ` FOR UPDATE SKIP LOCKED)
	RETURNING file_id
)
SELECT count(*) FROM forgotten`,
}

// ExpireFiles deletes the content of files that have expired, gives up files that could not be made for a day,
// and forgets files that ended long ago. It may be repeated.
func (s *Store) ExpireFiles(ctx context.Context) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	for _, step := range expireSteps {
		for changed := int64(1); changed > 0; {
			batch := s.asOwner(everyOwner)
			batch.Queue(step).QueryRow(func(row pgx.Row) error { return row.Scan(&changed) })
			err := s.pool.SendBatch(ctx, batch).Close()
			s.config.Failpoint.After(err, failpoints.FilesExpired)
			if err != nil {
				return failure(err)
			}
		}
	}
	return nil
}

// PendingFiles returns how many files of all owners are not made yet, and for how long the oldest of them.
func (s *Store) PendingFiles(ctx context.Context) (count int64, oldest time.Duration, err error) {
	if _, err := s.prepared(); err != nil {
		return 0, 0, err
	}
	var seconds int64
	batch := s.asOwner(everyOwner)
	batch.Queue("SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM statement_files WHERE state IN (1, 2)").
		QueryRow(func(row pgx.Row) error { return row.Scan(&count, &seconds) })
	err = s.pool.SendBatch(ctx, batch).Close()
	return count, time.Duration(max(seconds, 0)) * time.Second, failure(err)
}

// Announced returns a file to tell its owner of, or ErrNoFile.
func (s *Store) Announced(ctx context.Context, fileID id.ID) (files.File, error) {
	var writer []byte
	found, err := s.fileAs(ctx, selectClaimed, &writer, fileID.String())
	if errors.Is(err, pgx.ErrNoRows) {
		return files.File{}, files.ErrNoFile
	}
	return found, failure(err)
}

// shown is true for a line that a customer sees, as statement.Line.Shown says.
const shown = `(line.status = 'APPROVED' AND line.direction IN ('DEBIT', 'CREDIT')
	AND line.kind NOT IN ('OPENING', 'LIMIT_CHANGE', 'CLOSING', 'HOLD', 'EXPIRY'))`

// selectPlan reads what a range of sequences comes to.
const selectPlan = `
SELECT coalesce((SELECT balance_after_minor FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence < $3 AND ` + sound + `
		ORDER BY sequence DESC LIMIT 1), 0),
	coalesce((SELECT balance_after_minor FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence <= $4 AND ` + sound + `
		ORDER BY sequence DESC LIMIT 1), 0),
	coalesce((SELECT account_kind FROM statement_lines WHERE account_id = $1 AND ` + owned + ` AND account_kind IS NOT NULL
		AND sequence <= $4 ORDER BY sequence DESC LIMIT 1), 'CARD'),
	count(*) FILTER (WHERE ` + sound + ` IS NOT TRUE), count(*) FILTER (WHERE ` + shown + `),
	coalesce(sum(amount_minor) FILTER (WHERE ` + shown + ` AND direction = 'CREDIT'), 0)::bigint,
	coalesce(sum(amount_minor) FILTER (WHERE ` + shown + ` AND direction = 'DEBIT'), 0)::bigint
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence BETWEEN $3 AND $4`

// Plan implements files.Workshop.
func (s *Store) Plan(ctx context.Context, asked *files.File, state statement.State) (files.Plan, error) {
	first, err := s.Boundary(ctx, asked.Reader, asked.Account, asked.Range.Start)
	if err != nil {
		return files.Plan{}, err
	}
	behind, err := s.Boundary(ctx, asked.Reader, asked.Account, asked.Range.End)
	if err != nil {
		return files.Plan{}, err
	}
	plan := files.Plan{First: first, Last: behind - 1, Missing: behind-1 > state.CompleteTo}
	header := &plan.Header
	header.Account, header.Currency, header.Language = asked.Account, state.Currency, asked.Language
	header.Start, header.End, header.CreatedAt = asked.Range.Start, asked.Range.End, asked.CreatedAt
	header.CompleteTo, header.CompleteToTime = state.CompleteTo, state.CompleteToTime
	err = s.rowAs(ctx, asked.Reader, selectPlan, []any{asked.Account.String(), asked.Reader, plan.First, plan.Last}, &header.Totals.Opening,
		&header.Totals.Closing, &header.Kind, &plan.NotSound, &header.Totals.Lines, &header.Totals.Credits, &header.Totals.Debits)
	return plan, failure(err)
}

const selectFileLines = `
SELECT sequence, kind, direction, amount_minor, currency, balance_after_minor, occurred_at,
	transaction_id, coalesce(original_transaction_id, ''), coalesce(description, ''), coalesce(counterparty_name, ''),
	coalesce(merchant_name, ''), coalesce(merchant_city, ''), coalesce(merchant_country, ''),
	coalesce(merchant_category_code, ''), coalesce(card_brand, ''), coalesce(card_last4, ''),
	coalesce(counterparty_account_id, ''), coalesce(counterparty_bank_code, ''), coalesce(merchant_reference, ''),
	coalesce(end_to_end_id, '')
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence > $3 AND sequence <= $4 AND ` + shown + `
ORDER BY sequence LIMIT $5`

// FileLines implements files.Workshop. One query costs as much as some hundred lines, for its plan and for who sees
// the account, so it is for many lines, which are passed on as they come.
func (s *Store) FileLines(ctx context.Context, query files.LineQuery, each func([]statement.Line) error) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(query.Reader))
	batch.Queue(selectFileLines, query.Account.String(), query.Reader, query.Above, query.UpTo, query.Limit).Query(func(rows pgx.Rows) error {
		lines := make([]statement.Line, 0, linesAtOnce)
		for rows.Next() {
			lines = append(lines, statement.Line{Status: "APPROVED"})
			if err := fileLine(rows, &lines[len(lines)-1]); err != nil {
				return err
			}
			if len(lines) < linesAtOnce {
				continue
			}
			if err := each(lines); err != nil {
				return err
			}
			lines = make([]statement.Line, 0, linesAtOnce)
		}
		if err := rows.Err(); err != nil || len(lines) == 0 {
			return err
		}
		return each(lines)
	})
	return failure(s.pool.SendBatch(ctx, batch).Close())
}

// linesAtOnce is how many lines FileLines passes on at a time.
const linesAtOnce = 1000

func fileLine(row pgx.Row, l *statement.Line) error {
	return row.Scan(&l.Sequence, &l.Kind, &l.Direction, &l.Amount, &l.Currency, &l.BalanceAfter, &l.OccurredAt, &l.TransactionID,
		&l.OriginalTransactionID, &l.Description, &l.CounterpartyName, &l.MerchantName, &l.MerchantCity, &l.MerchantCountry,
		&l.MerchantCategoryCode, &l.CardBrand, &l.CardLast4, &l.CounterpartyAccountID, &l.CounterpartyBankCode, &l.MerchantReference,
		&l.EndToEndID)
}
