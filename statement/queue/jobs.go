package queue

import (
	"context"
	"time"

	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

const (
	filesQueue = "files"
	mailQueue  = "mail"
	// tries bound the attempts of a job that fails. The last ones are a minute apart, so the queue goes on for most
	// of a day; a file is Failed after a day.
	tries = 1000
	// mailTries bound the attempts to send an e-mail, over some two hours.
	mailTries = 120
)

// makeFile is the job that makes a file. There is one for each file.
type makeFile struct {
	File string `json:"file"`
}

// Kind implements river.JobArgs.
func (makeFile) Kind() string { return "make_file" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (makeFile) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: filesQueue, MaxAttempts: tries, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// announceFile is the job that tells the owner of a file.
type announceFile struct {
	File string `json:"file"`
}

// Kind implements river.JobArgs.
func (announceFile) Kind() string { return "announce_file" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (announceFile) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: mailQueue, MaxAttempts: mailTries, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// expireFiles is the job that deletes what has expired.
type expireFiles struct{}

// Kind implements river.JobArgs.
func (expireFiles) Kind() string { return "expire_files" }

// InsertOpts implements river.JobArgsWithInsertOpts. A job that is not done yet stands for the next one too.
func (expireFiles) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: filesQueue, Priority: 4, MaxAttempts: 3}
}

// Enqueuer enqueues jobs. Make one with NewEnqueuer. It is safe for concurrent use.
type Enqueuer struct{ client *river.Client[pgx.Tx] }

// NewEnqueuer returns an Enqueuer. It needs no database but that of the transactions.
func NewEnqueuer() (*Enqueuer, error) {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: Schema})
	return &Enqueuer{client}, err
}

// MakeFile enqueues the job that makes a file, to begin after a while. A repeat changes nothing. It is part of tx.
func (e *Enqueuer) MakeFile(ctx context.Context, tx pgx.Tx, file id.ID, wait time.Duration) error {
	options := &river.InsertOpts{}
	if wait > 0 {
		options.ScheduledAt = time.Now().Add(wait)
	}
	_, err := e.client.InsertTx(ctx, tx, makeFile{file.String()}, options)
	return err
}

// AnnounceFile enqueues the job that tells a file's owner. It is part of tx.
func (e *Enqueuer) AnnounceFile(ctx context.Context, tx pgx.Tx, file id.ID) error {
	_, err := e.client.InsertTx(ctx, tx, announceFile{file.String()}, nil)
	return err
}
