package chaos

import (
	"context"
	"time"

	"codebank.dev/stack/launch"
	"github.com/jackc/pgx/v5"
)

// poisonSpan holds the times of a poison fault: the start of the time without poison, the time
// when the poison was produced, and the time when the sink of the statement had passed it.
type poisonSpan struct{ before, poisoned, passed time.Time }

// beforePoison is how long good lines are measured before the poison.
const beforePoison = time.Second

// faultPoison puts records that are not events on the topic. In the end each must be in the
// dead-letter topic of each sink, and nothing else. Good events must not wait for them.
func faultPoison(ctx context.Context, r *run, s step) error {
	_, release := r.lockServer(launch.Kafka)
	defer release()
	r.frontMutex.Lock()
	defer r.frontMutex.Unlock()
	statement := sinkNames[0]
	// Lines that an earlier fault delayed must not count as delayed by poison.
	if err := r.sinks.awaitEnd(ctx, statement); err != nil {
		return err
	}
	times := poisonSpan{before: time.Now()}
	sleep(ctx, beforePoison)
	times.poisoned = time.Now()
	if err := r.sinks.producePoison(ctx, s.Draw); err != nil {
		return err
	}
	if err := r.poisonCharges(ctx); err != nil {
		return err
	}
	if err := r.sinks.awaitEnd(ctx, statement); err != nil {
		return err
	}
	times.passed = time.Now()
	r.poisonSpans = append(r.poisonSpans, times)
	return nil
}

// lineDelays describes the statement lines whose events occurred within a time span: how many
// there are, and the longest time from an event to its line. It counts only lines that had
// arrived at the end of the span. An event that was not on the topic by then was not behind
// poison.
type lineDelays struct {
	count   int64
	longest time.Duration
}

// measurePoisonDelay measures how late good lines were while poison was on the topic.
func (r *run) measurePoisonDelay(ctx context.Context) error {
	connection, err := r.system.database(ctx, launch.StatementDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for _, times := range r.poisonSpans {
		before, err := readLineDelays(ctx, connection, lineWindow{times.before, times.poisoned, times.passed})
		if err != nil {
			return err
		}
		during, err := readLineDelays(ctx, connection, lineWindow{times.poisoned, times.passed, times.passed})
		if err != nil {
			return err
		}
		r.addPoisonDelay(before, during)
	}
	return nil
}

// addPoisonDelay records how late lines were before and with poison. There may be no good event
// behind the poison, if an earlier fault had delayed the relay.
func (r *run) addPoisonDelay(before, during lineDelays) {
	if during.count == 0 {
		r.journal.addFigure("times that no good event was behind the poison", 1)
		return
	}
	r.journal.addFigure("good lines that arrived with poison on the topic", during.count)
	r.journal.maxFigure("milliseconds to the latest good line before the poison", before.longest.Milliseconds())
	r.journal.addRecovery(lineDelayWithPoison, during.longest)
}

// lineWindow limits when the events occurred (from, to) and when their lines arrived (by).
type lineWindow struct{ from, to, by time.Time }

func readLineDelays(ctx context.Context, connection *pgx.Conn, of lineWindow) (found lineDelays, err error) {
	var millis int64
	// The event's time is stored in UTC without a zone.
	err = connection.QueryRow(ctx, `SELECT count(*), coalesce(1000 * extract(epoch FROM max(arrived_at - occurred_at AT TIME ZONE 'UTC')), 0)::bigint
		FROM statement_lines WHERE occurred_at >= $1::timestamptz AT TIME ZONE 'UTC' AND occurred_at < $2::timestamptz AT TIME ZONE 'UTC'
			AND arrived_at >= $1 AND arrived_at <= $3`, // which has an index
		of.from, of.to, of.by).Scan(&found.count, &millis)
	found.longest = time.Duration(millis) * time.Millisecond
	return found, err
}
