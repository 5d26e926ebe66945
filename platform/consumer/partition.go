package consumer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/id"
)

// partition is the work on one partition. Its records wait in a queue of bounded length: while it is full,
// the client fetches none of this partition.
type partition struct {
	session *session
	topic   id.ID
	number  int32
	stop    context.CancelFunc
	wake    chan struct{}

	mutex sync.Mutex
	queue []*kgo.Record
	// paused says that the client fetches none of this partition. stopped says that another partition of the same
	// number may have taken the place of this one, which then has no say in what is fetched.
	paused, stopped bool

	// next is the stored offset. end is that of the next record that will be written, as of the last fetch.
	next, end atomic.Int64
	// failingSince is when the present batch first failed, in Unix milliseconds; 0 when it did not.
	failingSince atomic.Int64
}

// fullBatches is how many batches of records wait before the partition is paused.
const fullBatches = 4

// add queues fetched records.
func (p *partition) add(records []*kgo.Record, end int64) {
	p.end.Store(end)
	if len(records) == 0 {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.stopped {
		return
	}
	p.queue = append(p.queue, records...)
	if len(p.queue) >= fullBatches*p.session.consumer.config.MaxBatch && !p.paused {
		p.paused = true
		p.session.client.PauseFetchPartitions(p.asMap())
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// halt drops what waits, and lets the client fetch the partition for whoever reads it next. It does not wait
// for what is in hand.
func (p *partition) halt() {
	p.stop()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.stopped, p.queue = true, nil
	p.resume()
}

// resume lets the client fetch the partition again, if it was paused. The mutex is held.
func (p *partition) resume() {
	if p.paused {
		p.paused = false
		p.session.client.ResumeFetchPartitions(p.asMap())
	}
}

func (p *partition) asMap() map[string][]int32 {
	return map[string][]int32{p.session.consumer.config.Topic: {p.number}}
}

// take returns the next records, at most a batch; none when there are none.
func (p *partition) take() []*kgo.Record {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	most := p.session.consumer.config.MaxBatch
	batch := p.queue[:min(len(p.queue), most)]
	p.queue = p.queue[len(batch):]
	if len(p.queue) <= most {
		p.resume()
	}
	if len(p.queue) == 0 {
		p.queue = nil
	}
	return batch
}

// run deals with the records until ctx ends.
func (p *partition) run(ctx context.Context) {
	for {
		batch := p.take()
		if len(batch) == 0 {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if !p.deal(ctx, batch) {
			return
		}
	}
}

// deal deals with a batch: first the handler, then the letters, then the offset. It reports false when ctx
// ends, or when the session has to begin again.
func (p *partition) deal(ctx context.Context, batch []*kgo.Record) bool {
	config, stats := &p.session.consumer.config, &p.session.consumer.stats
	var letters []Letter
	done := p.try(ctx, "records could not be handled", func() (err error) {
		letters, err = config.Handler.Handle(ctx, batch)
		return err
	})
	if done && len(letters) > 0 {
		done = p.try(ctx, "dead letters could not be put away", func() error { return config.DeadLetters.Put(ctx, letters) })
	}
	next, ok := batch[len(batch)-1].Offset+1, false
	done = done && p.try(ctx, "the offset could not be stored", func() (err error) {
		ok, err = config.Offsets.StoreOffset(ctx, p.topic, p.number, p.next.Load(), next)
		return err
	})
	if !done {
		return false
	}
	if !ok {
		p.session.end(errRestored)
		return false
	}
	p.next.Store(max(next, p.next.Load()))
	stats.records.Add(int64(len(batch)))
	stats.letters.Add(int64(len(letters)))
	return true
}

// try does one step until it succeeds. It reports false when ctx ends first.
func (p *partition) try(ctx context.Context, failed string, step func() error) bool {
	config, stats := &p.session.consumer.config, &p.session.consumer.stats
	wait := backoff{shortest: config.Backoff, longest: config.MaxBackoff}
	defer p.failingSince.Store(0)
	for attempt := 1; ctx.Err() == nil; attempt++ {
		err := step()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		stats.retries.Add(1)
		p.failingSince.CompareAndSwap(0, time.Now().UnixMilli())
		if attempt == 1 {
			config.Logger.Warn(failed+"; the partition waits and tries again", slog.Int("partition", int(p.number)), slog.Any("error", err))
		}
		wait.sleep(ctx)
	}
	return false
}
