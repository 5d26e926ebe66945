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

// indexSample is one sample of the index: the time up to which it says that it is complete, in
// milliseconds since 1970, and how many earlier documents it had.
type indexSample struct{ completeTo, documents int64 }

// indexSamples holds the samples of a run and the errors of failed ones.
type indexSamples struct {
	all    []indexSample
	failed map[string]int // number of failed samples, by error text
}

// errors returns how many samples failed.
func (g *indexSamples) errors() (sum int) {
	for _, times := range g.failed {
		sum += times
	}
	return sum
}

// causes returns the three most frequent errors.
func (g *indexSamples) causes() string {
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
	// indexSampleInterval is the wait between two samples.
	indexSampleInterval = 3 * time.Second
	// indexSampleTimeout bounds one sample.
	indexSampleTimeout = 30 * time.Second
)

// sampleIndex samples the index again and again. What the index says of itself must be true at
// that moment. A sample of an index that is down fails.
func (r *run) sampleIndex(ctx context.Context) {
	r.indexSamples.failed = make(map[string]int)
	for sleep(ctx, indexSampleInterval) {
		sample, err := r.takeIndexSample(ctx)
		switch {
		case err == nil:
			r.indexSamples.all = append(r.indexSamples.all, sample)
		case ctx.Err() == nil:
			r.indexSamples.failed[fmt.Sprintf("%.300v", err)]++
		}
	}
}

// takeIndexSample reads up to when the index is complete, and after that how many documents it
// has.
func (r *run) takeIndexSample(ctx context.Context) (sample indexSample, err error) {
	ctx, cancel := context.WithTimeout(ctx, indexSampleTimeout)
	defer cancel()
	if sample.completeTo, err = r.indexCompleteTo(ctx); err != nil {
		return sample, err
	}
	if err := r.index().Refresh(ctx); err != nil {
		return sample, err
	}
	sample.documents, err = r.documentsBefore(ctx, sample.completeTo)
	return sample, err
}

func (r *run) index() pipes.Index { return pipes.Index(r.system.stack.Addresses().Elasticsearch()) }

// indexCompleteTo returns the smallest of the partitions' newest watermarks in the index.
func (r *run) indexCompleteTo(ctx context.Context) (millis int64, err error) {
	return r.index().CompleteTo(ctx, launch.BankCode, r.sinks.partitions)
}

// documentsBefore counts the documents of events that occurred before a time.
func (r *run) documentsBefore(ctx context.Context, millis int64) (int64, error) {
	return r.index().Count(ctx, fmt.Sprintf(`{"range": {"occurred_at": {"lt": %d, "format": "epoch_millis"}}}`, millis))
}

// checkWatermarks checks the watermarks of the topic and of the index, after everything has
// arrived. It returns a description of what was checked.
func (r *run) checkWatermarks(ctx context.Context, ledger *pgx.Conn) (string, error) {
	latest, err := latestEntry(ctx, ledger)
	if err != nil {
		return "", err
	}
	topic, err := r.checkTopicWatermarks(ctx, latest)
	if err != nil {
		return "", err
	}
	if err := pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		to, err := r.indexCompleteTo(ctx)
		if err == nil && to <= latest {
			err = fmt.Errorf("the index is complete to %s, and the last event occurred at %s", formatMillis(to), formatMillis(latest))
		}
		return err
	}); err != nil {
		r.load.observed.report(watermarks, "after the audit: %v", err)
	}
	samples := &r.indexSamples
	checkIndexSamples(r.load.observed, samples.all, func(millis int64) (int64, error) { return r.documentsBefore(ctx, millis) })
	if len(samples.all) == 0 {
		r.load.observed.report(watermarks, "no sample of the index under load succeeded; %d failed: %s", samples.errors(), samples.causes())
	}
	return fmt.Sprintf("%d watermarks of the topic, %d of them sent late, compared with the first occurrences of %d events (%d repeats ignored); %d samples of the index under load, of %d",
		topic.marks, topic.late, len(topic.known), topic.repeats, len(samples.all), len(samples.all)+samples.errors()), nil
}

// checkIndexSamples compares each sample with the final state of the index. No document may
// have come later than the sample said, and no sample may say less than the one before.
func checkIndexSamples(observed *observations, all []indexSample, now func(millis int64) (int64, error)) {
	for i, sample := range all {
		if i > 0 && sample.completeTo < all[i-1].completeTo {
			observed.report(watermarks, "the index was complete to %s, then to %s", formatMillis(all[i-1].completeTo), formatMillis(sample.completeTo))
		}
		documents, err := now(sample.completeTo)
		switch {
		case err != nil:
			observed.report(watermarks, "the index cannot be counted: %v", err)
		case documents != sample.documents:
			observed.report(watermarks, "the index said that it was complete to %s and had %d earlier documents; now it has %d",
				formatMillis(sample.completeTo), sample.documents, documents)
		}
	}
}

// latestEntry returns when the last entry of the ledger occurred, in milliseconds since 1970.
func latestEntry(ctx context.Context, ledger *pgx.Conn) (int64, error) {
	var latest time.Time
	err := ledger.QueryRow(ctx, "SELECT max(occurred_at) FROM entries").Scan(&latest)
	return latest.UnixMilli(), err
}

// checkTopicWatermarks waits until watermarks cover the last event, and compares all watermarks
// with all events.
func (r *run) checkTopicWatermarks(ctx context.Context, latest int64) (*watermarkCheck, error) {
	var p *watermarkCheck
	err := pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		// Each try reads all watermarks again, into observations of its own, so that no finding
		// counts twice.
		p = newWatermarkCheck(newObservations(), launch.BankCode, r.sinks.partitions)
		err := pipes.ReadAll(ctx, r.sinks.broker, p.readWatermark, watermarksTopic)
		if err == nil && !p.covers(latest) {
			err = errors.New("no watermark covers the last event")
		}
		return err
	})
	if p == nil || ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	p.sort()
	decoders := pipes.NewDecoders(r.system.stack.Addresses().RegistryConfluent())
	err = pipes.ReadAll(ctx, r.sinks.broker, func(record *kgo.Record) {
		if r.sinks.poisoned[recordPosition{record.Partition, record.Offset}] != "" {
			return
		}
		var e event.Transaction
		if err := decoders.Decode(ctx, record.Value, &e); err != nil {
			p.observed.report(watermarks, "the event at %d/%d cannot be read: %v", record.Partition, record.Offset, err)
			return
		}
		p.addEvent(record.Partition, record.Offset, &e)
	}, transactions)
	if err != nil {
		return nil, err
	}
	p.finish()
	r.load.observed.merge(p.observed)
	return p, nil
}

// readWatermark takes a record of the topic of watermarks.
func (p *watermarkCheck) readWatermark(record *kgo.Record) {
	_, body, err := event.ParseFrame(record.Value)
	var mark event.Watermark
	if err == nil {
		mark, err = event.DecodeWatermark(body)
	}
	if err != nil {
		p.observed.report(watermarks, "%s/%d/%d is not a watermark: %v", record.Topic, record.Partition, record.Offset, err)
		return
	}
	p.addWatermark(record.Partition, mark)
}
