package queue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement/files"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// A job of a program that was killed is rescued at most 60 seconds later: it counts as stuck after rescueAfter, and
// River looks for such jobs every 30 seconds. So no job may run for longer than jobTimeout at a time; a long file
// gives way to others after turn.
const (
	turn        = 10 * time.Second
	jobTimeout  = 18 * time.Second
	rescueAfter = 20 * time.Second
	// longestRetry bounds the wait behind a failure.
	longestRetry = time.Minute
	stopTimeout  = 5 * time.Second
	startAgain   = 2 * time.Second
)

// Work is what jobs do. Every function may be repeated. An error that is a *files.Later is no failure.
type Work struct {
	// Make makes a file.
	Make func(ctx context.Context, file id.ID, waiting files.Waiting) error
	// Announce tells a file's owner.
	Announce func(ctx context.Context, file id.ID) error
	// Expire deletes what has expired.
	Expire func(ctx context.Context) error
}

// Config is the configuration of a Runner. All fields are required.
type Config struct {
	// Pool are connections to the statement's database, for the queue alone.
	Pool *pgxpool.Pool
	Work Work
	// Workers is how many files are made at a time.
	Workers int
	// ExpireEvery is how often Expire is called by all replicas together.
	ExpireEvery time.Duration
	Logger      *slog.Logger
}

// Runner works on jobs. Any number of programs may run one.
type Runner struct {
	config Config
	client *river.Client[pgx.Tx]
}

// NewRunner returns a Runner that does nothing yet.
func NewRunner(config Config) (*Runner, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[makeFile]) error {
		return do(job.Args.File, func(file id.ID) error {
			return config.Work.Make(ctx, file, files.Waiting{Until: time.Now().Add(turn), Announce: true})
		})
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[announceFile]) error {
		return do(job.Args.File, func(file id.ID) error { return config.Work.Announce(ctx, file) })
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[expireFiles]) error { return config.Work.Expire(ctx) }))
	client, err := river.NewClient(riverpgxv5.New(config.Pool), &river.Config{
		Schema: Schema, Logger: quieter(config.Logger), Workers: workers,
		Queues:     map[string]river.QueueConfig{filesQueue: {MaxWorkers: config.Workers}, mailQueue: {MaxWorkers: 2}},
		JobTimeout: jobTimeout, RescueStuckJobsAfter: rescueAfter, RetryPolicy: retryPolicy{}, SoftStopTimeout: stopTimeout,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(config.ExpireEvery),
			func() (river.JobArgs, *river.InsertOpts) { return expireFiles{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
		// Only the owner of an index may build it anew.
		ReindexerIndexNames: []string{},
	})
	return &Runner{config, client}, err
}

// do runs the work of a job for a file. The end of its time, and of the program, is no failure of the job.
func do(text string, work func(id.ID) error) error {
	file, err := id.Parse(text)
	if err != nil {
		return river.JobCancel(err)
	}
	err = work(file)
	var later *files.Later
	switch {
	case errors.As(err, &later):
		return river.JobSnooze(later.After)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return river.JobSnooze(0)
	}
	return err
}

// retryPolicy waits 1, 2, 4 … seconds, at most longestRetry.
type retryPolicy struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(min(longestRetry, time.Second<<min(len(job.Errors), 6)))
}

// Run works on jobs until ctx ends, and then lets running ones come to the end of their part. While the database is
// away it waits.
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
