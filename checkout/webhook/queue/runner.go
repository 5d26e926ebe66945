package queue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"codebank.dev/platform/id"
)

// A job of a program that was killed is rescued at most 60 seconds later: it counts as stuck after rescueAfter, and
// River looks for such jobs every 30 seconds. So no job may run for longer than jobTimeout.
const (
	jobTimeout  = 22 * time.Second
	rescueAfter = 25 * time.Second
	// longestRetry bounds the wait behind a failure.
	longestRetry = time.Minute
	stopTimeout  = 5 * time.Second
	startAgain   = 2 * time.Second
	// careEvery is how often all processes together care.
	careEvery = 10 * time.Minute
)

// Work is what jobs do. Every function may be repeated.
type Work struct {
	// Deliver sends what is due to an endpoint, and ends its job by a call of complete in its last commit.
	Deliver func(ctx context.Context, endpoint id.ID, complete func(context.Context, pgx.Tx) error) error
	// Care deletes what is old and looks for what was forgotten.
	Care func(ctx context.Context) error
}

// Config is the configuration of a Runner. All fields are required.
type Config struct {
	// Pool are connections to the database, for the queue alone.
	Pool *pgxpool.Pool
	Work Work
	// Workers is how many endpoints are served at a time, and how many that fail beside them.
	Workers int
	Logger  *slog.Logger
}

// Runner works on jobs. Any number of programs may run one.
type Runner struct {
	config Config
	client *river.Client[pgx.Tx]
}

// NewRunner returns a Runner that does nothing yet.
func NewRunner(config Config) (*Runner, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[deliver]) error {
		endpoint, err := id.Parse(job.Args.Endpoint)
		if err != nil {
			return river.JobCancel(err)
		}
		return config.given(ctx, config.Work.Deliver(ctx, endpoint, func(ctx context.Context, tx pgx.Tx) error {
			_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
			return err
		}))
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[care]) error { return config.given(ctx, config.Work.Care(ctx)) }))
	client, err := river.NewClient(riverpgxv5.New(config.Pool), &river.Config{
		Schema: Schema, Logger: quieter(config.Logger), Workers: workers,
		Queues:     map[string]river.QueueConfig{mainQueue: {MaxWorkers: config.Workers}, apartQueue: {MaxWorkers: config.Workers}, careQueue: {MaxWorkers: 1}},
		JobTimeout: jobTimeout, RescueStuckJobsAfter: rescueAfter, RetryPolicy: retryPolicy{}, SoftStopTimeout: stopTimeout,
		CompletedJobRetentionPeriod: time.Hour,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(careEvery),
			func() (river.JobArgs, *river.InsertOpts) { return care{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
		// Only the owner of an index may build it anew.
		ReindexerIndexNames: []string{},
	})
	return &Runner{config, client}, err
}

// given returns the outcome of a job. The end of its time, and of the program, is no failure of the job.
func (c *Config) given(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return river.JobSnooze(0)
	}
	if err != nil {
		c.Logger.WarnContext(ctx, "a job of webhooks failed; it is tried again", "error", err)
	}
	return err
}

// retryPolicy waits 1, 2, 4 … seconds, at most longestRetry.
type retryPolicy struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(min(longestRetry, time.Second<<min(len(job.Errors), 6)))
}

// Run works on jobs until ctx ends, and then lets running ones come to an end. While the database is away it waits.
func (r *Runner) Run(ctx context.Context) {
	for ctx.Err() == nil {
		// Start's context would end the jobs at once.
		err := r.client.Start(context.WithoutCancel(ctx))
		if err == nil {
			break
		}
		r.config.Logger.WarnContext(ctx, "the queue of jobs does not start; it is tried again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(startAgain):
		}
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*stopTimeout)
	defer cancel()
	if err := r.client.Stop(stopping); err != nil {
		r.config.Logger.Warn("the queue of jobs did not stop in time; its jobs are rescued", "error", err)
	}
}

// quieter returns a logger without what River tells of its own steps.
func quieter(logger *slog.Logger) *slog.Logger { return slog.New(warnings{logger.Handler()}) }

// warnings passes on warnings and errors.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attributes []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
