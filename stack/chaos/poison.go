package chaos

import (
	"context"
	"time"

	"codebank.dev/stack/launch"
	"github.com/jackc/pgx/v5"
)

// span is when poison was on the topic: some time without it, and then from when it
// was put there until the sink of the statement had passed it.
type span struct{ before, poisoned, passed time.Time }

// unpoisonedFor is how long good lines are looked at before there is poison.
const unpoisonedFor = time.Second

// faultPoison puts what is no event on the topic; each must be in each sink's
// dead-letter topic in the end, and nothing else, and good events must not wait for it.
func faultPoison(ctx context.Context, r *run, s step) error {
	_, release := r.under(launch.Kafka)
	defer release()
	r.calm.Lock()
	defer r.calm.Unlock()
	statement := sinkNames[0]
	// What an earlier fault held up is late, and not because of poison.
	if err := r.sinks.awaitEnd(ctx, statement); err != nil {
		return err
	}
	times := span{before: time.Now()}
	rest(ctx, unpoisonedFor)
	times.poisoned = time.Now()
	if err := r.sinks.poison(ctx, s.Draw); err != nil {
		return err
	}
	if err := r.sinks.awaitEnd(ctx, statement); err != nil {
		return err
	}
	times.passed = time.Now()
	r.spans = append(r.spans, times)
	return nil
}

// lines are those of the statement whose events occurred within some time, and which
// had come at its end: how many, and the longest from an event to its line. What was
// not on the topic by then did not stand behind poison.
type lines struct {
	count   int64
	longest time.Duration
}

// judgePoison notes how late good lines were while poison was on the topic.
func (r *run) judgePoison(ctx context.Context) error {
	connection, err := r.system.database(ctx, launch.StatementDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for _, times := range r.spans {
		before, err := linesOf(ctx, connection, window{times.before, times.poisoned, times.passed})
		if err != nil {
			return err
		}
		during, err := linesOf(ctx, connection, window{times.poisoned, times.passed, times.passed})
		if err != nil {
			return err
		}
		r.poisoned(before, during)
	}
	return nil
}

// poisoned takes down how late lines were before and with poison. When the relay was
// behind, because of an earlier fault, there was no good event to stand behind poison.
func (r *run) poisoned(before, during lines) {
	if during.count == 0 {
		r.log.addFigure("times that no good event stood behind poison", 1)
		return
	}
	r.log.addFigure("good lines that came with poison on the topic", during.count)
	r.log.mostFigure("milliseconds of the latest good line before there was poison", before.longest.Milliseconds())
	r.log.recovered(poisonPassed, during.longest)
}

// window is when events occurred, and by when their lines had come.
type window struct{ from, to, by time.Time }

func linesOf(ctx context.Context, connection *pgx.Conn, of window) (found lines, err error) {
	var millis int64
	// An event's time has no zone here, and is in UTC.
	err = connection.QueryRow(ctx, `SELECT count(*), coalesce(1000 * extract(epoch FROM max(arrived_at - occurred_at AT TIME ZONE 'UTC')), 0)::bigint
		FROM statement_lines WHERE occurred_at >= $1::timestamptz AT TIME ZONE 'UTC' AND occurred_at < $2::timestamptz AT TIME ZONE 'UTC'
			AND arrived_at >= $1 AND arrived_at <= $3`, // which has an index
		of.from, of.to, of.by).Scan(&found.count, &millis)
	found.longest = time.Duration(millis) * time.Millisecond
	return found, err
}
