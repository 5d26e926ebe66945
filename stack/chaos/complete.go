package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// glimpses are those of a run, and why the other looks saw nothing.
type glimpses struct {
	all    []glimpse
	failed map[string]int // how often, by the error's text
}

// errors is how many looks saw nothing.
func (g *glimpses) errors() (sum int) {
	for _, times := range g.failed {
		sum += times
	}
	return sum
}

// causes says why looks saw nothing: the three most frequent errors.
func (g *glimpses) causes() string {
	frequent := slices.SortedFunc(maps.Keys(g.failed), func(x, y string) int {
		return cmp.Or(cmp.Compare(g.failed[y], g.failed[x]), cmp.Compare(x, y))
	})
	var text []string
	for _, why := range frequent[:min(len(frequent), 3)] {
		text = append(text, fmt.Sprintf("%d times: %s", g.failed[why], why))
	}
	return strings.Join(text, "; ")
}

const (
	// glimpseEvery lies between two looks at the index.
	glimpseEvery = 3 * time.Second
	// glimpsePatience is how long one look may take.
	glimpsePatience = 30 * time.Second
)

// watchIndex looks at the index again and again: what it says of itself must be true
// at that moment. One that is away says nothing.
func (r *run) watchIndex(ctx context.Context) {
	r.glimpses.failed = make(map[string]int)
	for rest(ctx, glimpseEvery) {
		seen, err := r.glimpse(ctx)
		switch {
		case err == nil:
			r.glimpses.all = append(r.glimpses.all, seen)
		case ctx.Err() == nil:
			r.glimpses.failed[fmt.Sprintf("%.300v", err)]++
		}
	}
}

// glimpse asks first up to when the index is complete, and then what it has.
func (r *run) glimpse(ctx context.Context) (seen glimpse, err error) {
	ctx, cancel := context.WithTimeout(ctx, glimpsePatience)
	defer cancel()
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
	return r.index().CompleteTo(ctx, launch.BankCode, r.sinks.partitions)
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
	looks := &r.glimpses
	judgeGlimpses(r.load.seen, looks.all, func(millis int64) (int64, error) { return r.documentsBefore(ctx, millis) })
	if len(looks.all) == 0 {
		r.load.seen.report(watermarks, "the index did not say once under load up to when it is complete; asked %d times in vain, %s", looks.errors(), looks.causes())
	}
	return fmt.Sprintf("%d of the topic, %d of them sent late, against the first occurrences of %d events, with %d repeats passed over; what the index said at %d moments under load, of %d",
		topic.marks, topic.late, len(topic.known), topic.repeats, len(looks.all), len(looks.all)+looks.errors()), nil
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
	var p *promises
	err := pipes.Await(ctx, recoveryPatience, func(ctx context.Context) error {
		// Watermarks that were read before are read again, and not judged twice.
		p = newPromises(newObservations(), launch.BankCode, r.sinks.partitions)
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
