package kafka

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/schemas/event"
)

// pendingRecord is an event as a Kafka record with its answer. It is used again, group after group.
type pendingRecord struct {
	record kgo.Record
	// done belongs to the caller, err is the producer's answer, and promise receives that answer.
	done    func(error)
	err     error
	promise func(*kgo.Record, error)
}

// newRecords allocates records that no earlier producer can still hold.
func (p *Publisher) newRecords() {
	p.arena = nil
	p.records = make([]pendingRecord, p.config.MaxGroup)
	for i := range p.records {
		pending := &p.records[i]
		pending.promise = func(_ *kgo.Record, err error) {
			if pending.err = err; err == nil {
				pending.done(nil)
			} else {
				p.producer.recordFailed()
			}
			p.unanswered.Done()
		}
	}
}

// run sends group after group until the publisher is closed.
func (p *Publisher) run() {
	defer close(p.ended)
	p.newRecords()
	var group []publication
	for {
		group = p.nextGroup(group)
		if len(group) == 0 || !p.deliver(group) {
			p.abandon()
			return
		}
		clear(group)
	}
}

// nextGroup waits for events and takes up to a group of them. It returns none when the publisher is
// closed.
func (p *Publisher) nextGroup(into []publication) []publication {
	for {
		p.mutex.Lock()
		if !p.refusing { // It was flushed.
			clear(p.blocked)
		}
		n := min(len(p.waiting), p.config.MaxGroup)
		group := append(into[:0], p.waiting[:n]...)
		left := copy(p.waiting, p.waiting[n:])
		clear(p.waiting[left:])
		p.waiting = p.waiting[:left]
		p.mutex.Unlock()
		for range n {
			<-p.slots
		}
		if n > 0 {
			return group
		}
		select {
		case <-p.arrived:
		case <-p.ctx.Done():
			return nil
		}
	}
}

// deliver sends a group until every event of it is acknowledged or refused. When the publisher is
// closed, it answers the remaining events with ErrClosed and returns false.
func (p *Publisher) deliver(group []publication) bool {
	wait := backoff{shortest: 50 * time.Millisecond, longest: 5 * time.Second}
	alone := false // the first event was refused by its size, and nothing with it
	for left := p.withoutBlocked(group); len(left) > 0; left = p.withoutBlocked(left) {
		n := p.limit.fits(left)
		if alone {
			n = 1
		}
		failed, err := p.send(left[:n])
		alone = len(failed) == 1 && n > 1 && isTooLarge(err)
		if len(failed) == 0 {
			left = left[n:]
			p.limit.succeeded(time.Now())
			continue
		}
		left = append(failed, left[n:]...)
		if p.ctx.Err() != nil {
			p.answerAll(left, ErrClosed)
			return false
		}
		p.stats.recoveries.Add(1)
		switch {
		case alone:
		case n == 1 && isTooLarge(err):
			p.refuseAsTooLarge(left[0])
			left = left[1:]
		case isTooLarge(err):
			p.lowerLimit(failed, err)
		default:
			p.logger.Warn("the broker did not take events; sending them again with a new producer",
				slog.Int("events", len(failed)), slog.Any("error", kafkaauth.Explain(p.config.BrokerAuth, err)))
			wait.sleep(p.ctx)
		}
		if err := p.renew(); err != nil {
			p.logger.Error("a new producer could not be made; trying again", slog.Any("error", err))
		}
	}
	return true
}

// send sends a group once and answers the acknowledged events. It returns the others, in order,
// with the first error.
func (p *Publisher) send(group []publication) ([]publication, error) {
	if !p.pack(group) {
		return group, context.Cause(p.ctx)
	}
	p.config.Failpoint.At(failpoints.RelayFetched)
	reminder := time.AfterFunc(brokerAwayAfter, p.brokerAway)
	p.unanswered.Add(len(group))
	if !p.producer.bufferGroup(p.ctx, p.records[:len(group)]) || p.producer.client.Flush(p.ctx) != nil {
		p.producer.close() // it answers every record
	}
	p.unanswered.Wait()
	p.config.Failpoint.At(failpoints.RelayPublished)
	p.brokerBack(reminder)
	p.stats.groups.Add(1)
	return p.collectAnswers(group)
}

// collectAnswers counts the acknowledged events of a group and returns the others, with the first
// refusal by size, or else the first error.
func (p *Publisher) collectAnswers(group []publication) (failed []publication, first error) {
	bytes := 0
	for i := range group {
		pending := &p.records[i]
		if pending.err != nil {
			if first == nil || isTooLarge(pending.err) && !isTooLarge(first) {
				first = pending.err
			}
			failed = append(failed, group[i])
			continue
		}
		bytes += len(pending.record.Value)
	}
	through := len(group) - len(failed)
	p.stats.acknowledged.Add(int64(through))
	p.stats.bytes.Add(int64(bytes))
	p.answered(through)
	return failed, first
}

// renew replaces the producer, after it has answered every record.
func (p *Publisher) renew() error {
	p.producer.close()
	p.newRecords()
	fresh, err := p.newProducer()
	if err == nil {
		p.producer = fresh
	}
	return err
}

// abandon answers every waiting event with ErrClosed and closes the producer.
func (p *Publisher) abandon() {
	p.mutex.Lock()
	left := p.waiting
	p.waiting = nil
	p.mutex.Unlock()
	p.answerAll(left, ErrClosed)
	p.producer.close()
}

func (p *Publisher) answerAll(left []publication, err error) {
	for i := range left {
		left[i].done(err)
	}
	if len(left) > 0 {
		p.answered(len(left))
	}
}

// pack makes the records of a group: key, frame and body in one piece of memory. It waits for
// schema ids; false when the publisher is closed first.
//
// Records have no headers. A header could carry the event's id, its type, its source or the trace,
// and all of these are in the body. The four headers of CloudEvents would cost two fifths more
// processor time here, and a conversion of each in every consumer.
func (p *Publisher) pack(group []publication) bool {
	size := 0
	for i := range group {
		size += keySize + frameSize + len(group[i].event.Body)
	}
	if cap(p.arena) < size {
		p.arena = make([]byte, 0, size)
	}
	arena := p.arena[:0]
	for i := range group {
		e := &group[i].event
		id, ok := p.schemaID(e.SchemaVersion)
		if !ok {
			return false
		}
		start := len(arena)
		arena = e.Key.Append(arena)
		middle := len(arena)
		arena = append(event.AppendFrame(arena, id), e.Body...)
		pending := &p.records[i]
		pending.done, pending.err = group[i].done, nil
		pending.record = kgo.Record{Topic: p.topic, Key: arena[start:middle], Value: arena[middle:]}
	}
	p.arena = arena
	return true
}

const (
	keySize   = 36
	frameSize = 5
)

func (p *Publisher) brokerAway() {
	p.stats.brokerAway.Store(true)
	p.logger.Warn("the broker is away; events wait", slog.String("topic", p.topic))
}

func (p *Publisher) brokerBack(reminder *time.Timer) {
	if reminder.Stop() {
		return
	}
	p.stats.brokerAway.Store(false)
	if p.ctx.Err() == nil {
		p.logger.Info("the broker is back", slog.String("topic", p.topic))
	}
}
