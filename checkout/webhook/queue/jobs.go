package queue

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"codebank.dev/checkout/webhook"
)

const (
	// mainQueue has the jobs of endpoints that answer, apartQueue those of endpoints that fail, which take long.
	mainQueue  = "webhooks"
	apartQueue = "webhooks_apart"
	// careQueue has what is done for all endpoints.
	careQueue = "webhooks_care"
	// tries bound the attempts of a job that fails because of something here, such as a database that is away.
	tries = 1_000
)

// deliver is the job of an endpoint: it sends what is due to it.
type deliver struct {
	Endpoint string `json:"endpoint"`
}

// Kind implements river.JobArgs.
func (deliver) Kind() string { return "deliver_webhooks" }

// InsertOpts implements river.JobArgsWithInsertOpts. There is one job of an endpoint that is not done, in whatever
// queue.
func (deliver) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: mainQueue, MaxAttempts: tries, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}}
}

// care is the job that deletes what is old and looks for what was forgotten.
type care struct{}

// Kind implements river.JobArgs.
func (care) Kind() string { return "care_for_webhooks" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (care) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: careQueue, MaxAttempts: 3} }

// Enqueuer enqueues jobs. Make one with NewEnqueuer. It is safe for concurrent use.
type Enqueuer struct{ client *river.Client[pgx.Tx] }

// NewEnqueuer returns an Enqueuer. It needs no database but that of the transactions.
func NewEnqueuer() (*Enqueuer, error) {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: Schema})
	return &Enqueuer{client}, err
}

// Deliver makes the job of an endpoint, or lets the one that waits run in time. It is part of tx.
func (e *Enqueuer) Deliver(ctx context.Context, tx pgx.Tx, job webhook.Job) error {
	options := &river.InsertOpts{ScheduledAt: job.At, Queue: mainQueue}
	if job.Apart {
		options.Queue = apartQueue
	}
	if !job.At.After(time.Now()) {
		options.ScheduledAt = time.Time{}
	}
	made, err := e.client.InsertTx(ctx, tx, deliver{job.Endpoint.String()}, options)
	if err != nil || !made.UniqueSkippedAsDuplicate || !made.Job.ScheduledAt.After(job.At) {
		return err
	}
	// It waits for a later time. One that runs is left as it is, and looks again before it ends.
	_, err = e.client.JobRetryTx(ctx, tx, made.Job.ID)
	return err
}
