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
	state, failure, complete_to, first_sequence, last_sequence, done_to, line_count, parts, size, digest, coalesce(expires_at, '0001-01-01'), waiting,
	coalesce(admitted_at, '0001-01-01')`

// row is what fileOf scans.
type row interface{ Scan(to ...any) error }

// fileOf reads a file; more are the targets of the columns behind it.
func fileOf(row row, more ...any) (files.File, error) {
	var f files.File
	var fileID, account string
	var format, state int16
	err := row.Scan(append([]any{&fileID, &account, &f.Owner, &f.Reader, &f.Requester, &f.RequestID, &f.Range.Start, &f.Range.End, &format,
		&f.Email, &f.Language, &f.CreatedAt, &state, &f.Failure, &f.CompleteTo, &f.First, &f.Last, &f.Done, &f.Lines, &f.Parts, &f.Size,
		&f.Digest, &f.ExpiresAt, &f.Waiting, &f.AdmittedAt}, more...)...)
	if err != nil {
		return files.File{}, err
	}
	// A CHECK bounds the state. A format of a later version is none that this program can write.
	f.Format, f.State = file.FormatOf(int64(format)), files.State(state)
	for _, moment := range []*time.Time{&f.Range.Start, &f.Range.End, &f.CreatedAt} {
		*moment = moment.UTC()
	}
	for _, moment := range []*time.Time{&f.ExpiresAt, &f.AdmittedAt} {
		if *moment = moment.UTC(); moment.Year() == 1 {
			*moment = time.Time{}
		}
	}
	var idErr, accountErr error
	f.ID, idErr = id.Parse(fileID)
	f.Account, accountErr = id.Parse(account)
	return f, errors.Join(idErr, accountErr)
}

const selectRequest = "SELECT " + fileColumns + " FROM statement_files WHERE requester = $1 AND request_id = $2"

const insertFile = `INSERT INTO statement_files
	(file_id, account_id, owner, reader, requester, request_id, start_at, end_at, format, email, language, created_at, state, failure, waiting, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::smallint, $14, $15, CASE WHEN $13::smallint = 4 THEN now() END) RETURNING ` + fileColumns

// countFiles counts the files of an owner that are being made, and all that wait, are being made or have content.
const countFiles = `SELECT count(*) FILTER (WHERE state IN (1, 2) AND waiting NOT IN ('` + files.WaitingForAccount + `', '` + files.WaitingForTurn + `')), count(*) FILTER (WHERE state IN (1, 2) OR state = 3 AND expires_at > now())
FROM statement_files WHERE owner = $1`

// CreateFile implements files.Store.
func (s *Store) CreateFile(ctx context.Context, asked *files.File, wait time.Duration) (files.File, error) {
	return s.createFile(ctx, asked, wait, func(pending, kept int64, _ *files.File) error {
		switch {
		case pending >= files.MaxPending:
			return files.ErrTooMany
		case kept >= files.MaxKept:
			return files.ErrTooManyKept
		}
		return nil
	})
}

// RequestFile implements files.Store.
func (s *Store) RequestFile(ctx context.Context, asked *files.File) (files.File, error) {
	return s.createFile(ctx, asked, 0, func(pending, kept int64, file *files.File) error {
		switch {
		case kept >= files.MaxKept:
			file.State, file.Failure, file.Waiting = files.Failed, files.FailureTooManyKept, ""
		case pending >= files.MaxPending && file.Waiting == "":
			file.Waiting = files.WaitingForTurn
		}
		return nil
	})
}

// createFile stores a file, unless its request has one already. limit is told how many files the owner has, and says
// how the file begins or why there is none.
//
// tidy:parameters those of CreateFile, and one more
func (s *Store) createFile(ctx context.Context, asked *files.File, wait time.Duration, limit func(pending, kept int64, file *files.File) error) (created files.File, err error) {
	if _, err := s.prepared(); err != nil {
		return files.File{}, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockOwner(ctx, tx, asked); err != nil {
			return err
		}
		created, err = fileOf(tx.QueryRow(ctx, selectRequest, asked.Requester, asked.RequestID))
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var pending, kept int64
		if err := tx.QueryRow(ctx, countFiles, asked.Owner).Scan(&pending, &kept); err != nil {
			return err
		}
		begun := *asked
		if err := limit(pending, kept, &begun); err != nil {
			return err
		}
		created, err = s.insertFile(ctx, tx, &begun, wait)
		return err
	})
	s.config.Failpoint.After(err, failpoints.FileRequested)
	return created, failure(err)
}

// lockOwner makes two requests of one owner wait for each other, so that the limits hold and one request id is one file.
func lockOwner(ctx context.Context, tx pgx.Tx, file *files.File) error {
	if _, err := tx.Exec(ctx, setOwner, everyOwner); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), pg_advisory_xact_lock(hashtextextended($2, 1))",
		file.Requester, file.Owner)
	return err
}

// insertFile stores a file and its job.
//
// tidy:parameters part of a transaction
func (s *Store) insertFile(ctx context.Context, tx pgx.Tx, f *files.File, wait time.Duration) (files.File, error) {
	created, err := fileOf(tx.QueryRow(ctx, insertFile, f.ID.String(), f.Account.String(), f.Owner, f.Reader, f.Requester, f.RequestID, f.Range.Start,
		f.Range.End, int16(f.Format), f.Email, f.Language, f.CreatedAt, int16(f.State), f.Failure, f.Waiting))
	if err != nil || created.State.Ended() {
		return created, err
	}
	return created, s.queue.MakeFile(ctx, tx, f.ID, wait)
}

const admitFile = `UPDATE statement_files SET waiting = '', admitted_at = now() WHERE file_id = $1 AND fence = $2 AND state = 1`

// Admit implements files.Workshop.
func (s *Store) Admit(ctx context.Context, claim *files.Claim) (admitted bool, err error) {
	if _, err := s.prepared(); err != nil {
		return false, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockOwner(ctx, tx, &claim.File); err != nil {
			return err
		}
		var pending, kept int64
		if err := tx.QueryRow(ctx, countFiles, claim.Owner).Scan(&pending, &kept); err != nil || pending >= files.MaxPending {
			return err
		}
		moved, err := tx.Exec(ctx, admitFile, claim.ID.String(), claim.Fence)
		if err == nil && moved.RowsAffected() == 0 {
			err = files.ErrLost
		}
		admitted = err == nil
		return err
	})
	s.config.Failpoint.After(err, failpoints.FileAdmitted)
	return admitted, failure(err)
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
