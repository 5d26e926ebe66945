package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/file"
	"codebank.dev/statement/files"
	"github.com/jackc/pgx/v5"
)

var _ files.Store = (*Store)(nil)

// everyOwner sees the files of all owners.
const everyOwner = "*"

// setOwner makes the rest of a transaction see only the files of an owner. The policies of migration 00010 read
// it.
const setOwner = "SELECT set_config('codebank.owner', $1, true)"

// fileColumns are the columns of a file, in the order of fileOf.
const fileColumns = `file_id, account_id, owner, reader, requester, request_id, start_at, end_at, format, email, language, created_at,
	state, failure, complete_to, first_sequence, last_sequence, done_to, line_count, parts, size, digest, coalesce(expires_at, '0001-01-01')`

// row is what fileOf scans.
type row interface{ Scan(to ...any) error }

// fileOf reads a file; more are the targets of the columns behind it.
func fileOf(row row, more ...any) (files.File, error) {
	var f files.File
	var fileID, account string
	var format, state int16
	err := row.Scan(append([]any{&fileID, &account, &f.Owner, &f.Reader, &f.Requester, &f.RequestID, &f.Range.Start, &f.Range.End, &format,
		&f.Email, &f.Language, &f.CreatedAt, &state, &f.Failure, &f.CompleteTo, &f.First, &f.Last, &f.Done, &f.Lines, &f.Parts, &f.Size,
		&f.Digest, &f.ExpiresAt}, more...)...)
	if err != nil {
		return files.File{}, err
	}
	// A CHECK bounds the state. A format of a later version is none that this program can write.
	f.Format, f.State = file.FormatOf(int64(format)), files.State(state)
	for _, moment := range []*time.Time{&f.Range.Start, &f.Range.End, &f.CreatedAt, &f.ExpiresAt} {
		*moment = moment.UTC()
	}
	if f.ExpiresAt.Year() == 1 {
		f.ExpiresAt = time.Time{}
	}
	var idErr, accountErr error
	f.ID, idErr = id.Parse(fileID)
	f.Account, accountErr = id.Parse(account)
	return f, errors.Join(idErr, accountErr)
}

const selectRequest = "SELECT " + fileColumns + " FROM statement_files WHERE requester = $1 AND request_id = $2"

const insertFile = `INSERT INTO statement_files
	(file_id, account_id, owner, reader, requester, request_id, start_at, end_at, format, email, language, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING ` + fileColumns

const countFiles = `SELECT count(*) FILTER (WHERE state IN (1, 2)), count(*) FILTER (WHERE state IN (1, 2) OR state = 3 AND expires_at > now())
FROM statement_files WHERE owner = $1`

// CreateFile implements files.Store.
func (s *Store) CreateFile(ctx context.Context, asked *files.File, wait time.Duration) (created files.File, err error) {
	if _, err := s.prepared(); err != nil {
		return files.File{}, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, setOwner, everyOwner); err != nil {
			return err
		}
		// Two requests of one owner wait for each other, so that the limits hold and one request id is one file.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), pg_advisory_xact_lock(hashtextextended($2, 1))",
			asked.Requester, asked.Owner); err != nil {
			return err
		}
		created, err = fileOf(tx.QueryRow(ctx, selectRequest, asked.Requester, asked.RequestID))
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return s.insertFile(ctx, tx, asked, &created, wait)
	})
	s.config.Failpoint.After(err, failpoints.FileRequested)
	return created, failure(err)
}

// insertFile stores a file and its job, unless the owner has too many.
//
// tidy:parameters part of a transaction
func (s *Store) insertFile(ctx context.Context, tx pgx.Tx, asked, created *files.File, wait time.Duration) error {
	var pending, kept int64
	if err := tx.QueryRow(ctx, countFiles, asked.Owner).Scan(&pending, &kept); err != nil {
		return err
	}
	switch {
	case pending >= files.MaxPending:
		return files.ErrTooMany
	case kept >= files.MaxKept:
		return files.ErrTooManyKept
	}
	var err error
	*created, err = fileOf(tx.QueryRow(ctx, insertFile, asked.ID.String(), asked.Account.String(), asked.Owner, asked.Reader, asked.Requester,
		asked.RequestID, asked.Range.Start, asked.Range.End, int16(asked.Format), asked.Email, asked.Language, asked.CreatedAt))
	if err != nil {
		return err
	}
	return s.queue.MakeFile(ctx, tx, asked.ID, wait)
}

// seen is true for a file's account if the reader $3 sees it.
const seen = `($3::text = '` + string(statement.Everybody) + `' OR owns_account($3, account_id))`

const selectFile = "SELECT " + fileColumns + ` FROM statement_files
WHERE owner = $1 AND account_id = $2 AND ` + seen + ` AND file_id = $4`

// The reader sees the account or he does not, so that is worked out once and not for each file.
const selectFiles = "SELECT " + fileColumns + ` FROM statement_files
WHERE owner = $1 AND account_id = $2 AND ($3::text = '` + string(statement.Everybody) + `' OR (SELECT owns_account($3, $2)))
	AND ($4 = '' OR (created_at, file_id) < (SELECT created_at, file_id FROM statement_files AS last WHERE last.file_id = $4))
ORDER BY created_at DESC, file_id DESC LIMIT $5`

// File implements files.Store.
func (s *Store) File(ctx context.Context, query files.Query, fileID id.ID) (found files.File, err error) {
	if _, err := s.prepared(); err != nil {
		return files.File{}, err
	}
	batch := s.asOwner(query.Owner)
	batch.Queue(setReader, string(query.Reader))
	batch.Queue(selectFile, query.Owner, query.Account.String(), query.Reader, fileID.String()).QueryRow(func(row pgx.Row) error {
		found, err = fileOf(row)
		return err
	})
	err = s.pool.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return files.File{}, files.ErrNoFile
	}
	return found, failure(err)
}

// Files implements files.Store.
func (s *Store) Files(ctx context.Context, query files.Query) (found []files.File, err error) {
	if _, err := s.prepared(); err != nil {
		return nil, err
	}
	before := ""
	if !query.Before.IsZero() {
		before = query.Before.String()
	}
	batch := s.asOwner(query.Owner)
	batch.Queue(setReader, string(query.Reader))
	batch.Queue(selectFiles, query.Owner, query.Account.String(), query.Reader, before, query.Size).Query(func(rows pgx.Rows) error {
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (files.File, error) { return fileOf(row) })
		return err
	})
	return found, failure(s.pool.SendBatch(ctx, batch).Close())
}

// Part implements files.Store.
func (s *Store) Part(ctx context.Context, fileID id.ID, number int32) (content []byte, err error) {
	if _, err := s.prepared(); err != nil {
		return nil, err
	}
	batch := s.asOwner(everyOwner)
	batch.Queue("SELECT content FROM statement_file_parts WHERE file_id = $1 AND number = $2", fileID.String(), number).
		QueryRow(func(row pgx.Row) error { return row.Scan(&content) })
	err = s.pool.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, files.ErrExpired
	}
	return content, failure(err)
}

// asOwner returns a batch whose queries see the files of an owner. It is one transaction.
func (s *Store) asOwner(owner string) *pgx.Batch {
	batch := &pgx.Batch{}
	batch.Queue(setOwner, owner)
	return batch
}
