package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

const watermarksTopic = "bank-001.watermarks.v1"

// glimpse is what the index said at one moment: up to when it is complete, in
// milliseconds since 1970, and how many earlier documents it had.
type glimpse struct{ completeTo, documents int64 }

// glimpses are those of a run.
type glimpses struct {
	mutex sync.Mutex
	all   []glimpse
}

func (g *glimpses) add(one glimpse) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.all = append(g.all, one)
}

// glimpseEvery lies between two looks at the index.
const glimpseEvery = 3 * time.Second

// watchIndex looks at the index again and again: what it says of itself must be true
// at that moment. One that is away says nothing.
func (r *run) watchIndex(ctx context.Context) {
	for rest(ctx, glimpseEvery) {
		if seen, err := r.glimpse(ctx); err == nil {
			r.glimpses.add(seen)
		}
	}
}

// glimpse asks first up to when the index is complete, and then what it has.
func (r *run) glimpse(ctx context.Context) (seen glimpse, err error) {
	if seen.completeTo, err = r.indexCompleteTo(ctx); err != nil {
		return seen, err
	}
	if err := r.index().Refresh(ctx); err != nil {
		return seen, err
	}
	seen.documents, err = r.documentsBefore(ctx, seen.completeTo)
	return seen, err
}

func (r *run) index() pipes.Index { return pipes.Index(r.system.stack.Addresses().Elasticsearch()) }

// indexCompleteTo is the least of the partitions' newest watermarks in the index.
func (r *run) indexCompleteTo(ctx context.Context) (millis int64, err error) {
	partitions, err := r.sinks.partitions(ctx)
	if err != nil {
		return 0, err
	}
	return r.index().CompleteTo(ctx, launch.BankCode, partitions)
}

// documentsBefore counts the documents of what occurred before a time.
func (r *run) documentsBefore(ctx context.Context, millis int64) (int64, error) {
	return r.index().Count(ctx, fmt.Sprintf(`{"range": {"occurred_at": {"lt": %d, "format": "epoch_millis"}}}`, millis))
}

// judgeWatermarks rules on what was said to be complete, of the topic and of the index,
// when everything is in its place. It returns what was looked at.
func (r *run) judgeWatermarks(ctx context.Context, ledger *pgx.Conn) (string, error) {
	latest, err := latestEntry(ctx, ledger)
	if err != nil {
		return "", err
	}
	topic, err := r.judgeTopicMarks(ctx, latest)
	if err != nil {
		return "", err
	}
	if err := pipes.Await(ctx, recoveryPatience, func(ctx context.Context) error {
		to, err := r.indexCompleteTo(ctx)
		if err == nil && to <= latest {
			err = fmt.Errorf("the index is complete to %s, and the last event is of %s", moment(to), moment(latest))
		}
		return err
	}); err != nil {
		r.load.seen.report(watermarks, "after quiet: %v", err)
	}
	all := r.glimpses.all
	judgeGlimpses(r.load.seen, all, func(millis int64) (int64, error) { return r.documentsBefore(ctx, millis) })
	if len(all) == 0 {
		r.load.seen.report(watermarks, "the index never said up to when it is complete")
	}
	return fmt.Sprintf("%d of the topic, %d of them sent late, against the first occurrences of %d events, with %d repeats passed over; what the index said at %d moments under load",
		topic.marks, topic.late, len(topic.known), topic.repeats, len(all)), nil
}

// judgeGlimpses holds each moment of the index against what there is in the end:
// nothing may have come later than it said, and it never takes back what it said.
func judgeGlimpses(seen *observations, all []glimpse, now func(millis int64) (int64, error)) {
	for i, then := range all {
		if i > 0 && then.completeTo < all[i-1].completeTo {
			seen.report(watermarks, "the index was complete to %s, then to %s", moment(all[i-1].completeTo), moment(then.completeTo))
		}
		documents, err := now(then.completeTo)
		switch {
		case err != nil:
			seen.report(watermarks, "the index cannot be counted: %v", err)
		case documents != then.documents:
			seen.report(watermarks, "complete to %s, said the index, and had %d documents of before, now it has %d",
				moment(then.completeTo), then.documents, documents)
		}
	}
}

// latestEntry is when the last entry of the ledger occurred, in milliseconds since 1970.
func latestEntry(ctx context.Context, ledger *pgx.Conn) (int64, error) {
	var latest time.Time
	err := ledger.QueryRow(ctx, "SELECT max(occurred_at) FROM entries").Scan(&latest)
	return latest.UnixMilli(), err
}

// judgeTopicMarks waits until watermarks speak of the last event, and holds all of
// them against all events.
func (r *run) judgeTopicMarks(ctx context.Context, latest int64) (*promises, error) {
	partitions, err := r.sinks.partitions(ctx)
	if err != nil {
		return nil, err
	}
	var p *promises
	err = pipes.Await(ctx, recoveryPatience, func(ctx context.Context) error {
		// Watermarks that were read before are read again, and not judged twice.
		p = newPromises(newObservations(), launch.BankCode, partitions)
		err := pipes.ReadAll(ctx, r.sinks.broker, p.read, watermarksTopic)
		if err == nil && !p.covers(latest) {
			err = errors.New("no watermark speaks of the last event")
		}
		return err
	})
	if p == nil || ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	p.sort()
	decoders := pipes.NewDecoders(r.system.stack.Addresses().RegistryConfluent())
	err = pipes.ReadAll(ctx, r.sinks.broker, func(record *kgo.Record) {
		if r.sinks.poisoned[place{record.Partition, record.Offset}] != "" {
			return
		}
		var e event.Transaction
		if err := decoders.Decode(ctx, record.Value, &e); err != nil {
			p.seen.report(watermarks, "the event at %d/%d cannot be read: %v", record.Partition, record.Offset, err)
			return
		}
		p.occur(record.Partition, record.Offset, &e)
	}, transactions)
	if err != nil {
		return nil, err
	}
	p.close()
	r.load.seen.join(p.seen)
	return p, nil
}

// read takes a record of the topic of watermarks.
func (p *promises) read(record *kgo.Record) {
	_, body, err := event.ParseFrame(record.Value)
	var mark event.Watermark
	if err == nil {
		mark, err = event.DecodeWatermark(body)
	}
	if err != nil {
		p.seen.report(watermarks, "%s/%d/%d is no watermark: %v", record.Topic, record.Partition, record.Offset, err)
		return
	}
	p.say(record.Partition, mark)
}
